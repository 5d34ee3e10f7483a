//! The decision about the next step in creating exactly one key, as a pure function of the observations.
//!
//! The rules come from Codat's pages on idempotency and errors. Codat replays the first response to an idempotency key
//! for 90 minutes, including 5xx. Only 429 releases the idempotency key. It is assumed that `POST /apiKeys` honours the
//! idempotency key, so lists of the keys serve as a second check.

use std::time::Duration;

use super::observed::{AttemptOutcome, LastEvent, Listing, Observed};
use crate::domain::rules;
use crate::retry::RetryPolicy;

/// The age from which an idempotency key is not sent any more. Codat forgets it after 90 minutes.
pub const OLDEST_IDEMPOTENCY_KEY: Duration = Duration::from_secs(85 * 60);

/// The minimum time between the two lists that show that a failed request created no key.
pub const BETWEEN_LISTINGS: Duration = Duration::from_secs(2);

/// The time and the random number that the decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Context {
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
pub enum Action {
    /// List the keys.
    List,
    /// Send the request, always with the same idempotency key and body.
    Post,
    /// Wait for this time.
    Wait(Duration),
    /// End the call.
    Complete(Completion),
}

/// The result of the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Completion {
    /// The key in the response.
    Created,
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
pub fn decide(observed: &Observed, policy: &RetryPolicy, context: Context) -> Action {
    match &observed.last_event {
        LastEvent::Nothing if observed.resumed && context.age < OLDEST_IDEMPOTENCY_KEY => Action::Post,
        LastEvent::Nothing => Action::List,
        LastEvent::FirstListing(listing) => after_first_listing(observed, *listing, context),
        LastEvent::Attempt(outcome) => after_attempt(observed, outcome, policy, context),
        LastEvent::Waited(AttemptOutcome::RateLimited(_)) if observed.ambiguous => list(context),
        LastEvent::Waited(_) => post(observed, context),
        LastEvent::Listing { after: AttemptOutcome::RateLimited(_), waited: true, listing: Some(listing) } => {
            completion_after(observed, Some(*listing)).map_or_else(|| post(observed, context), Action::Complete)
        }
        LastEvent::Listing { after, listing, .. } => after_listing(observed, after, *listing, context),
        LastEvent::WaitedForSecondListing(_) => list(context),
        LastEvent::SecondListing(listing) => {
            Action::Complete(completion_after(observed, *listing).unwrap_or(match listing {
                Some(_) => Completion::MostLikelyNothing,
                None => Completion::Unknown,
            }))
        }
    }
}

fn after_first_listing(observed: &Observed, listing: Option<Listing>, context: Context) -> Action {
    match listing {
        // A resumed call begins with a list only if its idempotency key is too old to be sent.
        _ if observed.resumed => Action::Complete(Completion::Unknown),
        None => Action::Complete(Completion::Error),
        Some(listing) if rules::is_full(listing.keys) => Action::Complete(Completion::LimitReached),
        Some(_) => post(observed, context),
    }
}

fn after_attempt(observed: &Observed, outcome: &AttemptOutcome, policy: &RetryPolicy, context: Context) -> Action {
    match outcome {
        AttemptOutcome::Created if observed.ambiguous => list_or(context, Completion::Created),
        AttemptOutcome::Created => Action::Complete(Completion::Created),
        AttemptOutcome::Invalid => Action::Complete(Completion::Error),
        // The response shows that nothing was created under this idempotency key, except if the idempotency key was
        // released in between, or if an earlier call used it.
        AttemptOutcome::AtLimit if observed.resumed || observed.released_while_ambiguous => list(context),
        AttemptOutcome::AtLimit => Action::Complete(Completion::LimitReached),
        AttemptOutcome::StillRunning => {
            let wait = Duration::from_secs(1) + Duration::from_secs(4).mul_f64(context.jitter);
            // The final list takes time, too.
            if wait + BETWEEN_LISTINGS < context.remaining { Action::Wait(wait) } else { give_up(observed, context) }
        }
        AttemptOutcome::NotSent | AttemptOutcome::Lost => back_off(observed, None, policy, context),
        AttemptOutcome::Failed(_, retry_after) | AttemptOutcome::RateLimited(retry_after) => {
            back_off(observed, *retry_after, policy, context)
        }
        AttemptOutcome::FailedPermanently | AttemptOutcome::Mismatch => list(context),
        AttemptOutcome::Refused => give_up(observed, context),
    }
}

fn after_listing(observed: &Observed, outcome: &AttemptOutcome, listing: Option<Listing>, context: Context) -> Action {
    match outcome {
        AttemptOutcome::Created => Action::Complete(Completion::Created),
        AttemptOutcome::FailedPermanently if listing.is_some() => match completion_after(observed, listing) {
            Some(completion) => Action::Complete(completion),
            None if BETWEEN_LISTINGS < context.remaining => Action::Wait(BETWEEN_LISTINGS),
            None => Action::Complete(Completion::Unknown),
        },
        AttemptOutcome::AtLimit => Action::Complete(completion_after(observed, listing).unwrap_or(Completion::Unknown)),
        // The final list only provides the candidates. None of them is adopted after the call has given up.
        _ => Action::Complete(Completion::Unknown),
    }
}

fn back_off(observed: &Observed, retry_after: Option<Duration>, policy: &RetryPolicy, context: Context) -> Action {
    match policy.backoff(observed.attempts, retry_after, context.remaining, context.jitter) {
        Some(wait) => Action::Wait(wait),
        None => give_up(observed, context),
    }
}

/// Ends the attempts. If a key may have been created, a final list provides the candidates. Otherwise the call returns
/// the error.
fn give_up(observed: &Observed, context: Context) -> Action {
    if observed.ambiguous { list(context) } else { Action::Complete(Completion::Error) }
}

fn post(observed: &Observed, context: Context) -> Action {
    if context.age < OLDEST_IDEMPOTENCY_KEY && context.can_send { Action::Post } else { give_up(observed, context) }
}

fn list(context: Context) -> Action {
    list_or(context, Completion::Unknown)
}

fn list_or(context: Context, completion: Completion) -> Action {
    if context.remaining.is_zero() { Action::Complete(completion) } else { Action::List }
}

/// Returns the result that follows from a list, or `None` if the list has no candidates. A new key with the name is
/// adopted only if the caller is the sole creator, because another program may have created it.
fn completion_after(observed: &Observed, listing: Option<Listing>) -> Option<Completion> {
    match listing? {
        Listing { candidates: 0, .. } => None,
        Listing { candidates: 1, adoptable: 1, .. } if observed.adopt => Some(Completion::Adopt),
        _ => Some(Completion::Unknown),
    }
}
