//! The observations on which the decision about the next step depends.

use std::time::Duration;

/// The observations so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The caller is the sole creator of keys with this name, so a new one must be the requested one.
    pub(super) adopt: bool,
    /// An earlier call may have sent the request under the same idempotency key.
    pub(super) resumed: bool,
    /// An attempt may have created a key, and there was no conclusive response.
    pub(super) ambiguous: bool,
    /// A 429 released the idempotency key, although an earlier attempt may still be running.
    pub(super) released_while_ambiguous: bool,
    /// Every further response to this idempotency key will be the same failure.
    is_spent: bool,
    /// The number of attempts, except for those that found an earlier one still running.
    pub(super) attempts: u32,
    /// The correlation ids of the failed responses so far.
    failures: Vec<String>,
    pub(super) last_event: LastEvent,
}

/// The latest observation, and what preceded it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LastEvent {
    Nothing,
    Attempt(AttemptOutcome),
    /// The wait after an attempt is over.
    Waited(AttemptOutcome),
    /// The list before the first attempt. `None` if it failed.
    FirstListing(Option<Listing>),
    /// A list after an attempt, or after the wait that followed the attempt.
    Listing {
        after: AttemptOutcome,
        waited: bool,
        listing: Option<Listing>,
    },
    /// The wait between two lists is over.
    WaitedForSecondListing(Listing),
    SecondListing(Option<Listing>),
}

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptOutcome {
    /// 201 or 200 with a valid body.
    Created,
    /// No byte was sent.
    NotSent,
    /// Bytes were sent, and there was no response, or an invalid one.
    Lost,
    /// 429, and the wait that it asks for.
    RateLimited(Option<Duration>),
    /// 409: the Codat client has ten keys.
    AtLimit,
    /// 409: an attempt under this idempotency key is still running.
    StillRunning,
    /// 408 or 5xx, its correlation id, and the wait that it asks for.
    Failed(Option<String>, Option<Duration>),
    /// The same failure again, which Codat replays from its cache.
    FailedPermanently,
    /// 400 with Codat's JSON.
    Invalid,
    /// 422: the idempotency key was sent with another body before.
    Mismatch,
    /// Any other status, or a connection error that a retry would not avoid.
    Refused,
}

/// The content of a list, as far as the decision depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listing {
    /// The number of keys.
    pub keys: usize,
    /// The number of keys that may be the requested one: new keys with its name.
    pub candidates: usize,
    /// The number of candidates that a sole creator can adopt: those that are not dated long before the idempotency
    /// key.
    pub adoptable: usize,
}

impl Observed {
    /// Starts without observations. A resumed call is ambiguous from its start.
    pub fn new(adopt: bool, resumed: bool) -> Self {
        Self {
            adopt,
            resumed,
            ambiguous: resumed,
            released_while_ambiguous: false,
            is_spent: false,
            attempts: 0,
            failures: Vec::new(),
            last_event: LastEvent::Nothing,
        }
    }

    /// Returns whether a key may have been created without a response that contains it.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Returns whether a retry with this idempotency key would receive the same failure.
    pub fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// Records that a request is about to be sent. A call that is cancelled from now on is ambiguous. Returns whether
    /// it was ambiguous before.
    pub fn posting(&mut self) -> bool {
        std::mem::replace(&mut self.ambiguous, true)
    }

    /// Records the outcome of an attempt. `was_ambiguous` is the value that [`Observed::posting`] returned.
    pub fn attempted(&mut self, outcome: AttemptOutcome, was_ambiguous: bool) {
        let replayed = matches!(&outcome, AttemptOutcome::Failed(Some(id), _) if self.failures.contains(id));
        let outcome = if replayed { AttemptOutcome::FailedPermanently } else { outcome };
        if outcome != AttemptOutcome::StillRunning {
            self.attempts += 1;
        }
        if let AttemptOutcome::Failed(Some(id), _) = &outcome {
            self.failures.push(id.clone());
        }
        let ambiguous = matches!(
            outcome,
            AttemptOutcome::Lost
                | AttemptOutcome::StillRunning
                | AttemptOutcome::Failed(..)
                | AttemptOutcome::FailedPermanently
                | AttemptOutcome::Mismatch
        );
        self.is_spent |= matches!(outcome, AttemptOutcome::FailedPermanently | AttemptOutcome::Mismatch);
        self.ambiguous = was_ambiguous || ambiguous;
        self.released_while_ambiguous |= was_ambiguous && matches!(outcome, AttemptOutcome::RateLimited(_));
        self.last_event = LastEvent::Attempt(outcome);
    }

    /// Records that a wait is over.
    pub fn waited(&mut self) {
        self.last_event = match std::mem::replace(&mut self.last_event, LastEvent::Nothing) {
            LastEvent::Attempt(outcome) => LastEvent::Waited(outcome),
            LastEvent::Listing { listing: Some(listing), .. } => LastEvent::WaitedForSecondListing(listing),
            other => other,
        };
    }

    /// Records the content of a list, or `None` if the list failed.
    pub fn listed(&mut self, listing: Option<Listing>) {
        self.last_event = match std::mem::replace(&mut self.last_event, LastEvent::Nothing) {
            LastEvent::Attempt(after) => LastEvent::Listing { after, waited: false, listing },
            LastEvent::Waited(after) => LastEvent::Listing { after, waited: true, listing },
            LastEvent::WaitedForSecondListing(_) => LastEvent::SecondListing(listing),
            _ => LastEvent::FirstListing(listing),
        };
    }
}
