//! Successful responses of Codat's API.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use http::header::{DATE, HeaderMap};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::redact::redacted;
use crate::wire::date::http_date;
use crate::wire::{self, Attempt, RateLimit, correlation_id};

/// A successful response, with a 2xx status. `Debug` omits the headers and the body.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// let profile = client.request(codat_keys::Method::GET, "/profile").await?;
/// assert_eq!(profile.status(), codat_keys::StatusCode::OK);
/// assert_eq!(profile.headers()["content-type"], "application/json");
/// // Codat's profile contains a key. Mask it before printing:
/// println!("{}", String::from_utf8_lossy(&profile.redacted()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Response(pub(crate) Attempt);

impl Response {
    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// Returns the body. [`Request::max_response_bytes`](crate::Request::max_response_bytes) limits its size.
    pub fn bytes(&self) -> &Bytes {
        self.0.body()
    }

    /// Returns the body with API keys masked, for a terminal or a log. Masks every key that the client has used or
    /// listed, and the value of every `apiKey` member in JSON. The body can be UTF-8, UTF-16, UTF-32 or Latin-1. The
    /// rest of the body is unchanged.
    pub fn redacted(&self) -> Cow<'_, [u8]> {
        redacted(self.bytes(), &self.0.known_keys)
    }

    /// Parses the body as JSON.
    ///
    /// # Errors
    /// `BadResponse` if the body is not JSON of the type `T`. The error contains the position in the JSON, but no
    /// values.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        wire::json(&self.0)
    }

    /// Returns the body as text. Omits a byte order mark.
    ///
    /// # Errors
    /// `BadResponse` if the body is not UTF-8.
    pub fn text(&self) -> Result<&str, Error> {
        wire::text(&self.0)
    }

    /// Returns the `correlationId` in the JSON body. Codat's support asks for this id. Usually, only error responses
    /// contain it: see [`Error::correlation_id`].
    pub fn correlation_id(&self) -> Option<String> {
        correlation_id(&self.0)
    }

    /// Returns the time in the `Date` header of the response.
    pub fn date(&self) -> Option<Timestamp> {
        http_date(self.headers().get(DATE)?.to_str().ok()?)
    }

    /// Returns the daily request quota that this response reports, if any.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        RateLimit::read(self.headers())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status().as_u16()).field("bytes", &self.bytes().len()).finish()
    }
}
