//! An answer of Codat's API.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::header::{DATE, HeaderMap};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::redact::redacted;
use crate::wire::date::http_date;
use crate::wire::{self, Attempt, RateLimit, correlation_id};

/// An answer of any 2xx status. `Debug` shows neither headers nor body.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// let profile = client.request(codat_keys::Method::GET, "/profile").await?;
/// assert_eq!((profile.status(), profile.headers()["content-type"].as_bytes()), (200, &b"application/json"[..]));
/// // Codat's profile holds a key. For people's eyes:
/// println!("{}", String::from_utf8_lossy(&profile.redacted()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Response(pub(crate) Attempt);

impl Response {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The body, at most 8 MiB.
    pub fn bytes(&self) -> &Bytes {
        self.0.body()
    }

    /// The body for people's eyes, a terminal or a log: every key that the client has used or listed is masked, and where it
    /// is JSON, the value of every member `apiKey` is masked (Codat's lists of keys and its profile hold keys in clear). The
    /// body may be UTF-8, UTF-16, UTF-32 or Latin-1. All else stays as it came.
    pub fn redacted(&self) -> Cow<'_, [u8]> {
        redacted(self.bytes(), &self.0.known_keys)
    }

    /// The body, read from JSON.
    ///
    /// # Errors
    /// `BadResponse` where it is no JSON of that form. The error tells the place, never a value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        wire::json(&self.0)
    }

    /// The body as the text of a JSON document, without a byte order mark, for the parser of another language.
    ///
    /// # Errors
    /// `BadResponse` if the body is not UTF-8.
    #[doc(hidden)]
    pub fn json_text(&self) -> Result<&str, Error> {
        wire::json_text(&self.0)
    }

    /// What Codat's support asks for, from the JSON's `correlationId`. Codat names one in refusals, which are errors and
    /// carry it themselves; in a success it is rare.
    pub fn correlation_id(&self) -> Option<String> {
        correlation_id(&self.0)
    }

    /// When the server says that it answered, from the header `Date`, to the second.
    pub fn date(&self) -> Option<Timestamp> {
        http_date(self.headers().get(DATE)?.to_str().ok()?)
    }

    /// What this answer says of the day's quota.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        RateLimit::read(self.headers())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status()).field("bytes", &self.bytes().len()).finish()
    }
}
