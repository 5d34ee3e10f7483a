//! The decision about the next step in creating exactly one key, as a pure function of the observations.
//!
//! The rules come from Codat's pages on idempotency and errors. Codat replays the first response to an idempotency key
//! for 90 minutes, including 5xx. Only 429 releases the idempotency key. It is assumed that `POST /apiKeys` honours the
//! idempotency key, so lists of the keys serve as a second check.

use std::time::Duration;

use super::observed::{Answer, Latest, Look, Observed};
use crate::domain::rules;
use crate::retry::RetryPolicy;

/// The age from which an idempotency key is not sent any more. Codat forgets it after 90 minutes.
pub const OLDEST_IDEMPOTENCY_KEY: Duration = Duration::from_secs(85 * 60);

/// The minimum time between the two lists that show that a failed request created no key.
pub const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// The time and the random number that the decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The remaining time of the call.
    pub remaining: Duration,
    /// The age of the idempotency key.
    pub age: Duration,
    /// Whether the remaining time suffices for an attempt: to connect, and a short time for the response.
    pub can_send: bool,
    /// A random number from 0 up to, but not including, 1.
    pub jitter: f64,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// List the keys.
    List,
    /// Send the request, always with the same idempotency key and body.
    Post,
    /// Wait for this time.
    Wait(Duration),
    /// End the call.
    End(End),
}

/// The result of the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// The key in the response.
    Made,
    /// The only candidate, because the caller is the sole creator.
    Adopt,
    /// The latest error. It is certain that nothing was created.
    Error,
    /// `KeyLimitReached`.
    LimitReached,
    /// `OutcomeUnknown`.
    Unknown,
    /// `OutcomeUnknown`, although most likely nothing was created.
    MostLikelyNothing,
}

/// Returns the next step.
pub fn decide(observed: &Observed, policy: &RetryPolicy, now: Now) -> Next {
    match &observed.latest {
        Latest::Nothing if observed.resumed && now.age < OLDEST_IDEMPOTENCY_KEY => Next::Post,
        Latest::Nothing => Next::List,
        Latest::FirstLook(look) => after_first_look(observed, *look, now),
        Latest::Answer(answer) => after_answer(observed, answer, policy, now),
        Latest::Waited(Answer::RateLimited(_)) if observed.in_doubt => look(now),
        Latest::Waited(_) => post(observed, now),
        Latest::Look { after: Answer::RateLimited(_), waited: true, look: Some(look) } => {
            verdict(observed, Some(*look)).map_or_else(|| post(observed, now), Next::End)
        }
        Latest::Look { after, look, .. } => after_look(observed, after, *look, now),
        Latest::WaitedForSecondLook(_) => look(now),
        Latest::SecondLook(look) => Next::End(verdict(observed, *look).unwrap_or(match look {
            Some(_) => End::MostLikelyNothing,
            None => End::Unknown,
        })),
    }
}

fn after_first_look(observed: &Observed, look: Option<Look>, now: Now) -> Next {
    match look {
        // A resumed call begins with a list only if its idempotency key is too old to be sent.
        _ if observed.resumed => Next::End(End::Unknown),
        None => Next::End(End::Error),
        Some(look) if rules::is_full(look.keys) => Next::End(End::LimitReached),
        Some(_) => post(observed, now),
    }
}

fn after_answer(observed: &Observed, answer: &Answer, policy: &RetryPolicy, now: Now) -> Next {
    match answer {
        Answer::Made if observed.in_doubt => look_or(now, End::Made),
        Answer::Made => Next::End(End::Made),
        Answer::Invalid => Next::End(End::Error),
        // The response shows that nothing was created under this idempotency key, except if the idempotency key was
        // released in between, or if an earlier call used it.
        Answer::AtLimit if observed.resumed || observed.released_in_doubt => look(now),
        Answer::AtLimit => Next::End(End::LimitReached),
        Answer::StillRunning => {
            let wait = Duration::from_secs(1) + Duration::from_secs(4).mul_f64(now.jitter);
            // The final list takes time, too.
            if wait + BETWEEN_LOOKS < now.remaining { Next::Wait(wait) } else { give_up(observed, now) }
        }
        Answer::NotSent | Answer::Lost => back_off(observed, None, policy, now),
        Answer::Failed(_, retry_after) | Answer::RateLimited(retry_after) => {
            back_off(observed, *retry_after, policy, now)
        }
        Answer::FailedForGood | Answer::Mismatch => look(now),
        Answer::Refused => give_up(observed, now),
    }
}

fn after_look(observed: &Observed, answer: &Answer, look: Option<Look>, now: Now) -> Next {
    match answer {
        Answer::Made => Next::End(End::Made),
        Answer::FailedForGood if look.is_some() => match verdict(observed, look) {
            Some(end) => Next::End(end),
            None if BETWEEN_LOOKS < now.remaining => Next::Wait(BETWEEN_LOOKS),
            None => Next::End(End::Unknown),
        },
        Answer::AtLimit => Next::End(verdict(observed, look).unwrap_or(End::Unknown)),
        // The final list only provides the candidates. None of them is adopted after the call has given up.
        _ => Next::End(End::Unknown),
    }
}

fn back_off(observed: &Observed, retry_after: Option<Duration>, policy: &RetryPolicy, now: Now) -> Next {
    match policy.backoff(observed.attempts, retry_after, now.remaining, now.jitter) {
        Some(wait) => Next::Wait(wait),
        None => give_up(observed, now),
    }
}

/// Ends the attempts. If a key may have been created, a final list provides the candidates. Otherwise the call returns
/// the error.
fn give_up(observed: &Observed, now: Now) -> Next {
    if observed.in_doubt { look(now) } else { Next::End(End::Error) }
}

fn post(observed: &Observed, now: Now) -> Next {
    if now.age < OLDEST_IDEMPOTENCY_KEY && now.can_send { Next::Post } else { give_up(observed, now) }
}

fn look(now: Now) -> Next {
    look_or(now, End::Unknown)
}

fn look_or(now: Now, end: End) -> Next {
    if now.remaining.is_zero() { Next::End(end) } else { Next::List }
}

/// Returns the result that follows from a list, or `None` if the list has no candidates. A new key with the name is
/// adopted only if the caller is the sole creator, because another program may have created it.
fn verdict(observed: &Observed, look: Option<Look>) -> Option<End> {
    match look? {
        Look { candidates: 0, .. } => None,
        Look { candidates: 1, adoptable: 1, .. } if observed.adopt => Some(End::Adopt),
        _ => Some(End::Unknown),
    }
}
