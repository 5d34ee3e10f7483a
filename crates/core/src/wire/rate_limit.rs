//! The daily request quota in Codat's response headers.

use http::{HeaderMap, HeaderName};
use jiff::Timestamp;

use crate::wire::date::{codat_date, http_date};

static LIMIT: HeaderName = HeaderName::from_static("x-rate-limit-limit");
static REMAINING: HeaderName = HeaderName::from_static("x-rate-limit-remaining");
static RESET: HeaderName = HeaderName::from_static("x-rate-limit-reset");

/// The daily request quota that a response reports. A field is `None` if its header is missing or invalid.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// assert_eq!(client.rate_limit(), None); // before the first response
/// client.keys().list().await?;
/// let quota = client.rate_limit().expect("Codat reports the quota");
/// assert_eq!((quota.limit, quota.remaining), (Some(6000), Some(5999)));
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// `X-Rate-Limit-Limit`: the number of requests per day, which is 1,000 × (1 + number of active connected
    /// companies).
    pub limit: Option<u64>,
    /// `X-Rate-Limit-Remaining`: the number of requests that remain today.
    pub remaining: Option<u64>,
    /// `X-Rate-Limit-Reset`: when the quota resets, at 00:00 UTC.
    pub reset: Option<Timestamp>,
}

impl RateLimit {
    /// Reads the quota from response headers. Returns `None` if none of the three quota headers is valid.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
        let number = |name: &HeaderName| read_number(text(name)?);
        let read =
            Self { limit: number(&LIMIT), remaining: number(&REMAINING), reset: text(&RESET).and_then(read_reset) };
        let is_there = read.limit.is_some() || read.remaining.is_some() || read.reset.is_some();
        is_there.then_some(read)
    }
}

/// Parses a decimal number. A number greater than `u64::MAX` becomes `u64::MAX`.
fn read_number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Parses the reset time: an RFC 3339 date, an HTTP date, or seconds since 1970.
fn read_reset(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse() {
        return Timestamp::from_second(seconds).ok();
    }
    codat_date(text).or_else(|| http_date(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &'static str)]) -> Option<RateLimit> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        RateLimit::read(&headers.collect())
    }

    #[test]
    fn every_form_of_a_date_is_read_and_what_cannot_be_read_is_unknown() {
        let midnight = "2026-11-25T00:00:00Z".parse().ok();
        for reset in
            ["2026-11-25T00:00:00Z", "Wed, 25 Nov 2026 00:00:00 GMT", "1795564800", "2026-11-25T01:00:00+01:00"]
        {
            assert_eq!(read(&[("x-rate-limit-reset", reset)]).unwrap().reset, midnight, "{reset}");
        }
        let odd = [("x-rate-limit-limit", "6000"), ("x-rate-limit-remaining", "-1"), ("x-rate-limit-reset", "soon")];
        assert_eq!(read(&odd), Some(RateLimit { limit: Some(6000), remaining: None, reset: None }));
        let huge = "99999999999999999999";
        let most = [("x-rate-limit-limit", huge), ("x-rate-limit-remaining", "+1"), ("x-rate-limit-reset", huge)];
        assert_eq!(read(&most), Some(RateLimit { limit: Some(u64::MAX), remaining: None, reset: None }));
        let remaining = Some(RateLimit { limit: None, remaining: Some(1), reset: None });
        assert_eq!(read(&[("x-rate-limit-remaining", " 1 ")]), remaining);
        assert_eq!(read(&[]), None);
    }
}
