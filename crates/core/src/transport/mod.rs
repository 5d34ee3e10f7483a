//! Sends a request and reads its answer. Only this module, `blueprint.rs`, `proxy.rs`, `connect_error.rs` and `send_error.rs`
//! know reqwest.

pub(crate) mod connect_error;
pub(crate) mod credential_refresh;
pub(crate) mod proxy;
mod send_error;
pub(crate) mod tls;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderValue, Method, Request, Response};
use tokio::time::timeout_at;
use tracing::field::Empty;
use tracing::{Instrument, debug, debug_span};
use url::Url;

use crate::credentials::{CurrentKey, Held};
use crate::domain::{KnownKeys, Untrusted};
use crate::error::{Error, ErrorKind};
use crate::retry::{Policy, Surroundings};
use crate::timeouts::Timeouts;
use crate::wire::error_response::correlation_id;
use crate::wire::{self, RateLimit};

use connect_error::connect_error;
use proxy::Proxy;
use send_error::{body_error, send_error};

/// No answer of Codat's key operations comes near this size; past it something else is talking.
pub(crate) const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// What Codat says with a refusal is short; of a longer one the status is enough.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// A longer deadline has no use, and every clock can represent this one.
const LONGEST_CALL: Duration = Duration::from_secs(365 * 24 * 3600);

const MAX_ENCODING_CHARS: usize = 40;

/// What the latest answer said of the day's quota, shared by the clients that count as one.
pub(crate) type LatestRateLimit = Arc<Mutex<Option<RateLimit>>>;

/// Set once the caller is done with a client, in all its clones.
pub(crate) type Closed = Arc<AtomicBool>;

#[derive(Clone)]
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    /// The base URL, parsed once.
    pub(crate) url: Url,
    /// Of the base URL, for errors.
    pub(crate) origin: String,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) key: Arc<CurrentKey>,
    pub(crate) connect_timeout: Duration,
    pub(crate) latest_rate_limit: LatestRateLimit,
    pub(crate) policy: Policy,
    pub(crate) surroundings: Arc<dyn Surroundings>,
    pub(crate) closed: Closed,
}

pub(crate) fn check_open(closed: &Closed) -> Result<(), Error> {
    if closed.load(Ordering::Relaxed) { Err(Error::of(ErrorKind::Closed)) } else { Ok(()) }
}

/// In a request: people may see its answer even if it is no refusal, so that it keeps the keys to mask in it. Others
/// do without, for what it costs.
#[derive(Clone)]
pub(crate) struct IsShown;

/// The time that a call has, over all its requests, and that each of them may take.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    ends: Instant,
    attempt: Duration,
}

/// No usable answer. `sent` tells whether Codat may have received the request all the same.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) sent: bool,
}

impl Transport {
    pub(crate) fn budget(&self, Timeouts { attempt, call }: Timeouts) -> Budget {
        let ends = self.surroundings.now() + call.min(LONGEST_CALL);
        Budget { ends, attempt }
    }

    pub(crate) fn remaining(&self, budget: Budget) -> Duration {
        budget.ends.saturating_duration_since(self.surroundings.now())
    }

    /// Whether what is left suffices to connect, and for a moment more. An attempt that is cut off while it connects
    /// would look as if it might have been sent.
    pub(crate) fn can_send(&self, budget: Budget) -> bool {
        self.remaining(budget) >= self.connect_timeout + Duration::from_millis(250)
    }

