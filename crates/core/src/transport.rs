//! Sends a request and reads its answer. Together with `blueprint.rs` and `proxy.rs` the only module
//! that knows reqwest.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::AUTHORIZATION;
use http::{Request, Response};
use tracing::field::Empty;
use tracing::{Instrument, debug, debug_span};
use url::Url;

use crate::api;
use crate::credentials::{CurrentKey, Held};
use crate::error::{Error, ErrorKind};
use crate::limits::Timeouts;
use crate::rate_limit::RateLimit;
use crate::refusal::correlation_id;
use crate::retry::{Policy, Surroundings};

/// No answer of Codat's key operations comes near this size; past it something else is talking.
pub(crate) const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// What Codat says with a refusal is short; of a longer one the status is enough.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// What the latest answer said of the day's quota, shared by the clients that count as one.
pub(crate) type LatestRateLimit = Arc<Mutex<Option<RateLimit>>>;

/// Set once the caller is done with a client, in all its clones.
pub(crate) type Closed = Arc<AtomicBool>;

#[derive(Clone)]
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    pub(crate) origin: Url,
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

/// In a request: people may see its answer even if it is no refusal, so that it keeps the key that it was sent with. Others
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
        // An end that the clock cannot hold is as good as the farthest that anybody waits for.
        let now = self.surroundings.now();
        let ends = now.checked_add(call).unwrap_or(now + Duration::from_secs(365 * 24 * 3600));
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
        let span = debug_span!("codat.request", method = %request.method(), path = api::path_template(request.uri()), status = Empty, correlation_id = Empty);
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
        let mut answer = self.http.execute(self.authorized(key, request, time)).await.map_err(not_answered)?;

        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        if let Some(rate_limit) = RateLimit::read(response.headers()) {
            *self.latest_rate_limit.lock().unwrap_or_else(PoisonError::into_inner) = Some(rate_limit);
        }
        let most = if answer.status().is_success() { MAX_BODY_BYTES } else { MAX_REFUSAL_BYTES };
        match read_body(&mut answer, most).await {
            Ok(body) => *response.body_mut() = body,
            // A refusal stays one, whatever became of its body.
            Err(_) if !response.status().is_success() => {}
            Err(error) => return Err(Failure { error: error.status_is(response.status().as_u16()), sent: true }),
        }
        if !response.status().is_success() || request.extensions().get::<IsShown>().is_some() {
            // What it says may hold the key: whoever shows it takes that out.
            response.extensions_mut().insert(Arc::clone(key));
        }
        Ok(response)
    }

    /// As reqwest wants it. Its URL is put together from that of the client, which is parsed once.
    fn authorized(&self, key: &Held, request: &Request<Bytes>, time: Duration) -> reqwest::Request {
        let mut url = self.origin.clone();
        url.set_path(request.uri().path());
        url.set_query(request.uri().query());
        let mut authorized = reqwest::Request::new(request.method().clone(), url);
        *authorized.headers_mut() = request.headers().clone();
        authorized.headers_mut().insert(AUTHORIZATION, key.authorization.clone());
        *authorized.body_mut() = Some(request.body().clone().into());
        *authorized.timeout_mut() = Some(time);
        authorized
    }
}

async fn read_body(answer: &mut reqwest::Response, most: usize) -> Result<Bytes, Error> {
    if answer.content_length().is_some_and(|length| length > most as u64) {
        return Err(Error::of(ErrorKind::TooLarge));
    }
    let mut body = BytesMut::new();
    let declared = answer.content_length();
    while let Some(chunk) = answer.chunk().await.map_err(cut_off)? {
        if body.len() + chunk.len() > most {
            return Err(Error::of(ErrorKind::TooLarge));
        }
        // Most answers come in one piece, which need not be copied.
        if declared == Some(chunk.len() as u64) {
            return Ok(chunk);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Only a connection that was never made is known to have carried nothing.
fn not_answered(source: reqwest::Error) -> Failure {
    let (sent, source) = (!source.is_connect(), source.without_url());
    let error = match (source.is_timeout(), sent) {
        (true, true) => Error::of(ErrorKind::Timeout),
        (true, false) => {
            Error::new(ErrorKind::Timeout, "no connection was made in time").hint_is(ErrorKind::Connect.hint())
        }
        (false, true) => Error::new(ErrorKind::Connect, "the connection was lost before the answer came"),
        (false, false) => not_connected(&source),
    };
    Failure { error: error.caused_by(source), sent }
}

fn not_connected(source: &reqwest::Error) -> Error {
    let cause = root_cause(source);
    match cause.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(reason)) => Error::new(
            ErrorKind::Connect,
            format!("the server's certificate is not trusted: {reason}"),
        )
        .hint_is(
            "check the base URL; behind a proxy that opens TLS, name the certificate of its authority in CODAT_CA_FILE \
                 (or `ca_file`): the authority's, not the server's own",
        ),
        _ => Error::new(ErrorKind::Connect, format!("no connection could be made: {cause}")),
    }
}

fn cut_off(source: reqwest::Error) -> Error {
    let error = if source.is_timeout() {
        Error::new(ErrorKind::Timeout, "the answer did not end in time")
    } else {
        Error::new(ErrorKind::Connect, "the connection was lost before the answer ended")
    };
    error.caused_by(source.without_url())
}

fn root_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut cause = error;
    loop {
        // An I/O error hides the error that it wraps from `source`.
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        match wrapped.map(|wrapped| wrapped as _).or(cause.source()) {
            Some(next) => cause = next,
            None => return cause,
        }
    }
}
