//! Successful responses whose body is read in chunks, by a thread that blocks.

use std::io::{self, Read};
use std::sync::Arc;
use std::{fmt, mem};

use bytes::{Buf, Bytes};
use http::StatusCode;
use http::header::HeaderMap;

use super::context::in_blocking_context;
use super::pool::{Pair, Pool};
use crate::error::{Error, ErrorKind};
use crate::wire::RateLimit;

/// A successful response whose body the caller reads in chunks. Returned by
/// [`Request::send_streaming`](crate::Request::send_streaming).
///
/// [`crate::ResponseStream`] documents the timeouts, the limit and the errors of the body. The body is only received
/// while a method of this type runs. Dropping the response before the end of the body closes the connection.
///
/// An [`io::Error`] from [`Read`] contains an [`Error`]. To get the [`Error`], call `get_ref` and then `downcast_ref`.
///
/// ```
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let base_url = emulator.base_url();
/// # let key = codat_keys::ApiKey::parse(emulator.api_key())?;
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build_blocking()?;
/// use codat_keys::Method;
///
/// let mut response = client.request(Method::GET, "/companies").send_streaming()?;
/// let bytes = std::io::copy(&mut response, &mut std::io::sink()).unwrap(); // or into a file
/// assert_eq!(Some(bytes), response.content_length());
/// # Ok::<(), codat_keys::Error>(())
/// ```
#[must_use = "the body is not read, and dropping the response closes its connection"]
pub struct ResponseStream {
    pool: Arc<Pool>,
    /// `None` only during `drop`.
    held: Option<(crate::ResponseStream, Pair)>,
    /// The part of the latest chunk that `read` has not copied yet.
    unread: Bytes,
}

impl ResponseStream {
    pub(super) fn new(pool: Arc<Pool>, pair: Pair, stream: crate::ResponseStream) -> Self {
        Self { pool, held: Some((stream, pair)), unread: Bytes::new() }
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.stream().status()
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        self.stream().headers()
    }

    /// Returns the length of the whole body in bytes. Returns `None` if the response does not declare the length.
    pub fn content_length(&self) -> Option<u64> {
        self.stream().content_length()
    }

    /// Returns the daily request quota that this response reports, if any.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.stream().rate_limit()
    }

    /// Returns the next part of the body. A part is never empty. Returns `None` at the end of the body. After an error,
    /// returns the same error again.
    ///
    /// # Errors
    /// As [`crate::ResponseStream::chunk`] and [`run`](Self::run).
    pub fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match mem::take(&mut self.unread) {
            unread if unread.is_empty() => self.run(async |stream| stream.chunk().await),
            unread => Ok(Some(unread)),
        }
    }

    /// Runs an asynchronous function with the asynchronous response, and blocks until the function returns. Use this
    /// method to wait for a chunk and for another event at the same time.
    ///
    /// # Errors
    /// The errors that `call` returns. `InvalidInput` in a future that tokio polls, and in a child process after a fork.
    pub fn run<T: Send>(
        &mut self,
        call: impl AsyncFnOnce(&mut crate::ResponseStream) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        let (stream, pair) = self.held.as_mut().expect("a stream is held until it is dropped");
        if !pair.is_of_this_process() {
            return Err(Error::new(ErrorKind::InvalidInput, "the response belongs to the parent process")
                .with_hint("send the request again after the fork"));
        }
        in_blocking_context(|| pair.block_on(call(stream)))
    }

    fn stream(&self) -> &crate::ResponseStream {
        &self.held.as_ref().expect("a stream is held until it is dropped").0
    }
}

impl Read for ResponseStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut chunk = self.chunk().map_err(io::Error::other)?.unwrap_or_default();
        let length = chunk.len().min(buffer.len());
        chunk.copy_to_slice(&mut buffer[..length]);
        self.unread = chunk;
        Ok(length)
    }
}

impl Drop for ResponseStream {
    fn drop(&mut self) {
        let Some((stream, pair)) = self.held.take() else { return };
        if !pair.is_of_this_process() {
            // The stream is a copy from the parent process, whose connection it would affect.
            mem::forget(stream);
        } else if stream.is_complete() {
            drop(stream);
            self.pool.put(pair);
        }
        // Otherwise the runtime is dropped, which closes the connection. In the pool, the runtime would close the
        // connection only during the next operation.
    }
}

impl fmt::Debug for ResponseStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream().fmt(f)
    }
}
