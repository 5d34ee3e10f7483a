//! The decision about the next step in deleting a key, as a pure function of the observations.

use std::time::Duration;

use crate::retry::RetryPolicy;

/// The observations so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The client authenticates with the key to delete, so 401 and 403 are expected after its deletion.
    is_own: bool,
    ambiguous: bool,
    attempts: u32,
    last_event: LastEvent,
}

#[derive(Clone, Debug, PartialEq)]
enum LastEvent {
    Nothing,
    Listing(Listing),
    /// A list directly after an attempt. No further attempt follows.
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
    /// No key has this id.
    Absent,
    /// 401 or 403: Codat rejects the key in use.
    NoAccess,
    /// The list failed for another reason.
    Failed,
}

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AttemptOutcome {
    /// 204.
    Deleted,
    /// 404 with Codat's JSON.
    Absent,
    /// 404 without Codat's JSON, which does not show whether the key exists.
    AbsentElsewhere,
    /// 409: the key is the last one.
    LastKey,
    /// No byte was sent.
    NotSent,
    /// An ambiguous outcome, and the wait that the response asks for: no response after bytes were sent, 408, 5xx, or
    /// an unexpected 2xx.
    Ambiguous(Option<Duration>),
    /// 429, and the wait that it asks for.
    RateLimited(Option<Duration>),
    /// 401 or 403.
    NoAccess,
    /// Any other status, or a connection error that a retry would not avoid.
    Refused,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// List the keys and check whether the key may be deleted.
    List,
    /// Send the request.
    Delete,
    /// Wait for this time.
    Wait(Duration),
    /// End the call.
    Complete(Completion),
}

/// The result of the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Completion {
    /// The key was deleted.
    Deleted,
    /// The latest error. It is certain that this call deleted nothing.
    Error,
    /// `OutcomeUnknown`.
    Unknown,
    /// `OutcomeUnknown`, although the key was probably deleted, because it no longer works.
    ProbablyDeleted,
}

impl Observed {
    /// Starts without observations.
    pub fn new() -> Self {
        Self { is_own: false, ambiguous: false, attempts: 0, last_event: LastEvent::Nothing }
    }

    /// Returns whether the key may have been deleted without a response that confirms it.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Records that a request is about to be sent. A call that is cancelled from now on is ambiguous. Returns whether
    /// it was ambiguous before.
    pub fn deleting(&mut self) -> bool {
        std::mem::replace(&mut self.ambiguous, true)
    }

    /// Records the outcome of an attempt. `was_ambiguous` is the value that [`Observed::deleting`] returned.
    pub fn attempted(&mut self, outcome: AttemptOutcome, was_ambiguous: bool) {
        self.attempts += 1;
        self.ambiguous = was_ambiguous || matches!(outcome, AttemptOutcome::Ambiguous(_));
        self.last_event = LastEvent::Attempt(outcome);
    }

    /// Records the result of a list, and whether the client authenticates with the key to delete.
    pub fn listed(&mut self, listing: Listing, is_own: bool) {
        self.is_own |= is_own;
        self.last_event = match self.last_event {
            LastEvent::Attempt(_) => LastEvent::FinalListing(listing),
            _ => LastEvent::Listing(listing),
        };
    }

    /// Records that Codat rejected the key in use, which changed nothing, and that another key replaced it. The keys
    /// are listed and checked again, because the result depends on the key in use. `was_ambiguous` is the value that
    /// [`Observed::deleting`] returned.
    pub fn key_replaced(&mut self, was_ambiguous: bool) {
        self.ambiguous = was_ambiguous;
        self.last_event = LastEvent::Waited;
    }

    /// Records that a wait is over.
    pub fn waited(&mut self) {
        self.last_event = LastEvent::Waited;
    }
}

impl Default for Observed {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the next step, given the remaining time, whether it suffices for an attempt, and a random number from 0 up
/// to, but not including, 1.
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
        // The list contained the id, so an earlier attempt of this call deleted the key.
        AttemptOutcome::Absent if observed.ambiguous => return Action::Complete(Completion::Deleted),
        AttemptOutcome::Absent => return Action::Complete(Completion::Error),
        // Codat still has the key, but an earlier attempt may still be running and delete it.
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
        // A final list may show that the key was deleted.
        None if observed.ambiguous && !remaining.is_zero() => Action::List,
        None => Action::Complete(unconfirmed(observed)),
    }
}

fn unconfirmed(observed: &Observed) -> Completion {
    if observed.ambiguous { Completion::Unknown } else { Completion::Error }
}