    pub(crate) fn rate_limit(&self) -> Option<RateLimit> {
        *self.latest_rate_limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn check_open(&self) -> Result<(), Error> {
        check_open(&self.closed)
    }

    /// One attempt with that key, traced.
    pub(crate) async fn attempt_with(
        &self,
        key: &Arc<Held>,
        request: &Request<Bytes>,
        budget: Budget,
    ) -> Result<Response<Bytes>, Failure> {
        let span = debug_span!("codat.request", method = %request.method(), path = wire::path_template(request.uri()), status = Empty, correlation_id = Empty);
        let time = self.remaining(budget).min(budget.attempt);
        // Where nobody listens, nothing is timed.
        if span.is_disabled() {
            return self.exchange(key, request, time).await;
        }
        async {
            let started = self.surroundings.now();
            let result = self.exchange(key, request, time).await;
            let milliseconds = self.surroundings.now().saturating_duration_since(started).as_millis() as u64;
            match &result {
                Ok(response) => {
                    // Only a refusal has one, and reading for it costs as much as reading the answer.
                    let id = if response.status().is_success() { None } else { correlation_id(response) };
                    let (span, status) = (tracing::Span::current(), response.status().as_u16());
                    span.record("status", status);
                    if let Some(id) = &id {
                        span.record("correlation_id", id);
                    }
                    debug!(status, correlation_id = id, milliseconds, "answered");
                }
                Err(failure) => debug!(error = %failure.error, sent = failure.sent, milliseconds, "not answered"),
            }
            result
        }
        .instrument(span)
        .await
    }

    async fn exchange(
        &self,
        key: &Arc<Held>,
        request: &Request<Bytes>,
        time: Duration,
    ) -> Result<Response<Bytes>, Failure> {
        self.check_open().map_err(|error| Failure { error, sent: false })?;
        if time.is_zero() {
            return Err(Failure { error: Error::of(ErrorKind::Timeout), sent: false });
        }
        let ends = Instant::now() + time;
        let sent = timeout_at(ends.into(), self.http.execute(self.authorized(key, request))).await;
        let mut answer = match sent {
            Ok(Ok(answer)) => answer,
            Ok(Err(source)) => return Err(self.failure(source).await),
            Err(_) => return Err(Failure { error: Error::of(ErrorKind::Timeout), sent: true }),
        };
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        if let Some(rate_limit) = RateLimit::read(response.headers()) {
            *self.latest_rate_limit.lock().unwrap_or_else(PoisonError::into_inner) = Some(rate_limit);
        }
        let read = timeout_at(ends.into(), self.read_body(&response, &mut answer)).await;
        match read.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "the answer did not end in time"))) {
            Ok(body) => *response.body_mut() = body,
            // A refusal stays one, whatever became of its body.
            Err(_) if !response.status().is_success() => {}
            Err(error) => return Err(Failure { error: error.status_is(response.status().as_u16()), sent: true }),
        }
        if !response.status().is_success() || request.extensions().get::<IsShown>().is_some() {
            // What it says may hold a key: whoever shows it masks that.
            response.extensions_mut().insert(self.key.known.clone());
        }
        Ok(response)
    }

    /// Nothing was sent only if no connection was made.
    async fn failure(&self, source: reqwest::Error) -> Failure {
        if source.is_connect() {
            return Failure { error: connect_error(source, self).await, sent: false };
        }
        Failure { error: send_error(source, &self.origin), sent: true }
    }

    /// Builds the request for reqwest, with the URL and headers that every request has.
    fn authorized(&self, key: &Held, request: &Request<Bytes>) -> reqwest::Request {
        let mut url = self.url.clone();
        url.set_path(request.uri().path());
        url.set_query(request.uri().query());
        let mut authorized = reqwest::Request::new(request.method().clone(), url);
        *authorized.body_mut() = Some(request.body().clone().into());
        let headers = authorized.headers_mut();
        headers.clone_from(request.headers());
        headers.insert(AUTHORIZATION, key.authorization.clone());
        // Keys can be masked only in a body that is not compressed.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // RFC 9110, 8.6. Strict servers answer 411 to these methods without `Content-Length`.
        if request.body().is_empty() && matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        authorized
    }

    async fn read_body(&self, response: &Response<Bytes>, answer: &mut reqwest::Response) -> Result<Bytes, Error> {
        let declared = answer.content_length();
        if declared == Some(0) {
            return Ok(Bytes::new());
        }
        check_encoding(response, &self.key.known)?;
        let most = if response.status().is_success() { MAX_BODY_BYTES } else { MAX_REFUSAL_BYTES };
        if declared.is_some_and(|length| length > most as u64) {
            return Err(Error::of(ErrorKind::TooLarge));
        }
        let mut read = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|source| body_error(source, &self.origin))? {
            if read.len() + chunk.len() > most {
                return Err(Error::of(ErrorKind::TooLarge));
            }
            // Most answers arrive in one chunk, which is not copied.
            if declared == Some(chunk.len() as u64) {
                return Ok(chunk);
            }
            read.extend_from_slice(&chunk);
        }
        Ok(read.freeze())
    }
}

/// Rejects an encoded body: the request allows no encoding, and a key in such a body could not be masked.
fn check_encoding(response: &Response<Bytes>, known: &KnownKeys) -> Result<(), Error> {
    let encodings = response.headers().get_all(CONTENT_ENCODING).iter();
    let mut encodings = encodings.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
    match encodings.find(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")) {
        None => Ok(()),
        Some(encoding) => {
            // Redacted before it is cut, so that no half of a key escapes.
            let encoding: String =
                Untrusted::new(&encoding, known).to_string().chars().take(MAX_ENCODING_CHARS).collect();
            let what = format!(
                "the answer is encoded as `{encoding}`, though the request allows no encoding (Accept-Encoding: identity)"
            );
            Err(Error::new(ErrorKind::BadResponse, what)
                .hint_is("configure the proxy or gateway in between to send the answer without an encoding"))
        }
    }
}
