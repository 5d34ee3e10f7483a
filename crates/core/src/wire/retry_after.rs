//! Parsing of the `Retry-After` header.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::Timestamp;

use super::date::http_date;
use crate::timeouts::seconds;

/// The maximum wait that [`retry_after`] returns: 100 years. Rust, Python and JavaScript can represent this duration.
const LONGEST_WAIT: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Returns the longest wait in the `Retry-After` headers. Each header contains seconds or a date. Ignores invalid
/// values. Returns at most [`LONGEST_WAIT`].
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let values = headers.get_all(RETRY_AFTER).iter().filter_map(|value| value.to_str().ok());
    let waits = values.flat_map(|value| match wait(value.trim(), now) {
        Some(wait) => vec![wait],
        // A proxy can join several headers into one comma-separated list.
        None => value.split(',').filter_map(|value| wait(value.trim(), now)).collect(),
    });
    waits.max().map(|wait| wait.min(LONGEST_WAIT))
}

fn wait(value: &str, now: Timestamp) -> Option<Duration> {
    // RFC 9110 allows only whole seconds, but some servers send fractions.
    if value.starts_with(|c: char| c.is_ascii_digit()) && value.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return value.parse().ok().map(seconds);
    }
    match http_date(value) {
        Some(date) => Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO)),
        None => is_past_all_dates(value).then_some(LONGEST_WAIT),
    }
}

/// Returns whether an HTTP date is too late for a `Timestamp`. Some servers send `Fri, 31 Dec 9999 23:59:59 GMT` for
/// "never".
fn is_past_all_dates(value: &str) -> bool {
    let year = value.split_whitespace().nth(3).filter(|_| value.ends_with(" GMT"));
    year.is_some_and(|year| year.bytes().all(|byte| byte.is_ascii_digit()) && (year == "9999" || year.len() > 4))
}
