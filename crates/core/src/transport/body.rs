//! Reading of response bodies, with a limit on their size.

use bytes::{Bytes, BytesMut};
use http::Response;
use http::header::CONTENT_ENCODING;

use super::send_error::body_error;
use crate::domain::{KnownKeys, Untrusted};
use crate::error::{Error, ErrorKind};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

const MAX_ENCODING_CHARS: usize = 40;

/// The maximum size of a response body.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimit {
    bytes: u64,
    /// Whether the limit is the option `max_response_bytes`.
    is_option: bool,
}

impl BodyLimit {
    /// The default of the option `max_response_bytes`.
    pub(crate) const DEFAULT: Self = Self { bytes: 64 * MIB, is_option: true };
    /// The limit for the operations on keys. Codat's lists of keys are far smaller.
    pub(crate) const OF_KEY_OPERATIONS: Self = Self { bytes: 8 * MIB, is_option: false };
    /// The limit for error responses. Codat's error bodies are far smaller. A larger body is ignored.
    pub(super) const OF_ERRORS: Self = Self { bytes: 64 * KIB, is_option: false };

    /// Returns the limit for a value of the option `max_response_bytes`.
    pub(crate) fn given(bytes: u64) -> Result<Self, Error> {
        if bytes == 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "`max_response_bytes` is zero")
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

/// Reads the body of a response.
pub(super) async fn read_body(answer: &mut reqwest::Response, limit: BodyLimit, origin: &str) -> Result<Bytes, Error> {
    let declared = answer.content_length();
    limit.check(declared.unwrap_or(0))?;
    let mut read = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|source| body_error(source, origin))? {
        limit.check((read.len() + chunk.len()) as u64)?;
        // Most bodies arrive in one chunk, which is returned without copying.
        if declared == Some(chunk.len() as u64) {
            return Ok(chunk);
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.freeze())
}

/// Rejects a response body with a content encoding, because API keys in it could not be redacted. The request asks for
/// a body without an encoding.
pub(super) fn check_encoding(response: &Response<Bytes>, known: &KnownKeys) -> Result<(), Error> {
    let encodings = response.headers().get_all(CONTENT_ENCODING).iter();
    let mut encodings = encodings.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
    match encodings.find(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")) {
        None => Ok(()),
        Some(encoding) => {
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
