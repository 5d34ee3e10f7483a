//! The state machine that deletes a key. The state machine performs no I/O. `next` returns the next action, and
//! `on_event` receives the result of the action.

use std::time::Duration;

use crate::domain::{ApiKey, ApiKeyDetails, KeyId, Outcome, rules};
use crate::error::{Error, ErrorKind};
use crate::keys::operation::{Now, Operation};

/// The next action of the operation that deletes a key.
#[derive(Debug)]
pub enum Action {
    /// List the keys.
    List,
    /// Send the request that deletes the key, with the same credential as the preceding list request.
    Delete,
    /// Wait for this duration.
    Wait(Duration),
    /// End the operation with this result.
    Complete(Result<(), Error>),
}

/// The result of an action of the state machine.
#[derive(Debug)]
pub enum Event<'a> {
    /// The listed keys, and the API key that the client authenticates with.
    Listed(&'a [ApiKeyDetails], Option<&'a ApiKey>),
    /// The keys could not be listed.
    ListFailed(Error),
    /// 204: the key was deleted.
    Deleted,
    /// The attempt to delete the key failed, or its outcome is unknown.
    Failed(AttemptOutcome, Error),
    /// Codat rejected the API key of the client, and the client has read another API key from its credential source.
    /// The rejected request changed nothing.
    KeyReplaced,
    /// The wait is over.
    Waited,
}

/// The outcome of a failed attempt to delete the key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AttemptOutcome {
    /// 404 with Codat's JSON: no key has this id.
    Absent,
    /// 404 without Codat's JSON. The response comes from another server, and does not show whether the key exists.
    AbsentElsewhere,
    /// 409, because the key is the last key of the account.
    LastKey,
    /// Nothing was sent, for example because the connection failed.
    NotSent,
    /// It is unknown whether the key was deleted: no response arrived, or the response has the status 408, 5xx or an
    /// unexpected 2xx.
    Ambiguous,
    /// 429.
    RateLimited,
    /// 401 or 403: Codat rejects the API key of the client.
    NoAccess,
    /// The attempt failed for another reason, and a retry would fail in the same way.
    Refused,
}

/// The state machine of the operation that deletes a key.
pub struct DeleteMachine {
    operation: Operation,
    id: KeyId,
    allow_key_in_use: bool,
    /// Whether the client authenticates with the same key that it deletes. If true, Codat responds with 401 or 403
    /// after the deletion.
    is_own: bool,
    step: Step,
}

/// The next step of the state machine.
#[derive(Clone, Copy)]
enum Step {
    List,
    Delete,
    BackOff,
    /// List the keys after the last attempt, to see whether the key was deleted.
    FinalList,
    Complete(Completion),
}

#[derive(Clone, Copy)]
enum Completion {
    Deleted,
    /// No response and no list shows that the key was deleted. The operation returns an error.
    Unconfirmed,
    /// The client may have deleted its own key, and Codat now rejects this key. The operation returns `OutcomeUnknown`
    /// with a hint that the key was probably deleted.
    ProbablyDeleted,
}

impl DeleteMachine {
    pub(crate) fn new(operation: Operation, id: KeyId, allow_key_in_use: bool) -> Self {
        Self { operation, id, allow_key_in_use, is_own: false, step: Step::List }
    }

    /// Returns the next action.
    pub fn next(&mut self, now: Now) -> Action {
        match self.step {
            Step::List | Step::FinalList if !self.operation.remaining(now).is_zero() => Action::List,
            Step::Delete if self.operation.can_send(now) => {
                self.operation.begin_attempt();
                Action::Delete
            }
            Step::BackOff => match self.operation.backoff(now) {
                Some(wait) => Action::Wait(wait),
                None if self.operation.ambiguous => {
                    self.step = Step::FinalList;
                    self.next(now)
                }
                None => Action::Complete(self.complete(Completion::Unconfirmed, now)),
            },
            Step::Complete(completion) => Action::Complete(self.complete(completion, now)),
            Step::List | Step::FinalList | Step::Delete => {
                Action::Complete(self.complete(Completion::Unconfirmed, now))
            }
        }
    }

