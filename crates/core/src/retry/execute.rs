//! Execution of requests with retries. The requests that create or delete a key are not executed here, because the
//! client lists the keys between two attempts of such a request.

use std::time::Instant;

use bytes::Bytes;
use http::{Request, StatusCode};

use super::{Retry, is_transient};
use crate::domain::Outcome;
use crate::error::{Error, ErrorKind};
use crate::timeouts::Deadline;
use crate::transport::{BodyMode, Received, Transport};
use crate::wire::idempotency_key;

pub(crate) struct Execution<'a> {
    transport: &'a Transport,
    retry: &'a Retry,
    request: &'a Request<Bytes>,
    deadline: Deadline,
    mode: BodyMode,
    /// The number of attempts, including the current one.
    attempts: u32,
    /// True if it is unknown whether an earlier attempt took effect.
    ambiguous: bool,
    /// True if an attempt got the status 429.
    rate_limited: bool,
}

impl<'a> Execution<'a> {
    pub(crate) fn new(
        transport: &'a Transport,
        retry: &'a Retry,
        request: &'a Request<Bytes>,
        deadline: Deadline,
        mode: BodyMode,
    ) -> Self {
        Self { transport, retry, request, deadline, mode, attempts: 0, ambiguous: false, rate_limited: false }
    }

    /// Sends the request and retries after transient errors, as the retry policy allows. A request that is not safe to
    /// repeat is sent only once.
    pub(crate) async fn run<T>(&mut self, parse: impl Fn(Received) -> Result<T, Error>) -> Result<T, Error> {
        // POST and PATCH are safe to repeat with the same idempotency key.
        let repeatable = self.request.method().is_idempotent() || self.idempotency_key().is_some();
        loop {
            self.attempts += 1;
            let error = match self.attempt(&parse).await {
                Err(error) if repeatable && self.is_transient(&error) => error,
                Err(error) => return Err(self.conclude(error)),
                done => return done,
            };
            match self.retry.backoff(self.attempts, error.retry_after(), self.transport.remaining(self.deadline)) {
                Some(wait) => self.transport.sleep(wait).await,
                None => return Err(self.conclude(error)),
            }
            // An attempt can time out while it connects, and then counts as possibly sent. A request that changes data
            // is therefore not repeated if too little time remains to connect.
            if !self.request.method().is_safe() && !self.transport.can_send(self.deadline) {
                return Err(self.conclude(error));
            }
        }
    }

    /// Returns the error for a cancelled request.
    pub(crate) fn cancelled(&self) -> Error {
        self.conclude(Error::of(ErrorKind::Cancelled))
    }

    async fn attempt<T>(&mut self, parse: impl Fn(Received) -> Result<T, Error>) -> Result<T, Error> {
        let was_ambiguous = self.ambiguous;
        // Set before the attempt, because the request can be cancelled during the attempt.
        self.ambiguous = !self.request.method().is_safe();
        let (error, is_inconclusive) = match self.transport.receive(self.request, self.deadline, self.mode).await {
            Err(failure) => (failure.error, failure.sent),
            Ok(mut received) => {
                received.attempt.was_rate_limited = self.rate_limited;
                let status = received.attempt.status();
                match parse(received) {
                    Err(error) => (error, is_inconclusive(status)),
                    done => return done,
                }
            }
        };
        self.rate_limited |= error.kind() == ErrorKind::RateLimited;
        self.ambiguous = was_ambiguous || (self.ambiguous && is_inconclusive);
        Err(error)
    }

    /// Returns whether to retry the request after this error. After a 409, returns true if Codat may still be
    /// processing an earlier attempt with the same idempotency key.
    fn is_transient(&self, error: &Error) -> bool {
        let still_running =
            self.ambiguous && self.idempotency_key().is_some() && error.status() == Some(StatusCode::CONFLICT);
        still_running || is_transient(error)
    }

    /// Returns the information about this operation that [`Conclusion::conclude`] adds to an error, such as the number
    /// of attempts.
    pub(crate) fn conclusion(&self) -> Conclusion {
        Conclusion {
            deadline: self.deadline,
            attempts: self.attempts,
            ambiguous: self.ambiguous,
            idempotency_key: self.idempotency_key(),
            is_idempotent: self.request.method().is_idempotent(),
        }
    }

    fn conclude(&self, error: Error) -> Error {
        self.conclusion().conclude(error, self.transport.now())
    }

    fn idempotency_key(&self) -> Option<String> {
        self.request.headers().get(idempotency_key::HEADER)?.to_str().ok().map(str::to_owned)
    }
}

/// Information about an operation, such as the number of attempts. [`conclude`](Self::conclude) adds this information
/// to an error.
pub(crate) struct Conclusion {
    deadline: Deadline,
    attempts: u32,
    /// True if it is unknown whether an attempt took effect.
    ambiguous: bool,
    idempotency_key: Option<String>,
    is_idempotent: bool,
}

impl Conclusion {
    /// Adds the number of attempts and the elapsed time to the error of an operation. Changes the kind of the error to
    /// `OutcomeUnknown` if an attempt may have taken effect. If Codat responds with 400 to a request with an
    /// idempotency key, the error keeps its kind. If an earlier attempt had taken effect, Codat would have repeated the
    /// response to that attempt.
    pub(crate) fn conclude(&self, error: Error, now: Instant) -> Error {
        let error = error.with_attempts(self.attempts, self.deadline.elapsed(now));
        let key = self.idempotency_key.clone();
        let is_unchanged = key.is_some() && error.status() == Some(StatusCode::BAD_REQUEST) && error.is_codats_own();
        if !self.ambiguous || is_unchanged {
            return error;
        }
        let hint = match &key {
            Some(key) => format!(
                "check whether it took effect; or send the same request again within 85 minutes with the header \
                 Idempotency-Key: {key}, which changes nothing twice"
            ),
            None if self.is_idempotent => {
                "check whether it took effect; sending the same request again does no harm".into()
            }
            None => "check whether it took effect before you send it again".into(),
        };
        let can_resume = key.is_some();
        error.into_outcome_unknown(Outcome { idempotency_key: key, candidates: None, can_resume }).with_hint(hint)
    }
}

/// Returns whether a failed request with this status may have taken effect. For example, returns true for 408, for 5xx,
/// and for a 2xx with an unreadable body. Most 3xx and 4xx statuses mean that the request had no effect.
fn is_inconclusive(status: StatusCode) -> bool {
    !matches!(status.as_u16(), 304..=407 | 409..=498)
}
