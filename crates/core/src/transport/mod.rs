//! The transport: sends single attempts with reqwest, and reads the responses.

mod body;
mod connect_error;
mod credential_refresh;
mod http_client;
pub(crate) mod proxy;
mod send_error;
mod source;
#[cfg_attr(not(any(feature = "rustls", feature = "ring")), path = "no_tls.rs")]
mod tls;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH};
use http::{HeaderValue, Method, Request, Response};
use tokio::time::timeout_at;
use tracing::field::Empty;
use tracing::{Instrument, debug, debug_span};
use url::Url;

use crate::credentials::{CachedCredential, CredentialCache};
use crate::domain::BaseUrl;
use crate::error::{Error, ErrorKind};
use crate::timeouts::{Clock, Deadline, Timeouts};
use crate::wire::{Attempt, RateLimit, correlation_id, path_template};
pub(crate) use body::BodyLimit;
use body::{check_encoding, read_body};
use connect_error::{Target, connect_error};
pub(crate) use http_client::{GivenClient, HttpConfig};
use send_error::send_error;
pub(crate) use tls::Tls;

/// The daily request quota from the latest response. Shared by all clones of a client.
pub(crate) type LatestRateLimit = Arc<Mutex<Option<RateLimit>>>;

/// A flag that is set when a client is closed. Shared by all clones of the client.
pub(crate) type Closed = Arc<AtomicBool>;

/// The configuration of a transport.
#[derive(Clone)]
pub(crate) struct TransportConfig {
    pub(crate) base_url: BaseUrl,
    pub(crate) http: HttpConfig,
    pub(crate) connect_timeout: Duration,
    pub(crate) credentials: Arc<CredentialCache>,
    pub(crate) closed: Closed,
    pub(crate) clock: Arc<dyn Clock>,
}

impl TransportConfig {
    /// Returns a copy with new locks and without TLS sessions. Called in the child process after a fork.
    pub(crate) fn for_this_process(&self) -> Self {
        let mut own = self.clone();
        own.credentials = Arc::new(self.credentials.for_this_process());
        own.http = self.http.for_this_process();
        own
    }

    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::Relaxed) { Err(Error::of(ErrorKind::Closed)) } else { Ok(()) }
    }
}

/// Sends single attempts of requests, and reads the responses.
pub(crate) struct Transport {
    pub(crate) config: TransportConfig,
    http: reqwest::Client,
    /// The parsed base URL.
    url: Url,
    /// The origin of the base URL, for error messages.
    origin: String,
    latest_rate_limit: LatestRateLimit,
}

/// The error of an attempt without a usable response. `sent` is true if Codat may have received the request.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) sent: bool,
}

impl Transport {
    /// Creates a transport. Opens no connection. `latest_rate_limit` is shared by all clones of a client.
    pub(crate) fn new(config: TransportConfig, latest_rate_limit: &LatestRateLimit) -> Result<Self, Error> {
        let http = http_client::build(&config)?;
        let (url, origin) = (config.base_url.to_url(), config.base_url.origin());
        Ok(Self { config, http, url, origin, latest_rate_limit: Arc::clone(latest_rate_limit) })
    }

    pub(crate) fn credentials(&self) -> &CredentialCache {
        &self.config.credentials
    }

    pub(crate) fn deadline(&self, timeouts: Timeouts) -> Deadline {
        Deadline::new(self.now(), timeouts)
    }

    pub(crate) fn remaining(&self, deadline: Deadline) -> Duration {
        deadline.remaining(self.now())
    }

    /// Returns the time since the start of the operation with this deadline.
    pub(crate) fn elapsed(&self, deadline: Deadline) -> Duration {
        deadline.elapsed(self.now())
    }

    pub(crate) fn now(&self) -> Instant {
        self.config.clock.now()
    }

    pub(crate) async fn sleep(&self, time: Duration) {
        self.config.clock.sleep(time).await;
    }

    /// Returns the minimum time until the deadline at the start of an attempt: the connect timeout plus 250 ms. With
    /// less time, the attempt could time out while it connects, and would then count as possibly sent. The connect
    /// timeout is at most three quarters of the timeout of an attempt.
    pub(crate) fn time_to_send(&self, deadline: Deadline) -> Duration {
        self.config.connect_timeout.min(deadline.time_to_connect()) + Duration::from_millis(250)
    }

