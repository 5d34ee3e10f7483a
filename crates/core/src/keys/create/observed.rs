//! The observations on which the next step in creating a key depends.

use std::time::Duration;

/// The observations so far in creating a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Whether the caller is the sole creator of keys with this name, so that the only new key with the name must be
    /// the created one.
    pub(super) adopt: bool,
    /// Whether the operation is resumed, so that an earlier operation may have sent the request with the same
    /// idempotency key.
    pub(super) resumed: bool,
    /// Whether an attempt may have created a key without a conclusive response.
    pub(super) ambiguous: bool,
    /// Whether a 429 released the idempotency key while an earlier attempt may still have been running.
    pub(super) released_while_ambiguous: bool,
    /// Whether every further request with this idempotency key will get the same failure.
    is_spent: bool,
    /// The number of attempts, without those that Codat rejected because an earlier attempt was still running.
    pub(super) attempts: u32,
    /// The correlation ids of the failed responses so far. A repeated id shows that Codat replayed a failure.
    failures: Vec<String>,
    pub(super) last_event: LastEvent,
}

/// The latest observation, with the observation before it if the next step depends on both.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LastEvent {
    Nothing,
    Attempt(AttemptOutcome),
    /// The wait after an attempt with this outcome is over.
    Waited(AttemptOutcome),
    /// The listing before the first attempt. `None` if the listing failed.
    FirstListing(Option<Listing>),
    /// A listing after an attempt, or after the wait that followed the attempt.
    Listing {
        after: AttemptOutcome,
        waited: bool,
        listing: Option<Listing>,
    },
    /// The wait between the first and the second listing is over.
    WaitedForSecondListing(Listing),
    SecondListing(Option<Listing>),
}

/// The outcome of an attempt to create a key.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptOutcome {
    /// 201 or 200 with a valid body.
    Created,
    /// Nothing was sent, for example because the connection failed.
    NotSent,
    /// The request was at least partly sent, but the response is missing or invalid.
    Lost,
    /// 429, with the value of `Retry-After`.
    RateLimited(Option<Duration>),
    /// 409, because the Codat client has ten keys.
    AtLimit,
    /// 409, because an attempt with this idempotency key is still running.
    StillRunning,
    /// 408 or 5xx, with the correlation id and the value of `Retry-After`.
    Failed(Option<String>, Option<Duration>),
    /// The same failure as before, which Codat replays from its cache.
    FailedPermanently,
    /// 400 with Codat's JSON: the request is invalid.
    Invalid,
    /// 422, because the idempotency key was sent with another body before.
    Mismatch,
    /// Any other status, or a connection error that a retry would not avoid.
    Refused,
}

/// The facts about a listing on which the next step depends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listing {
    /// The number of listed keys.
    pub keys: usize,
    /// The number of candidates: new keys with the requested name.
    pub candidates: usize,
    /// The number of candidates that can be adopted for a sole creator. A candidate cannot be adopted if its date is
    /// long before the time of the idempotency key.
    pub adoptable: usize,
}

impl Observed {
    /// Creates a value without observations. A resumed operation is ambiguous from its start.
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

    /// Returns whether an attempt may have created a key without a conclusive response.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Returns whether another request with this idempotency key would get the same failure.
    pub fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// Records that a request is about to be sent. If the operation is cancelled from now on, its outcome is ambiguous.
    /// Returns whether the outcome was already ambiguous.
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

    /// Records that the wait is over.
    pub fn waited(&mut self) {
        self.last_event = match std::mem::replace(&mut self.last_event, LastEvent::Nothing) {
            LastEvent::Attempt(outcome) => LastEvent::Waited(outcome),
            LastEvent::Listing { listing: Some(listing), .. } => LastEvent::WaitedForSecondListing(listing),
            other => other,
        };
    }

    /// Records the result of listing the keys. `None` means that the listing failed.
    pub fn listed(&mut self, listing: Option<Listing>) {
        self.last_event = match std::mem::replace(&mut self.last_event, LastEvent::Nothing) {
            LastEvent::Attempt(after) => LastEvent::Listing { after, waited: false, listing },
            LastEvent::Waited(after) => LastEvent::Listing { after, waited: true, listing },
            LastEvent::WaitedForSecondListing(_) => LastEvent::SecondListing(listing),
            _ => LastEvent::FirstListing(listing),
        };
    }
}
