//! The transport: sends each attempt of a request with reqwest, and reads the response.

mod body;
mod connect_error;
mod credential_refresh;
mod exchange;
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
use http::Request;
use tracing::field::Empty;
use tracing::{Instrument, debug, debug_span};
use url::Url;

use crate::credentials::{CachedCredential, CredentialCache};
use crate::domain::BaseUrl;
use crate::error::{Error, ErrorKind};
use crate::timeouts::{Clock, Deadline, Timeouts};
use crate::wire::{Attempt, RateLimit, correlation_id, path_template};
pub(crate) use body::{Body, BodyLimit, BodyMode};
pub(crate) use http_client::{GivenClient, HttpConfig};
pub(crate) use tls::Tls;

/// The daily request quota from the latest response. All clones of a client share this value.
pub(crate) type LatestRateLimit = Arc<Mutex<Option<RateLimit>>>;

/// A flag that is set when a client is closed. All clones of the client share this flag.
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
    /// Returns a copy with new locks and without TLS sessions, for use in the child process after a fork.
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

/// Sends each attempt of a request, and reads the response. Does not repeat an attempt after a transient error.
pub(crate) struct Transport {
    pub(crate) config: TransportConfig,
    http: reqwest::Client,
    /// The parsed base URL.
    url: Url,
    /// The origin of the base URL, for error messages.
    origin: Arc<str>,
    latest_rate_limit: LatestRateLimit,
}

/// The response to one attempt. `body` is set if the body is streamed.
pub(crate) struct Received {
    pub(crate) attempt: Attempt,
    /// The streamed body. `None` if the transport has already read the body into `attempt`.
    pub(crate) body: Option<Body>,
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
        let (url, origin) = (config.base_url.to_url(), config.base_url.origin().into());
        Ok(Self { config, http, url, origin, latest_rate_limit: Arc::clone(latest_rate_limit) })
    }

    /// Returns a transport with another credential and the same connections.
    pub(crate) fn with_credentials(&self, credentials: CredentialCache) -> Self {
        Self {
            config: TransportConfig { credentials: Arc::new(credentials), ..self.config.clone() },
            http: self.http.clone(),
            url: self.url.clone(),
            origin: Arc::clone(&self.origin),
            latest_rate_limit: Arc::clone(&self.latest_rate_limit),
        }
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

    pub(crate) fn now(&self) -> Instant {
        self.config.clock.now()
    }

    pub(crate) async fn sleep(&self, time: Duration) {
        self.config.clock.sleep(time).await;
    }

    /// Returns the minimum time that must remain until the deadline when an attempt begins. This is the time to connect
    /// plus 250 ms. The time to connect is the connect timeout, but at most three quarters of the timeout of the
    /// attempt. With less time, the attempt could time out while it connects. The request would then count as possibly
    /// sent.
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

    /// Sends the request once with the credential `key`, and reads the response.
    pub(crate) async fn attempt_with(
        &self,
        key: &Arc<CachedCredential>,
        request: &Request<Bytes>,
        deadline: Deadline,
        limit: BodyLimit,
    ) -> Result<Attempt, Failure> {
        let received = self.receive_with(key, request, deadline, BodyMode::Whole(limit)).await;
        received.map(|received| received.attempt)
    }

    /// Sends the request once with the credential `key`. Records a tracing span.
    async fn receive_with(
        &self,
        key: &Arc<CachedCredential>,
        request: &Request<Bytes>,
        deadline: Deadline,
        mode: BodyMode,
    ) -> Result<Received, Failure> {
        let span = debug_span!("codat.request", method = %request.method(), path = path_template(request.uri()), status = Empty, correlation_id = Empty);
        let timeout = deadline.attempt_timeout(self.now());
        // Without a tracing subscriber, the duration is not measured.
        if span.is_disabled() {
            return self.exchange(key, request, timeout, mode).await;
        }
        async {
            let started = self.now();
            let result = self.exchange(key, request, timeout, mode).await;
            let milliseconds = self.now().saturating_duration_since(started).as_millis() as u64;
            match &result {
                Ok(Received { attempt, .. }) => {
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
                Err(failure) => {
                    let (error, code) = (&failure.error, failure.error.kind().code());
                    debug!(%error, sent = failure.sent, milliseconds, code, "not answered");
                }
            }
            result
        }
        .instrument(span)
        .await
    }
}
