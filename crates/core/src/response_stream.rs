//! Successful responses whose body is read in chunks.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream;
use http::StatusCode;
use http::header::HeaderMap;
use tokio::time::{Sleep, sleep};

use crate::cancel::{Cancellation, is_cancelled};
use crate::error::{Error, ErrorKind};
use crate::retry::Conclusion;
use crate::transport::Body;
use crate::wire::{Attempt, RateLimit};

/// A successful response whose body the caller reads in chunks. Returned by
/// [`Request::send_streaming`](crate::Request::send_streaming). `Debug` omits the headers and the body.
///
/// [`chunk`](Self::chunk) returns the next part of the body. `ResponseStream` is also a [`Stream`] of these parts. The
/// memory in use does not depend on the length of the body. Dropping the response before the end of the body closes its
/// connection.
///
/// The body ends in one of these ways:
/// - The body is complete: `chunk` returns `None`.
/// - The connection is lost before the body is complete: an error of kind `Connect`. `Content-Length` or the chunked
///   coding declares the end of a complete body.
/// - No byte arrives during the timeout of an attempt: `Timeout`. The timeout of an attempt is the
///   [timeout](crate::Request::timeout) of the request or the client, and 10 s by default. The time that the caller
///   takes to process a chunk does not count. There is no timeout for the whole body.
/// - The body is larger than [`Request::max_response_bytes`](crate::Request::max_response_bytes): `TooLarge`.
/// - [`Request::cancel_on`](crate::Request::cancel_on) cancels the request: `Cancelled`.
///
/// For a method that changes data, each of these errors becomes `OutcomeUnknown`, as for
/// [`Request::send`](crate::Request::send). After an error, the request is not repeated, because the caller may already
/// have received a part of the body.
///
/// API keys in the body are not masked: a key can extend over two chunks. Do not write a chunk to a terminal or a log.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// use codat_keys::{Bytes, Method};
/// use futures_util::TryStreamExt;
///
/// let response = client.request(Method::GET, "/companies").send_streaming().await?;
/// assert_eq!(response.status(), codat_keys::StatusCode::OK);
/// let chunks: Vec<Bytes> = response.try_collect().await?;
/// # assert!(chunks.concat().starts_with(b"{"));
/// # Ok(())
/// # }
/// ```
#[must_use = "the body is not read, and dropping the response closes its connection"]
pub struct ResponseStream {
    /// The status and the headers.
    head: Attempt,
    content_length: Option<u64>,
    state: State,
    idle_timeout: Duration,
    /// The timer for the next chunk. `None` while the stream does not wait for a chunk.
    idle_timer: Option<Pin<Box<Sleep>>>,
    cancellation: Option<Cancellation>,
    conclusion: Conclusion,
}

enum State {
    Open(Body),
    Complete,
    Failed(Error),
}

impl ResponseStream {
    pub(crate) fn new(
        head: Attempt,
        body: Option<Body>,
        idle_timeout: Duration,
        cancellation: Option<Cancellation>,
        conclusion: Conclusion,
    ) -> Self {
        let content_length = body.as_ref().and_then(Body::length);
        let state = body.map_or(State::Complete, State::Open);
        Self { head, content_length, state, idle_timeout, idle_timer: None, cancellation, conclusion }
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.head.status()
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        self.head.headers()
    }

    /// Returns the length of the whole body in bytes. Returns `None` if the response does not declare the length.
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Returns the daily request quota that this response reports, if any.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        RateLimit::read(self.headers())
    }

    /// Returns the next part of the body. A part is never empty. Returns `None` at the end of the body. After an error,
    /// returns the same error again.
    ///
    /// If the future is dropped before it completes, no part of the body is lost.
    ///
    /// # Errors
    /// See [`ResponseStream`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        poll_fn(|context| self.poll_chunk(context)).await
    }

    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        let body = match &mut self.state {
            State::Open(body) => body,
            State::Complete => return Poll::Ready(Ok(None)),
            State::Failed(error) => return Poll::Ready(Err(error.shared())),
        };
        let polled = match is_cancelled(&mut self.cancellation, context) {
            true => Poll::Ready(Err(Error::of(ErrorKind::Cancelled))),
            false => body.poll_chunk(context),
        };
        let result = match polled {
            Poll::Ready(result) => result,
            Poll::Pending => Err(ready!(self.poll_idle_timeout(context))),
        };
        self.idle_timer = None;
        Poll::Ready(match result {
            Ok(Some(chunk)) => Ok(Some(chunk)),
            Ok(None) => {
                self.state = State::Complete;
                Ok(None)
            }
            Err(error) => {
                let error = self.conclusion.conclude(error.with_status(self.status()), Instant::now());
                self.state = State::Failed(error.shared());
                Err(error)
            }
        })
    }

    fn poll_idle_timeout(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        let timeout = self.idle_timeout;
        ready!(self.idle_timer.get_or_insert_with(|| Box::pin(sleep(timeout))).as_mut().poll(context));
        let what = format!("no further byte of the response arrived for {} s", timeout.as_secs_f64());
        Poll::Ready(Error::new(ErrorKind::Timeout, what))
    }
}

/// The stream ends after an error.
impl Stream for ResponseStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if matches!(self.state, State::Failed(_)) {
            return Poll::Ready(None);
        }
        self.poll_chunk(context).map(Result::transpose)
    }
}

impl fmt::Debug for ResponseStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseStream")
            .field("status", &self.status().as_u16())
            .field("content_length", &self.content_length)
            .finish_non_exhaustive()
    }
}
