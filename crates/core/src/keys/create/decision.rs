//! What to do next in order to create exactly one key: a pure function of what was observed.
//!
//! The rules come from Codat's pages on idempotency and errors: the first answer to an idempotency key is replayed for
//! 90 minutes, 5xx included; 429 alone releases it. That `POST /apiKeys` honours it is assumed: the lists are a second net.

use std::time::Duration;

use super::observed::{Answer, Latest, Look, Observed};
use crate::domain::rules;
use crate::retry::RetryPolicy;

/// An idempotency key older than this is not sent any more: Codat forgets it after 90 minutes.
pub const OLDEST_IDEMPOTENCY_KEY: Duration = Duration::from_secs(85 * 60);

/// The least time between the two lists that show that a failed request made nothing.
pub const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// What the decision may know of time and chance.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// What is left of the call's time.
    pub remaining: Duration,
    /// How old the idempotency key is.
    pub age: Duration,
    /// Whether enough is left for an attempt: to connect, and a moment for the answer.
    pub can_send: bool,
    /// A number from 0 up to, but not including, 1.
    pub jitter: f64,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// List the keys.
    List,
    /// Send the request, always with the same idempotency key and the same bytes.
    Post,
    /// Wait.
    Wait(Duration),
    /// The call is over.
    End(End),
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// With the key that the answer held.
    Made,
    /// With the one candidate, because the caller is the sole creator.
    Adopt,
    /// With the latest error, which proves that nothing was made.
    Error,
    /// With `KeyLimitReached`.
    LimitReached,
    /// With `OutcomeUnknown`.
    Unknown,
    /// With `OutcomeUnknown`, most likely nothing was made.
    MostLikelyNothing,
}

/// The next step.
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
        // Only a resume whose idempotency key is too old lists before anything else.
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
        // The answer proves that nothing was made under this idempotency key, unless that was released in between, or
        // belongs to an earlier call of which we know nothing.
        Answer::AtLimit if observed.resumed || observed.released_in_doubt => look(now),
        Answer::AtLimit => Next::End(End::LimitReached),
        Answer::StillRunning => {
            let wait = Duration::from_secs(1) + Duration::from_secs(4).mul_f64(now.jitter);
            // A last look takes time too.
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
        // A last look tells the candidates; what gave up does not go on to adopt one.
        _ => Next::End(End::Unknown),
    }
}

fn back_off(observed: &Observed, retry_after: Option<Duration>, policy: &RetryPolicy, now: Now) -> Next {
    match policy.backoff(observed.attempts, retry_after, now.remaining, now.jitter) {
        Some(wait) => Next::Wait(wait),
        None => give_up(observed, now),
    }
}

/// No further attempt. What nobody doubts is the error itself; else a last look tells the candidates.
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

/// What a look proves: a plain name never that a key is ours, unless the caller says that nobody else makes any.
fn verdict(observed: &Observed, look: Option<Look>) -> Option<End> {
    match look? {
        Look { candidates: 0, .. } => None,
        Look { candidates: 1, adoptable: 1, .. } if observed.adopt => Some(End::Adopt),
        _ => Some(End::Unknown),
    }
}
