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

/// A response with a 2xx status. `Debug` omits the headers and the body.
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

    /// Returns the body, which has at most 8 MiB.
    pub fn bytes(&self) -> &Bytes {
        self.0.body()
    }

    /// Returns the body with keys redacted, for a terminal or a log. Every key that the client has used or listed is
    /// masked. If the body is JSON, the value of every member `apiKey` is masked too, because the responses of
    /// `/apiKeys` and `/profile` contain keys. The body may be UTF-8, UTF-16, UTF-32 or Latin-1. The rest of the body
    /// is unchanged.
    pub fn redacted(&self) -> Cow<'_, [u8]> {
        redacted(self.bytes(), &self.0.known_keys)
    }

    /// Parses the body as JSON of the type `T`.
    ///
    /// # Errors
    /// `BadResponse` if the body is not JSON of the type `T`. The error contains the position of the defect, but never
    /// a value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        wire::json(&self.0)
    }

    /// Returns the body as text, without a byte order mark.
    ///
    /// # Errors
    /// `BadResponse` if the body is not UTF-8.
    pub fn text(&self) -> Result<&str, Error> {
        wire::text(&self.0)
    }

    /// Returns the `correlationId` in the JSON body. Codat's support asks for this id. Codat usually sends one only
    /// with an error: see [`Error::correlation_id`].
    pub fn correlation_id(&self) -> Option<String> {
        correlation_id(&self.0)
    }

    /// Returns the time of the response according to its `Date` header, with a precision of one second.
    pub fn date(&self) -> Option<Timestamp> {
        http_date(self.headers().get(DATE)?.to_str().ok()?)
    }

    /// Returns the daily quota that this response reports, or `None` if it reports none.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        RateLimit::read(self.headers())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status().as_u16()).field("bytes", &self.bytes().len()).finish()
    }
}