    /// Records the result of the latest action.
    pub fn on_event(&mut self, event: Event<'_>) {
        self.step = match event {
            Event::Listed(keys, in_use) => self.listed(keys, in_use),
            Event::ListFailed(error) => {
                let no_access = matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Forbidden);
                self.operation.error = Some(error);
                self.rejected_if(no_access)
            }
            Event::Deleted => Step::Complete(Completion::Deleted),
            Event::Failed(outcome, error) => self.failed(outcome, error),
            Event::KeyReplaced => {
                self.operation.end_attempt(false);
                self.operation.exclude_attempt();
                // The client now uses another API key, so the deletion rules must be checked again.
                Step::List
            }
            Event::Waited => Step::List,
        };
    }

    /// Ends the operation. Returns `Cancelled`, or `OutcomeUnknown` if the key may have been deleted.
    pub fn cancel(&mut self, now: Now) -> Result<(), Error> {
        self.operation.error = Some(Error::of(ErrorKind::Cancelled));
        self.complete(Completion::Unconfirmed, now)
    }

    fn listed(&mut self, keys: &[ApiKeyDetails], in_use: Option<&ApiKey>) -> Step {
        self.is_own |= keys.iter().any(|key| key.id == self.id && Some(&key.api_key) == in_use);
        match rules::may_delete(keys, &self.id, in_use, self.allow_key_in_use) {
            Ok(()) if matches!(self.step, Step::List) => Step::Delete,
            Ok(()) => Step::Complete(Completion::Unconfirmed),
            Err(error) if error.kind() == ErrorKind::NotFound && self.operation.ambiguous => {
                Step::Complete(Completion::Deleted)
            }
            Err(error) => {
                self.operation.error = Some(error);
                Step::Complete(Completion::Unconfirmed)
            }
        }
    }

    fn failed(&mut self, outcome: AttemptOutcome, error: Error) -> Step {
        self.operation.end_attempt(outcome == AttemptOutcome::Ambiguous);
        self.operation.error = Some(error);
        match outcome {
            // The key was listed before the attempts, so an earlier attempt deleted it.
            AttemptOutcome::Absent if self.operation.ambiguous => Step::Complete(Completion::Deleted),
            AttemptOutcome::AbsentElsewhere if self.operation.ambiguous => Step::BackOff,
            AttemptOutcome::NotSent | AttemptOutcome::Ambiguous | AttemptOutcome::RateLimited => Step::BackOff,
            // After `LastKey`, the key still exists. Codat may still be processing an earlier attempt, and may then
            // delete the key.
            AttemptOutcome::Absent
            | AttemptOutcome::AbsentElsewhere
            | AttemptOutcome::LastKey
            | AttemptOutcome::Refused => Step::Complete(Completion::Unconfirmed),
            AttemptOutcome::NoAccess => self.rejected_if(true),
        }
    }

    fn rejected_if(&self, no_access: bool) -> Step {
        let deleted_itself = no_access && self.operation.ambiguous && self.is_own;
        Step::Complete(if deleted_itself { Completion::ProbablyDeleted } else { Completion::Unconfirmed })
    }

    fn complete(&mut self, completion: Completion, now: Now) -> Result<(), Error> {
        let error = self.operation.error.take().unwrap_or_else(|| Error::of(ErrorKind::Timeout));
        let error = self.operation.describe(error, now);
        match completion {
            Completion::Deleted => Ok(()),
            Completion::Unconfirmed if !self.operation.ambiguous => Err(error),
            Completion::Unconfirmed => Err(outcome_unknown(error)),
            Completion::ProbablyDeleted => Err(outcome_unknown(error)
                .with_hint("the key was probably deleted, since it no longer works: use another key to list the keys")),
        }
    }
}

fn outcome_unknown(cause: Error) -> Error {
    cause
        .into_outcome_unknown(Outcome { idempotency_key: None, candidates: None, can_resume: false })
        .with_hint("list the keys to see whether it is gone; deleting again does no harm")
}
