//! The response to one attempt.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;

use crate::domain::KnownKeys;
use crate::error::{Error, ErrorKind};
use crate::text::without_byte_order_mark;

/// The response to one attempt to send a request.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) response: Response<Bytes>,
    /// The API keys to redact from the response.
    pub(crate) known_keys: KnownKeys,
    /// The error message of a failed credential refresh. Set if this response rejected the API key and a new key could
    /// not be read.
    pub(crate) refresh_error: Option<String>,
    /// Whether an earlier attempt to send the same request got the status 429.
    pub(crate) was_rate_limited: bool,
}

impl Attempt {
    pub(crate) fn new(response: Response<Bytes>, known_keys: KnownKeys) -> Self {
        Self { response, known_keys, refresh_error: None, was_rate_limited: false }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    pub(crate) fn body(&self) -> &Bytes {
        self.response.body()
    }
}

pub(crate) fn json<'a, T: Deserialize<'a>>(attempt: &'a Attempt) -> Result<T, Error> {
    // The error contains only the position. The message of serde_json can quote a value, and the value can be an API
    // key.
    serde_json::from_slice(without_byte_order_mark(attempt.body())).map_err(|error| {
        let what = match attempt.body().is_empty() {
            true => "it is empty".to_owned(),
            false => format!("it is not the JSON that was expected (line {}, column {})", error.line(), error.column()),
        };
        unreadable(attempt, &what)
    })
}

pub(crate) fn text(attempt: &Attempt) -> Result<&str, Error> {
    std::str::from_utf8(without_byte_order_mark(attempt.body()))
        .map_err(|_| unreadable(attempt, "it is not encoded as UTF-8"))
}

pub(crate) fn unreadable(attempt: &Attempt, what: &str) -> Error {
    Error::new(ErrorKind::BadResponse, format!("the response cannot be read: {what}")).with_status(attempt.status())
}
