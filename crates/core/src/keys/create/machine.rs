//! The state machine that creates exactly one key. The state machine performs no I/O. `next` returns the next action,
//! and `on_event` receives the result of the action.
//!
//! The rules come from Codat's pages on idempotency and errors. For 90 minutes, Codat repeats its first response to an
//! idempotency key, even a 5xx. After a 429, Codat forgets the idempotency key, so a further request with the same
//! idempotency key counts as new. This library assumes that `POST /apiKeys` honours the idempotency key. Listing the
//! keys serves as a second check.

use std::time::Duration;

use uuid::Uuid;

use super::action::{Action, AttemptOutcome, Event, Purpose};
use super::creation::{Creation, How, not_sent, outcome_unknown};
use super::expected::ExpectedKey;
use crate::domain::{ApiKeyDetails, KeyName, Outcome, rules};
use crate::error::{Error, ErrorKind};
use crate::keys::operation::{Now, Operation};
use crate::wire::idempotency_key;

/// The wait between the two list requests after Codat has repeated an error response. If neither list contains a new
/// key, most likely no key was created.
const BETWEEN_LISTINGS: Duration = Duration::from_secs(2);

/// The state machine of the operation that creates a key.
pub struct CreateMachine {
    operation: Operation,
    expected: ExpectedKey,
    idempotency_key: Uuid,
    /// Whether the caller is the sole creator of keys with the requested name. If true, the operation can recover from
    /// a lost response: it lists the keys, and returns the only new key with the requested name.
    adopt: bool,
    /// Whether the operation resumes an earlier one with the same idempotency key.
    resumed: bool,
    step: Step,
    /// Whether Codat has sent a 429 after an attempt whose effect is unknown. Codat forgets the idempotency key when it
    /// sends a 429, so a repeated attempt could create a second key.
    released_while_ambiguous: bool,
    /// The correlation ids of the responses with the status 408 or 5xx. A repeated id shows that Codat has repeated an
    /// earlier response.
    failures: Vec<String>,
    /// Whether every further attempt would fail, because Codat would respond to the idempotency key with the same
    /// error.
    is_spent: bool,
    key: Option<(ApiKeyDetails, How)>,
    /// The new keys with the requested name. `None` if no listing has succeeded since the latest attempt.
    candidates: Option<Vec<ApiKeyDetails>>,
}

/// The next step of the state machine.
#[derive(Clone, Copy)]
enum Step {
    List(Purpose),
    Post,
    BackOff,
    /// Wait, then list the keys before the next attempt.
    BackOffThenList,
    WaitForRunningAttempt,
    WaitForSecondListing,
    Complete(Completion),
}

#[derive(Clone, Copy)]
enum Completion {
    /// The outcome is known: the key was created, or no key was created.
    Known,
    Unknown,
    MostLikelyNothing,
}

impl CreateMachine {
    /// Creates the state machine. `resumed` means that an earlier operation used the same idempotency key.
    pub(crate) fn new(
        mut operation: Operation,
        name: KeyName,
        idempotency_key: Uuid,
        adopt: bool,
        resumed: bool,
    ) -> Result<Self, Error> {
        operation.ambiguous = resumed;
        let since = idempotency_key::timestamp(idempotency_key)?;
        Ok(Self {
            operation,
            expected: ExpectedKey::new(name, since),
            idempotency_key,
            adopt,
            resumed,
            step: if resumed { Step::Post } else { Step::List(Purpose::Before) },
            released_while_ambiguous: false,
            failures: Vec::new(),
            is_spent: false,
            key: None,
            candidates: None,
        })
    }

    /// Returns the next action.
    pub fn next(&mut self, now: Now) -> Action {
        let remaining = self.operation.remaining(now);
        match self.step {
            Step::List(purpose) if !remaining.is_zero() => Action::List(purpose),
            Step::List(_) => Action::Complete(self.complete(self.unconfirmed(), now)),
            Step::Post if self.operation.can_send(now) && !self.is_too_old(now) => {
                self.operation.begin_attempt();
                // A listing before this attempt does not show the outcome of this attempt.
                self.candidates = None;
                Action::Post
            }
            Step::Post => self.give_up(now),
            Step::BackOff | Step::BackOffThenList => match self.operation.backoff(now) {
                Some(wait) => Action::Wait(wait),
                None => self.give_up(now),
            },
            Step::WaitForRunningAttempt => {
                let wait = Duration::from_secs(1) + Duration::from_secs(4).mul_f64(self.operation.jitter());
                // Leaves enough time for the final listing.
                if wait + BETWEEN_LISTINGS < remaining { Action::Wait(wait) } else { self.give_up(now) }
            }
            Step::WaitForSecondListing if BETWEEN_LISTINGS < remaining => Action::Wait(BETWEEN_LISTINGS),
            Step::WaitForSecondListing => Action::Complete(self.complete(Completion::Unknown, now)),
            Step::Complete(completion) => Action::Complete(self.complete(completion, now)),
        }
    }

    /// Records the result of the latest action.
    pub fn on_event(&mut self, event: Event<'_>) {
        self.step = match event {
            Event::Listed(keys) => self.listed(Some(keys)),
            Event::ListFailed(error) => {
                self.operation.error.get_or_insert(error);
                self.listed(None)
            }
            Event::Created(key) if self.expected.is(&key) => self.created(key),
            Event::Created(_) => {
                let text = "the response describes another key than the requested one";
                self.failed(AttemptOutcome::Lost, Error::new(ErrorKind::BadResponse, text))
            }
            Event::Failed(outcome, error) => self.failed(outcome, error),
            Event::Waited => match self.step {
                Step::BackOffThenList => Step::List(Purpose::Released),
                Step::WaitForSecondListing => Step::List(Purpose::FailedAgain),
                _ => Step::Post,
            },
        };
    }

