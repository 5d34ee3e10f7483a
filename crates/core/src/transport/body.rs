//! The bodies of responses: reading them as a whole or in chunks, with a limit on their size.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http_body::Body as _;

use super::send_error::body_error;
use crate::domain::{KnownKeys, Untrusted};
use crate::error::{Error, ErrorKind};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The maximum memory in bytes that is reserved when a body begins to arrive.
const FIRST_RESERVED_BYTES: usize = 1024 * 1024;

const MAX_ENCODING_CHARS: usize = 40;

/// How the body of a successful response is read. The transport reads the whole body, or returns a stream of chunks.
/// The transport always reads the whole body of an error response.
#[derive(Clone, Copy)]
pub(crate) enum BodyMode {
    Whole(BodyLimit),
    Streamed(BodyLimit),
}

/// The maximum size of a response body.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimit {
    bytes: u64,
    /// Whether the limit is the value of the option `max_response_bytes`. If so, error messages name this option.
    is_option: bool,
}

impl BodyLimit {
    /// The default of the option `max_response_bytes`.
    pub(crate) const DEFAULT: Self = Self { bytes: 64 * MIB, is_option: true };
    /// No limit. This is the default for a streamed body.
    pub(crate) const NONE: Self = Self { bytes: u64::MAX, is_option: true };
    /// The limit for the operations on keys. Codat's lists of keys are far smaller.
    pub(crate) const OF_KEY_OPERATIONS: Self = Self { bytes: 8 * MIB, is_option: false };
    /// The limit for error responses. Codat's error bodies are far smaller. A body above the limit is ignored.
    pub(super) const OF_ERRORS: Self = Self { bytes: 64 * KIB, is_option: false };

    /// Returns the limit for a value of the option `max_response_bytes`.
    pub(crate) fn given(bytes: u64) -> Result<Self, Error> {
        if bytes == 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "`max_response_bytes` is less than 1")
                .with_hint("give a number of bytes above zero; nothing was sent"));
        }
        Ok(Self { bytes, is_option: true })
    }

    fn check(self, length: u64) -> Result<(), Error> {
        if length <= self.bytes {
            return Ok(());
        }
        let limit = match self.bytes {
            bytes if bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
            bytes if bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
            bytes => format!("{bytes} bytes"),
        };
        let what = format!("the response is larger than {limit}");
        Err(match self.is_option {
            true => Error::new(ErrorKind::TooLarge, what + ", the limit `max_response_bytes`"),
            false => Error::new(ErrorKind::TooLarge, what)
                .with_hint("check the base URL: Codat's responses about keys are far smaller"),
        })
    }
}

/// The body of a response whose headers have arrived. Dropping the body before its end closes the connection.
pub(crate) struct Body {
    body: reqwest::Body,
    /// The length in bytes that the response declares.
    length: Option<u64>,
    limit: BodyLimit,
    received: u64,
    origin: Arc<str>,
}

impl Body {
    /// Returns the body of the response `answer`, whose headers are in `headers`. Rejects a body with a content
    /// encoding, or with a declared length above the limit.
    pub(super) fn new(
        answer: reqwest::Response,
        headers: &HeaderMap,
        limit: BodyLimit,
        known: &KnownKeys,
        origin: &Arc<str>,
    ) -> Result<Self, Error> {
        let length = answer.content_length();
        if length != Some(0) {
            check_encoding(headers, known)?;
        }
        limit.check(length.unwrap_or(0))?;
        Ok(Self { body: answer.into(), length, limit, received: 0, origin: Arc::clone(origin) })
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Polls the next chunk, which is not empty. Returns `None` at the end of the body.
    pub(crate) fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        loop {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(frame) => frame.map_err(|source| body_error(source, &self.origin))?,
                None => return Poll::Ready(Ok(None)),
            };
            // Frames without data contain trailers.
            let chunk = frame.into_data().unwrap_or_default();
            self.received += chunk.len() as u64;
            self.limit.check(self.received)?;
            if !chunk.is_empty() {
                return Poll::Ready(Ok(Some(chunk)));
            }
        }
    }

    /// Reads the whole body.
    pub(super) async fn read(mut self) -> Result<Bytes, Error> {
        let mut read = Vec::new();
        while let Some(chunk) = poll_fn(|context| self.poll_chunk(context)).await? {
            // Most bodies arrive in one chunk, which is returned without copying.
            if self.length == Some(chunk.len() as u64) {
                return Ok(chunk);
            }
            self.reserve(&mut read, chunk.len());
            read.extend_from_slice(&chunk);
        }
        Ok(read.into())
    }

    /// Reserves memory for the rest of the body. The maximum is 1 MiB or the number of bytes that have arrived,
    /// whichever is larger. If `chunk` is larger than this maximum, reserves `chunk` bytes. A server that declares a
    /// long body but sends little of it therefore occupies little memory.
    fn reserve(&self, read: &mut Vec<u8>, chunk: usize) {
        if read.capacity() - read.len() < chunk {
            let missing = self.length.unwrap_or(u64::MAX).saturating_sub(read.len() as u64);
            let most = read.len().max(FIRST_RESERVED_BYTES);
            read.reserve_exact(usize::try_from(missing).map_or(most, |missing| missing.min(most)).max(chunk));
        }
    }
}

/// Rejects a response body with a content encoding, or with a transfer coding other than `chunked`. API keys in such a
/// body could not be redacted. Every request asks for an unencoded body with `Accept-Encoding: identity`.
fn check_encoding(headers: &HeaderMap, known: &KnownKeys) -> Result<(), Error> {
    let mut content = headers.get_all(CONTENT_ENCODING).iter();
    let mut transfer = headers.get_all(TRANSFER_ENCODING).iter();
    let content = content.find(|value| !lists_only(value, &["", "identity"]));
    // hyper decodes `chunked`, and no other transfer coding.
    match content.or_else(|| transfer.find(|value| !lists_only(value, &["", "identity", "chunked"]))) {
        None => Ok(()),
        Some(value) => {
            let encoding = String::from_utf8_lossy(value.as_bytes()).trim().to_owned();
            // Redacts before truncating, so that no part of a key remains.
            let encoding: String =
                Untrusted::new(&encoding, known).to_string().chars().take(MAX_ENCODING_CHARS).collect();
            let what = format!(
                "the response is encoded as `{encoding}`, though the request allows no encoding (Accept-Encoding: identity)"
            );
            Err(Error::new(ErrorKind::BadResponse, what)
                .with_hint("configure the proxy or gateway in between to send the response without an encoding"))
        }
    }
}

/// Returns whether all names in a comma-separated header value are in `allowed`.
fn lists_only(value: &HeaderValue, allowed: &[&str]) -> bool {
    let is_allowed = |name: &[u8]| allowed.iter().any(|allowed| name.eq_ignore_ascii_case(allowed.as_bytes()));
    value.as_bytes().split(|byte| *byte == b',').all(|name| is_allowed(name.trim_ascii()))
}
