//! The decision about the next step in deleting a key, as a pure function of the observations so far.

use std::time::Duration;

use crate::retry::RetryPolicy;

/// The observations so far in deleting a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Whether the client authenticates with the key to delete. If so, a 401 or 403 is expected after the deletion.
    is_own: bool,
    ambiguous: bool,
    attempts: u32,
    last_event: LastEvent,
}

#[derive(Clone, Debug, PartialEq)]
enum LastEvent {
    Nothing,
    Listing(Listing),
    /// A listing directly after an attempt. No further attempt follows.
    FinalListing(Listing),
    Attempt(AttemptOutcome),
    Waited,
}

/// The result of listing the keys and of checking whether the key may be deleted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Listing {
    /// The key exists and may be deleted.
    Allowed,
    /// The key exists and must not be deleted, because it is the last key or the key in use.
    Protected,
    /// No listed key has this id.
    Absent,
    /// 401 or 403: Codat rejects the key that the client authenticates with.
    NoAccess,
    /// The keys could not be listed for another reason.
    Failed,
}

/// The outcome of an attempt to delete the key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AttemptOutcome {
    /// 204: the key was deleted.
    Deleted,
    /// 404 with Codat's JSON: no key has this id.
    Absent,
    /// 404 without Codat's JSON. The response does not show whether the key exists, because it comes from another
    /// server.
    AbsentElsewhere,
    /// 409, because the key is the last one.
    LastKey,
    /// Nothing was sent, for example because the connection failed.
    NotSent,
    /// An outcome that does not show whether the key was deleted: no response after the request was sent, 408, 5xx, or
    /// an unexpected 2xx. The duration is the value of `Retry-After`.
    Ambiguous(Option<Duration>),
    /// 429, with the value of `Retry-After`.
    RateLimited(Option<Duration>),
    /// 401 or 403: Codat rejects the key that the client authenticates with.
    NoAccess,
    /// Any other status, or a connection error that a retry would not avoid.
    Refused,
}

/// The next step in deleting a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// List the keys and check whether the key may be deleted.
    List,
    /// Send the request that deletes the key.
    Delete,
    /// Wait for this duration.
    Wait(Duration),
    /// End the delete operation with this result.
    Complete(Completion),
}

/// The result of the delete operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Completion {
    /// The operation succeeds: the key was deleted.
    Deleted,
    /// Returns the latest error. This operation deleted nothing.
    Error,
    /// Returns the error `OutcomeUnknown`, because the key may have been deleted.
    Unknown,
    /// Returns the error `OutcomeUnknown` with the information that the key was probably deleted, because Codat rejects
    /// it.
    ProbablyDeleted,
}

impl Observed {
    /// Creates a value without observations.
    pub fn new() -> Self {
        Self { is_own: false, ambiguous: false, attempts: 0, last_event: LastEvent::Nothing }
    }

    /// Returns whether an attempt may have deleted the key without a conclusive response.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Records that a request is about to be sent. If the operation is cancelled from now on, its outcome is ambiguous.
    /// Returns whether the outcome was already ambiguous.
    pub fn deleting(&mut self) -> bool {
        std::mem::replace(&mut self.ambiguous, true)
    }

    /// Records the outcome of an attempt. `was_ambiguous` is the value that [`Observed::deleting`] returned.
    pub fn attempted(&mut self, outcome: AttemptOutcome, was_ambiguous: bool) {
        self.attempts += 1;
        self.ambiguous = was_ambiguous || matches!(outcome, AttemptOutcome::Ambiguous(_));
        self.last_event = LastEvent::Attempt(outcome);
    }

    /// Records the result of listing the keys. `is_own` is whether the client authenticates with the key to delete.
    pub fn listed(&mut self, listing: Listing, is_own: bool) {
        self.is_own |= is_own;
        self.last_event = match self.last_event {
            LastEvent::Attempt(_) => LastEvent::FinalListing(listing),
            _ => LastEvent::Listing(listing),
        };
    }

    /// Records that Codat rejected the key that the client authenticates with, and that another key replaced it. The
    /// rejected request changed nothing. The keys must be listed and checked again, because the check depends on the
    /// key in use. `was_ambiguous` is the value that [`Observed::deleting`] returned.
    pub fn key_replaced(&mut self, was_ambiguous: bool) {
        self.ambiguous = was_ambiguous;
        self.last_event = LastEvent::Waited;
    }

    /// Records that the wait is over.
    pub fn waited(&mut self) {
        self.last_event = LastEvent::Waited;
    }
}

impl Default for Observed {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the next step in deleting a key. `can_send` is whether enough of the `remaining` time is left for an
/// attempt. `jitter` is a random number that is at least 0 and less than 1.
pub fn decide(observed: &Observed, policy: &RetryPolicy, remaining: Duration, can_send: bool, jitter: f64) -> Action {
    match observed.last_event {
        LastEvent::Nothing | LastEvent::Waited if remaining.is_zero() => Action::Complete(unconfirmed(observed)),
        LastEvent::Nothing | LastEvent::Waited => Action::List,
        LastEvent::Listing(Listing::Allowed) if can_send => Action::Delete,
        LastEvent::Listing(listing) | LastEvent::FinalListing(listing) => after_listing(observed, listing),
        LastEvent::Attempt(outcome) => after_attempt(observed, outcome, policy, remaining, jitter),
    }
}

fn after_listing(observed: &Observed, listing: Listing) -> Action {
    match listing {
        Listing::Absent if observed.ambiguous => Action::Complete(Completion::Deleted),
        Listing::NoAccess if observed.ambiguous && observed.is_own => Action::Complete(Completion::ProbablyDeleted),
        _ => Action::Complete(unconfirmed(observed)),
    }
}

fn after_attempt(
    observed: &Observed,
    outcome: AttemptOutcome,
    policy: &RetryPolicy,
    remaining: Duration,
    jitter: f64,
) -> Action {
    let retry_after = match outcome {
        AttemptOutcome::Deleted => return Action::Complete(Completion::Deleted),
        // The listing before the attempts contained the id, so an earlier attempt of this operation deleted the key.
        AttemptOutcome::Absent if observed.ambiguous => return Action::Complete(Completion::Deleted),
        AttemptOutcome::Absent => return Action::Complete(Completion::Error),
        // The key still exists, but an earlier attempt may still be running and may delete it.
        AttemptOutcome::LastKey => return Action::Complete(unconfirmed(observed)),
        AttemptOutcome::NoAccess if observed.ambiguous && observed.is_own => {
            return Action::Complete(Completion::ProbablyDeleted);
        }
        AttemptOutcome::NoAccess | AttemptOutcome::Refused => return Action::Complete(unconfirmed(observed)),
        AttemptOutcome::AbsentElsewhere if observed.ambiguous => None,
        AttemptOutcome::AbsentElsewhere => return Action::Complete(Completion::Error),
        AttemptOutcome::NotSent => None,
        AttemptOutcome::Ambiguous(retry_after) | AttemptOutcome::RateLimited(retry_after) => retry_after,
    };
    match policy.backoff(observed.attempts, retry_after, remaining, jitter) {
        Some(wait) => Action::Wait(wait),
        // A final listing may show that the key was deleted.
        None if observed.ambiguous && !remaining.is_zero() => Action::List,
        None => Action::Complete(unconfirmed(observed)),
    }
}

fn unconfirmed(observed: &Observed) -> Completion {
    if observed.ambiguous { Completion::Unknown } else { Completion::Error }
}
