//! Durations as users write them, such as `90d`, `12w`, `36h` or `1h 30m`. A day has 24 hours.

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// Parses a positive duration. Returns `None` for a text in another form, and for a number without a unit.
pub(crate) fn parse(text: &str) -> Option<SignedDuration> {
    let duration = text.parse::<Span>().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    duration.ok().filter(SignedDuration::is_positive)
}
