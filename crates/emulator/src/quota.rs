//! The daily quota of requests. The rate-limit headers report this quota.

use jiff::Timestamp;
use serde::Serialize;

const REQUESTS_PER_UNIT: u64 = 1000;
const SECONDS_PER_DAY: i64 = 86_400;

/// The number of requests that were counted on the current UTC day.
#[derive(Clone, Default)]
pub(crate) struct Quota {
    used: u64,
    day: i64,
}

/// The quota at a point in time, as the rate-limit headers report it.
#[derive(Serialize)]
pub(crate) struct RateLimit {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// The time of the next reset: the next 00:00 UTC, in RFC 3339 format.
    pub(crate) reset: String,
    #[serde(skip)]
    pub(crate) seconds_to_reset: i64,
}

impl Quota {
    /// Counts a request on the current day. If the daily limit is reached, returns false and does not count the
    /// request. The daily limit depends on the number of companies in the account.
    pub(crate) fn count_request(&mut self, companies: u32, now: Timestamp) -> bool {
        self.reset_on_new_day(now);
        let is_within = self.used < limit(companies);
        self.used += u64::from(is_within);
        is_within
    }

    /// Sets the number of requests that remain on the current day. A number that is larger than the daily limit is
    /// reduced to the daily limit. The daily limit depends on the number of companies in the account.
    pub(crate) fn set_remaining(&mut self, remaining: u64, companies: u32, now: Timestamp) {
        self.reset_on_new_day(now);
        self.used = limit(companies).saturating_sub(remaining);
    }

    pub(crate) fn at(&self, companies: u32, now: Timestamp) -> RateLimit {
        let used = if self.day == day(now) { self.used } else { 0 };
        let reset = (day(now) + 1) * SECONDS_PER_DAY;
        RateLimit {
            limit: limit(companies),
            remaining: limit(companies).saturating_sub(used),
            // `from_second` fails only on the last day that a timestamp can represent.
            reset: Timestamp::from_second(reset).unwrap_or(Timestamp::MAX).to_string(),
            seconds_to_reset: reset - now.as_second(),
        }
    }

    /// Resets the number of counted requests if the UTC day has changed.
    fn reset_on_new_day(&mut self, now: Timestamp) {
        if self.day != day(now) {
            *self = Quota { used: 0, day: day(now) };
        }
    }
}

fn limit(companies: u32) -> u64 {
    REQUESTS_PER_UNIT * (1 + u64::from(companies))
}

fn day(now: Timestamp) -> i64 {
    now.as_second().div_euclid(SECONDS_PER_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_quota_is_reset_at_midnight_utc() {
        let mut quota = Quota::default();
        let evening = at("2026-11-24T23:59:58.5Z");
        quota.set_remaining(1, 0, evening);
        assert!(quota.count_request(0, evening));
        assert!(!quota.count_request(0, evening));
        let at_evening = quota.at(0, evening);
        assert_eq!(
            (at_evening.limit, at_evening.remaining, at_evening.reset.as_str()),
            (1000, 0, "2026-11-25T00:00:00Z")
        );
        assert_eq!(at_evening.seconds_to_reset, 2);

        let midnight = at("2026-11-25T00:00:00Z");
        assert_eq!(quota.at(0, midnight).remaining, 1000);
        assert!(quota.count_request(0, midnight));
        assert_eq!(quota.at(0, midnight).remaining, 999);
    }

    #[test]
    fn the_limit_depends_on_the_number_of_companies() {
        let now = at("2026-11-24T12:00:00Z");
        let mut quota = Quota::default();
        quota.count_request(5, now);
        assert_eq!(quota.at(5, now).remaining, 5999);
        assert_eq!(quota.at(6, now).remaining, 6999);
    }
}
