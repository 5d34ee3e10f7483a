//! Deletion of a key. The driver performs the steps that [`decision`] chooses.

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
use decision::{Answer, End, Look, Next, Observed, decide};

pub(crate) async fn delete(
    client: &Handle,
    id: KeyId,
    allow_key_in_use: bool,
    stop: Option<Cancellation<'_>>,
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
    let ended = or_cancelled(driver.run(), stop).await;
    ended.unwrap_or_else(|| Err(driver.stopped()))
}

struct Driver<'a> {
    client: &'a Handle,
    id: KeyId,
    allow_key_in_use: bool,
    request: Request<Bytes>,
    deadline: Deadline,
    observed: Observed,
    error: Option<Error>,
    /// The key that was in use when the list was checked. The request is sent with the same key.
    in_use: Option<Arc<CachedCredential>>,
    /// The key in use was replaced during the call. This happens at most once.
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
                Next::List => self.list().await,
                Next::Delete => self.delete().await,
                Next::Wait(time) => {
                    transport.sleep(time).await;
                    self.observed.waited();
                }
                Next::End(end) => return self.end(end),
            }
        }
    }

    async fn list(&mut self) {
        match self.client.list_keys(self.deadline).await {
            Ok(keys) => self.judge(&keys),
            Err(error) => {
                let no_access = matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Forbidden);
                self.observed.listed(if no_access { Look::NoAccess } else { Look::Failed }, false);
                self.error = Some(error);
            }
        }
    }

    fn judge(&mut self, keys: &[ApiKeyDetails]) {
        self.in_use = self.client.credential();
        let in_use = self.in_use.as_ref().map(|held| &held.key);
        let is_own = keys.iter().any(|key| key.id == self.id && Some(&key.api_key) == in_use);
        match rules::may_delete(keys, &self.id, in_use, self.allow_key_in_use) {
            Ok(()) => self.observed.listed(Look::Allowed, is_own),
            Err(error) => {
                let look = if error.kind() == ErrorKind::NotFound { Look::Absent } else { Look::Guarded };
                self.observed.listed(look, is_own);
                self.error = Some(error);
            }
        }
    }

    async fn delete(&mut self) {
        let in_use = self.in_use.take().expect("a list came before, and the guards found the key in use in it");
        let was_in_doubt = self.observed.deleting();
        let mut result = self.client.transport().attempt_with(&in_use, &self.request, self.deadline).await;
        if self.has_another_key(&in_use, &mut result).await {
            return self.observed.key_replaced(was_in_doubt);
        }
        let (answer, error) = match read(result) {
            Ok(()) => (Answer::Deleted, None),
            Err((answer, error)) => (answer, Some(error)),
        };
        self.observed.answered(answer, was_in_doubt);
        self.error = error;
    }

    /// Returns whether Codat rejected the key and the source has another one. The other one may be the key to delete.
    async fn has_another_key(&mut self, refused: &CachedCredential, result: &mut Result<Attempt, Failure>) -> bool {
        let Ok(attempt) = result else { return false };
        if self.was_replaced {
            return false;
        }
        self.was_replaced = self.client.transport().key_instead_of(refused, attempt, self.deadline).await.is_some();
        self.was_replaced
    }

    fn end(&mut self, end: End) -> Result<(), Error> {
        let latest = self.error.take().unwrap_or_else(|| Error::of(ErrorKind::Timeout));
        match end {
            End::Deleted => Ok(()),
            End::Error => Err(latest),
            End::Unknown => Err(unknown(latest)),
            End::ProbablyDeleted => Err(unknown(latest)
                .with_hint("the key was probably deleted, since it no longer works: use another key to list the keys")),
        }
    }

    fn stopped(&self) -> Error {
        let stopped = Error::of(ErrorKind::Cancelled);
        if self.observed.in_doubt() { unknown(stopped) } else { stopped }
    }
}

fn unknown(cause: Error) -> Error {
    cause
        .into_outcome_unknown(Outcome { idempotency_key: None, candidates: None })
        .with_hint("list the keys to see whether it is gone; deleting again does no harm")
}

fn read(result: Result<Attempt, Failure>) -> Result<(), (Answer, Error)> {
    let attempt = result.map_err(|failure| {
        let answer = match failure.sent {
            true => Answer::InDoubt(None),
            false if failure.error.is_final() => Answer::Refused,
            false => Answer::NotSent,
        };
        (answer, failure.error)
    })?;
    wire::parse_delete(&attempt).map_err(|error| {
        let answer = match error.kind() {
            _ if attempt.status().is_success() => Answer::InDoubt(None),
            ErrorKind::Timeout | ErrorKind::Server => Answer::InDoubt(error.retry_after()),
            ErrorKind::RateLimited => Answer::RateLimited(error.retry_after()),
            ErrorKind::NotFound if error.is_codats_own() => Answer::Absent,
            ErrorKind::NotFound => Answer::AbsentElsewhere,
            ErrorKind::LastKey => Answer::LastKey,
            ErrorKind::Unauthorized | ErrorKind::Forbidden => Answer::NoAccess,
            _ => Answer::Refused,
        };
        (answer, error)
    })
}
