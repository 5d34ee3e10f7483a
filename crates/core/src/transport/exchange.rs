//! One exchange: sends a request, and receives the response.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH};
use http::{HeaderValue, Method, Request, Response};
use tokio::time::timeout_at;

use super::connect_error::{Target, connect_error};
use super::send_error::send_error;
use super::{Body, BodyLimit, BodyMode, Failure, Received, Transport};
use crate::credentials::CachedCredential;
use crate::error::{Error, ErrorKind};
use crate::wire::{Attempt, RateLimit};

impl Transport {
    /// Sends the request once. `timeout` is the maximum time until the whole response has arrived. If the body is
    /// streamed, `timeout` is the maximum time until the headers have arrived.
    pub(super) async fn exchange(
        &self,
        key: &Arc<CachedCredential>,
        request: &Request<Bytes>,
        timeout: Duration,
        mode: BodyMode,
    ) -> Result<Received, Failure> {
        self.config.check_open().map_err(|error| Failure { error, sent: false })?;
        if timeout.is_zero() {
            return Err(Failure { error: Error::of(ErrorKind::Timeout), sent: false });
        }
        let ends = Instant::now() + timeout;
        let sent = timeout_at(ends.into(), self.http.execute(self.authorized(key, request))).await;
        let answer = match sent {
            Ok(Ok(answer)) => answer,
            Ok(Err(source)) => return Err(self.failure(source).await),
            Err(_) => return Err(Failure { error: Error::of(ErrorKind::Timeout), sent: true }),
        };
        self.read_response(answer, mode, ends).await
    }

    /// Reads the headers and the body of a response. If the body is streamed, reads only the headers.
    async fn read_response(
        &self,
        mut answer: reqwest::Response,
        mode: BodyMode,
        ends: Instant,
    ) -> Result<Received, Failure> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        if let Some(rate_limit) = RateLimit::read(response.headers()) {
            *self.latest_rate_limit.lock().unwrap_or_else(PoisonError::into_inner) = Some(rate_limit);
        }
        let (status, known) = (response.status(), &self.credentials().known);
        let (limit, is_streamed) = match mode {
            _ if !status.is_success() => (BodyLimit::OF_ERRORS, false),
            BodyMode::Whole(limit) => (limit, false),
            BodyMode::Streamed(limit) => (limit, true),
        };
        let read = async {
            let body = Body::new(answer, response.headers(), limit, known, &self.origin)?;
            if is_streamed { Ok((Bytes::new(), Some(body))) } else { Ok((body.read().await?, None)) }
        };
        let read = timeout_at(ends.into(), read).await;
        let read = read.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "the response did not end in time")));
        let (bytes, body) = match read {
            Ok(read) => read,
            // An error response is kept even if its body cannot be read.
            Err(_) if !status.is_success() => (Bytes::new(), None),
            Err(error) => return Err(Failure { error: error.with_status(status), sent: true }),
        };
        *response.body_mut() = bytes;
        Ok(Received { attempt: Attempt::new(response, known.clone()), body })
    }

    fn target(&self) -> Target<'_> {
        Target {
            url: &self.url,
            origin: &self.origin,
            proxy: self.config.http.proxy(),
            connect_timeout: self.config.connect_timeout,
        }
    }

    /// Converts an error of reqwest to a [`Failure`]. If no connection was made, the request was not sent. After any
    /// other error, the request counts as sent.
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
}
