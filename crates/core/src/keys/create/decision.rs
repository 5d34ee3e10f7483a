//! The decision about the next step in creating exactly one key, as a pure function of the observations so far.
//!
//! The rules come from Codat's pages on idempotency and errors. Codat replays the first response to an idempotency key
//! for 90 minutes, also if that response is a 5xx. Only a 429 releases the idempotency key. This library assumes that
//! `POST /apiKeys` honours the idempotency key. Listing the keys serves as a second check.

use std::time::Duration;

use super::observed::{AttemptOutcome, LastEvent, Listing, Observed};
use crate::domain::rules;
use crate::retry::RetryPolicy;

/// The age at which an idempotency key becomes too old to be sent. Codat forgets an idempotency key after 90 minutes.
pub const OLDEST_IDEMPOTENCY_KEY: Duration = Duration::from_secs(85 * 60);

/// The minimum time between the two listings after a failed request. If neither contains a new key, most likely no key
/// was created.
pub const BETWEEN_LISTINGS: Duration = Duration::from_secs(2);

/// The times and the random number on which the next step depends.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The remaining time of the create operation.
    pub remaining: Duration,
    /// The age of the idempotency key.
    pub age: Duration,
    /// Whether enough time remains for an attempt: to connect and to receive a response.
    pub can_send: bool,
    /// A random number that is at least 0 and less than 1.
    pub jitter: f64,
}

/// The next step in creating a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// List the keys.
    List,
    /// Send the request that creates the key, always with the same idempotency key and body.
    Post,
    /// Wait for this duration.
    Wait(Duration),
    /// End the create operation with this result.
    Complete(Completion),
}

/// The result of the create operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Completion {
    /// Returns the key from the response.
    Created,
    /// Returns the only candidate. The caller is the sole creator of keys with this name.
    Adopt,
    /// Returns the latest error. No key was created.
    Error,
    /// Returns the error `KeyLimitReached`.
    LimitReached,
    /// Returns the error `OutcomeUnknown`, because a key may have been created.
    Unknown,
    /// Returns the error `OutcomeUnknown` with the information that most likely no key was created.
    MostLikelyNothing,
}

/// Returns the next step in creating a key.
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
        // A resumed operation begins with a listing only if its idempotency key is too old to be sent.
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
        // The response shows that this request created no key. An earlier request may have created one if its
        // idempotency key was released after it, or if an earlier operation sent it.
        AttemptOutcome::AtLimit if observed.resumed || observed.released_while_ambiguous => list(context),
        AttemptOutcome::AtLimit => Action::Complete(Completion::LimitReached),
        AttemptOutcome::StillRunning => {
            let wait = Duration::from_secs(1) + Duration::from_secs(4).mul_f64(context.jitter);
            // Leaves enough time for the final listing.
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
        // The final listing only provides candidates for the error. After the operation has given up, no candidate is
        // adopted.
        _ => Action::Complete(Completion::Unknown),
    }
}

fn back_off(observed: &Observed, retry_after: Option<Duration>, policy: &RetryPolicy, context: Context) -> Action {
    match policy.backoff(observed.attempts, retry_after, context.remaining, context.jitter) {
        Some(wait) => Action::Wait(wait),
        None => give_up(observed, context),
    }
}

/// Sends no further request. If a key may have been created, the keys are listed a last time to provide the candidates.
/// Otherwise the operation returns the latest error.
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

/// Returns the result that follows from a listing. Returns `None` if the listing failed or contains no candidate. A
/// single candidate is adopted only if the caller is the sole creator of keys with this name, because another program
/// may otherwise have created the key.
fn completion_after(observed: &Observed, listing: Option<Listing>) -> Option<Completion> {
    match listing? {
        Listing { candidates: 0, .. } => None,
        Listing { candidates: 1, adoptable: 1, .. } if observed.adopt => Some(Completion::Adopt),
        _ => Some(Completion::Unknown),
    }
}