    /// Returns whether enough time remains until the deadline to begin an attempt.
    pub(crate) fn can_send(&self, deadline: Deadline) -> bool {
        self.remaining(deadline) >= self.time_to_send(deadline)
    }

    pub(crate) fn rate_limit(&self) -> Option<RateLimit> {
        *self.latest_rate_limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the request once with the credential `key`. Records a tracing span.
    pub(crate) async fn attempt_with(
        &self,
        key: &Arc<CachedCredential>,
        request: &Request<Bytes>,
        deadline: Deadline,
        limit: BodyLimit,
    ) -> Result<Attempt, Failure> {
        let span = debug_span!("codat.request", method = %request.method(), path = path_template(request.uri()), status = Empty, correlation_id = Empty);
        let timeout = deadline.attempt_timeout(self.now());
        // Without a tracing subscriber, the duration is not measured.
        if span.is_disabled() {
            return self.exchange(key, request, timeout, limit).await;
        }
        async {
            let started = self.now();
            let result = self.exchange(key, request, timeout, limit).await;
            let milliseconds = self.now().saturating_duration_since(started).as_millis() as u64;
            match &result {
                Ok(attempt) => {
                    // Only error responses contain a correlation id. The body of a successful response is not searched,
                    // to save time.
                    let id = if attempt.status().is_success() { None } else { correlation_id(attempt) };
                    let (span, status) = (tracing::Span::current(), attempt.status().as_u16());
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
        key: &Arc<CachedCredential>,
        request: &Request<Bytes>,
        timeout: Duration,
        limit: BodyLimit,
    ) -> Result<Attempt, Failure> {
        self.config.check_open().map_err(|error| Failure { error, sent: false })?;
        if timeout.is_zero() {
            return Err(Failure { error: Error::of(ErrorKind::Timeout), sent: false });
        }
        let ends = Instant::now() + timeout;
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
        let read = timeout_at(ends.into(), self.read_body(&response, &mut answer, limit)).await;
        match read.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "the response did not end in time"))) {
            Ok(body) => *response.body_mut() = body,
            // An error response is kept even if its body cannot be read.
            Err(_) if !response.status().is_success() => {}
            Err(error) => return Err(Failure { error: error.with_status(response.status()), sent: true }),
        }
        Ok(Attempt::new(response, self.credentials().known.clone()))
    }

    fn target(&self) -> Target<'_> {
        Target {
            url: &self.url,
            origin: &self.origin,
            proxy: self.config.http.proxy(),
            connect_timeout: self.config.connect_timeout,
        }
    }

    /// Converts an error of reqwest. The request counts as not sent only if the connection failed.
    async fn failure(&self, source: reqwest::Error) -> Failure {
        if source.is_connect() {
            return Failure { error: connect_error(source, self.target()).await, sent: false };
        }
        Failure { error: send_error(source, &self.origin), sent: true }
    }

    /// Builds the reqwest request: adds the base URL, the `Authorization` header and the other common headers.
    fn authorized(&self, key: &CachedCredential, request: &Request<Bytes>) -> reqwest::Request {
        let mut url = self.url.clone();
        url.set_path(request.uri().path());
        url.set_query(request.uri().query());
        let mut authorized = reqwest::Request::new(request.method().clone(), url);
        *authorized.body_mut() = Some(request.body().clone().into());
        let headers = authorized.headers_mut();
        headers.clone_from(request.headers());
        headers.insert(AUTHORIZATION, key.authorization.clone());
        // API keys can be redacted only in uncompressed bodies.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // RFC 9110, section 8.6: some servers respond with 411 to these methods without `Content-Length`.
        if request.body().is_empty() && matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        authorized
    }

    /// Reads the body of a response. `limit` is the limit for a successful response.
    async fn read_body(
        &self,
        response: &Response<Bytes>,
        answer: &mut reqwest::Response,
        limit: BodyLimit,
    ) -> Result<Bytes, Error> {
        if answer.content_length() == Some(0) {
            return Ok(Bytes::new());
        }
        check_encoding(response, &self.credentials().known)?;
        let limit = if response.status().is_success() { limit } else { BodyLimit::OF_ERRORS };
        read_body(answer, limit, &self.origin).await
    }
}
