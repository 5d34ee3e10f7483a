//! Deletion of a key. The driver performs the steps that the pure function in [`decision`] returns.

pub mod decision;

use std::sync::Arc;

use bytes::Bytes;
use http::Request;

use crate::cancel::{Cancellation, or_cancelled};
use crate::credentials::CachedCredential;
use crate::domain::{ApiKeyDetails, KeyId, Outcome, rules};
use crate::error::{Error, ErrorKind};
use crate::handle::Handle;
use crate::timeouts::Deadline;
use crate::transport::Failure;
use crate::wire::{self, Attempt};
use decision::{Action, AttemptOutcome, Completion, Listing, Observed, decide};

pub(crate) async fn delete(
    client: &Handle,
    id: KeyId,
    allow_key_in_use: bool,
    cancellation: Option<Cancellation<'_>>,
) -> Result<(), Error> {
    let mut driver = Driver {
        client,
        request: wire::delete_request(client.base_url(), &id)?,
        id,
        allow_key_in_use,
        deadline: client.delete_deadline(),
        observed: Observed::new(),
        error: None,
        in_use: None,
        was_replaced: false,
    };
    let ended = or_cancelled(driver.run(), cancellation).await;
    ended.unwrap_or_else(|| Err(driver.cancelled()))
}

struct Driver<'a> {
    client: &'a Handle,
    id: KeyId,
    allow_key_in_use: bool,
    request: Request<Bytes>,
    deadline: Deadline,
    observed: Observed,
    error: Option<Error>,
    /// The credential that was in use when the listing was checked. The request that deletes the key uses the same
    /// credential.
    in_use: Option<Arc<CachedCredential>>,
    /// Whether another key has replaced the key in use during this operation. This happens at most once.
    was_replaced: bool,
}

impl Driver<'_> {
    async fn run(&mut self) -> Result<(), Error> {
        let transport = self.client.transport();
        loop {
            let (remaining, can_send) = (transport.remaining(self.deadline), transport.can_send(self.deadline));
            match decide(
                &self.observed,
                &self.client.retry().policy,
                remaining,
                can_send,
                self.client.retry().rng.jitter(),
            ) {
                Action::List => self.list().await,
                Action::Delete => self.delete().await,
                Action::Wait(time) => {
                    transport.sleep(time).await;
                    self.observed.waited();
                }
                Action::Complete(completion) => return self.complete(completion),
            }
        }
    }

    async fn list(&mut self) {
        match self.client.list_keys(self.deadline).await {
            Ok(keys) => self.judge(&keys),
            Err(error) => {
                let no_access = matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Forbidden);
                self.observed.listed(if no_access { Listing::NoAccess } else { Listing::Failed }, false);
                self.error = Some(error);
            }
        }
    }

    fn judge(&mut self, keys: &[ApiKeyDetails]) {
        self.in_use = self.client.credential();
        let in_use = self.in_use.as_ref().map(|credential| &credential.key);
        let is_own = keys.iter().any(|key| key.id == self.id && Some(&key.api_key) == in_use);
        match rules::may_delete(keys, &self.id, in_use, self.allow_key_in_use) {
            Ok(()) => self.observed.listed(Listing::Allowed, is_own),
            Err(error) => {
                let listing = if error.kind() == ErrorKind::NotFound { Listing::Absent } else { Listing::Protected };
                self.observed.listed(listing, is_own);
                self.error = Some(error);
            }
        }
    }

    async fn delete(&mut self) {
        let in_use = self.in_use.take().expect("the list before it contained the key in use");
        let was_ambiguous = self.observed.deleting();
        let mut result = self.client.transport().attempt_with(&in_use, &self.request, self.deadline).await;
        if self.has_another_key(&in_use, &mut result).await {
            return self.observed.key_replaced(was_ambiguous);
        }
        let (outcome, error) = match classify(result) {
            Ok(()) => (AttemptOutcome::Deleted, None),
            Err((outcome, error)) => (outcome, Some(error)),
        };
        self.observed.attempted(outcome, was_ambiguous);
        self.error = error;
    }

    /// Returns whether Codat rejected the key in use and the credential source has another key. The other key may be
    /// the key to delete, so the check must run again.
    async fn has_another_key(&mut self, refused: &CachedCredential, result: &mut Result<Attempt, Failure>) -> bool {
        let Ok(attempt) = result else { return false };
        if self.was_replaced {
            return false;
        }
        self.was_replaced = self.client.transport().key_after_response(refused, attempt, self.deadline).await.is_some();
        self.was_replaced
    }

    fn complete(&mut self, completion: Completion) -> Result<(), Error> {
        let last_error = self.error.take().unwrap_or_else(|| Error::of(ErrorKind::Timeout));
        match completion {
            Completion::Deleted => Ok(()),
            Completion::Error => Err(last_error),
            Completion::Unknown => Err(unknown(last_error)),
            Completion::ProbablyDeleted => Err(unknown(last_error)
                .with_hint("the key was probably deleted, since it no longer works: use another key to list the keys")),
        }
    }

    fn cancelled(&self) -> Error {
        let cancelled = Error::of(ErrorKind::Cancelled);
        if self.observed.is_ambiguous() { unknown(cancelled) } else { cancelled }
    }
}

fn unknown(cause: Error) -> Error {
    cause
        .into_outcome_unknown(Outcome { idempotency_key: None, candidates: None })
        .with_hint("list the keys to see whether it is gone; deleting again does no harm")
}

fn classify(result: Result<Attempt, Failure>) -> Result<(), (AttemptOutcome, Error)> {
    let attempt = result.map_err(|failure| {
        let outcome = match failure.sent {
            true => AttemptOutcome::Ambiguous(None),
            false if failure.error.is_final() => AttemptOutcome::Refused,
            false => AttemptOutcome::NotSent,
        };
        (outcome, failure.error)
    })?;
    wire::parse_delete(&attempt).map_err(|error| {
        let outcome = match error.kind() {
            _ if attempt.status().is_success() => AttemptOutcome::Ambiguous(None),
            ErrorKind::Timeout | ErrorKind::Server => AttemptOutcome::Ambiguous(error.retry_after()),
            ErrorKind::RateLimited => AttemptOutcome::RateLimited(error.retry_after()),
            ErrorKind::NotFound if error.is_codats_own() => AttemptOutcome::Absent,
            ErrorKind::NotFound => AttemptOutcome::AbsentElsewhere,
            ErrorKind::LastKey => AttemptOutcome::LastKey,
            ErrorKind::Unauthorized | ErrorKind::Forbidden => AttemptOutcome::NoAccess,
            _ => AttemptOutcome::Refused,
        };
        (outcome, error)
    })
}
