//! Parsing of dates in Codat's JSON and in HTTP headers.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::Offset;

/// Parses a date in Codat's JSON. A date without a time zone is in UTC.
pub(crate) fn codat_date(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())
}

/// Parses an HTTP date, such as `Wed, 25 Nov 2026 00:00:00 GMT`.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text).ok().map(|date| date.timestamp())
}