    /// Ends the operation. Returns the created key if a response has already contained this key. Otherwise, returns
    /// `OutcomeUnknown` if a key may have been created, and `Cancelled` if not.
    pub fn cancel(&mut self, now: Now) -> Result<Creation, Error> {
        self.operation.error = Some(Error::of(ErrorKind::Cancelled));
        self.complete(self.unconfirmed(), now)
    }

    fn listed(&mut self, keys: Option<&[ApiKeyDetails]>) -> Step {
        let Step::List(purpose) = self.step else { return self.step };
        if purpose == Purpose::Before {
            return self.listed_before(keys);
        }
        self.candidates = keys.map(|keys| self.expected.candidates(keys));
        match (purpose, self.candidates.as_deref()) {
            (Purpose::Released, Some([])) => Step::Post,
            (Purpose::Failed, Some([])) => Step::WaitForSecondListing,
            (Purpose::FailedAgain, Some([])) => Step::Complete(Completion::MostLikelyNothing),
            // Without `adopt`, another program may have created the key.
            (Purpose::Released | Purpose::Failed | Purpose::FailedAgain | Purpose::AtLimit, Some([key]))
                if self.adopt && self.expected.is_adoptable(key) =>
            {
                self.key = Some((key.clone(), How::Adopted));
                Step::Complete(Completion::Known)
            }
            // After `Extras`, the operation returns the key from the response.
            _ => Step::Complete(Completion::Unknown),
        }
    }

    fn listed_before(&mut self, keys: Option<&[ApiKeyDetails]>) -> Step {
        let Some(keys) = keys else { return Step::Complete(Completion::Known) };
        if rules::is_full(rules::count_keys(keys)) {
            self.operation.error = Some(Error::of(ErrorKind::KeyLimitReached));
            return Step::Complete(Completion::Known);
        }
        self.expected.exclude(keys);
        Step::Post
    }

    fn created(&mut self, key: ApiKeyDetails) -> Step {
        self.operation.end_attempt(false);
        if self.operation.ambiguous {
            self.key = Some((key, How::Replayed));
            Step::List(Purpose::Extras)
        } else {
            self.key = Some((key, How::Created));
            self.candidates = Some(Vec::new());
            Step::Complete(Completion::Known)
        }
    }

    fn failed(&mut self, outcome: AttemptOutcome, error: Error) -> Step {
        use AttemptOutcome::{Failed, Lost, Mismatch, StillRunning};
        self.operation.end_attempt(matches!(outcome, Lost | StillRunning | Failed | Mismatch));
        let correlation_id = error.correlation_id().map(str::to_owned);
        self.operation.error = Some(error);
        match outcome {
            AttemptOutcome::RateLimited if self.operation.ambiguous => {
                self.released_while_ambiguous = true;
                Step::BackOffThenList
            }
            AttemptOutcome::NotSent | Lost | AttemptOutcome::RateLimited => Step::BackOff,
            // This attempt created no key. An earlier attempt may have created one, if Codat has forgotten the
            // idempotency key or if this operation resumes an earlier one.
            AttemptOutcome::AtLimit if self.resumed || self.released_while_ambiguous => Step::List(Purpose::AtLimit),
            AttemptOutcome::AtLimit | AttemptOutcome::Invalid => Step::Complete(Completion::Known),
            StillRunning => {
                self.operation.exclude_attempt();
                Step::WaitForRunningAttempt
            }
            Failed if correlation_id.as_ref().is_some_and(|id| self.failures.contains(id)) => {
                self.is_spent = true;
                Step::List(Purpose::Failed)
            }
            Failed => {
                self.failures.extend(correlation_id);
                Step::BackOff
            }
            Mismatch => {
                self.is_spent = true;
                Step::List(Purpose::Candidates)
            }
            AttemptOutcome::Refused => self.giving_up(),
        }
    }

    /// Returns the step after the last attempt. If a key may have been created, this step lists the keys, so that the
    /// error can contain the new keys. Otherwise, this step ends the operation with the latest error.
    fn giving_up(&self) -> Step {
        if self.operation.ambiguous { Step::List(Purpose::Candidates) } else { Step::Complete(Completion::Known) }
    }

    fn give_up(&mut self, now: Now) -> Action {
        self.step = self.giving_up();
        self.next(now)
    }

    fn unconfirmed(&self) -> Completion {
        if self.operation.ambiguous { Completion::Unknown } else { Completion::Known }
    }

    fn complete(&mut self, completion: Completion, now: Now) -> Result<Creation, Error> {
        if let Some((key, how)) = self.key.take() {
            return Ok(Creation::new(key, how, self.candidates.take()));
        }
        let is_too_old = self.is_too_old(now);
        let error = self.operation.error.take().unwrap_or_else(|| not_sent(is_too_old));
        let error = self.operation.describe(error, now);
        if let Completion::Known = completion {
            return Err(error);
        }
        let outcome = Outcome {
            idempotency_key: Some(self.idempotency_key.to_string()),
            candidates: self.candidates.take(),
            can_resume: !is_too_old && !self.is_spent,
        };
        let error = outcome_unknown(error, outcome);
        Err(if let Completion::MostLikelyNothing = completion { error.but_most_likely_nothing() } else { error })
    }

    fn is_too_old(&self, now: Now) -> bool {
        idempotency_key::is_too_old(self.expected.since, now.system)
    }
}
