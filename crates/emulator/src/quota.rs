//! The day's quota of requests, as the rate-limit headers show it.

use jiff::Timestamp;
use serde::Serialize;

const REQUESTS_PER_SHARE: u64 = 1000;
const SECONDS_PER_DAY: i64 = 86_400;

/// What was used of the quota, and on which day.
#[derive(Clone, Default)]
pub(crate) struct Quota {
    used: u64,
    day: i64,
}

/// The quota at one moment.
#[derive(Serialize)]
pub(crate) struct RateLimit {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// The next 00:00 UTC, as RFC 3339.
    pub(crate) reset: String,
    #[serde(skip)]
    pub(crate) seconds_to_reset: i64,
}

impl Quota {
    /// Counts one request. False when the quota was used up before it.
    pub(crate) fn spend(&mut self, companies: u32, now: Timestamp) -> bool {
        self.refill(now);
        let left = self.used < limit(companies);
        self.used += u64::from(left);
        left
    }

    /// Sets what is left; more than the limit counts as the limit.
    pub(crate) fn set_remaining(&mut self, remaining: u64, companies: u32, now: Timestamp) {
        self.refill(now);
        self.used = limit(companies).saturating_sub(remaining);
    }

    pub(crate) fn at(&self, companies: u32, now: Timestamp) -> RateLimit {
        let used = if self.day == day(now) { self.used } else { 0 };
        let reset = (day(now) + 1) * SECONDS_PER_DAY;
        RateLimit {
            limit: limit(companies),
            remaining: limit(companies).saturating_sub(used),
            // Midnight is out of range only on the last day that a timestamp can hold.
            reset: Timestamp::from_second(reset).unwrap_or(Timestamp::MAX).to_string(),
            seconds_to_reset: reset - now.as_second(),
        }
    }

    /// A new day, in UTC, starts with the whole quota.
    fn refill(&mut self, now: Timestamp) {
        if self.day != day(now) {
            *self = Quota { used: 0, day: day(now) };
        }
    }
}

fn limit(companies: u32) -> u64 {
    REQUESTS_PER_SHARE * (1 + u64::from(companies))
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
    fn is_whole_again_at_midnight_utc() {
        let mut quota = Quota::default();
        let evening = at("2026-11-24T23:59:58.5Z");
        quota.set_remaining(1, 0, evening);
        assert!(quota.spend(0, evening));
        assert!(!quota.spend(0, evening));
        let seen = quota.at(0, evening);
        assert_eq!((seen.limit, seen.remaining, seen.reset.as_str()), (1000, 0, "2026-11-25T00:00:00Z"));
        assert_eq!(seen.seconds_to_reset, 2);

        let midnight = at("2026-11-25T00:00:00Z");
        assert_eq!(quota.at(0, midnight).remaining, 1000);
        assert!(quota.spend(0, midnight));
        assert_eq!(quota.at(0, midnight).remaining, 999);
    }

    #[test]
    fn grows_with_the_companies() {
        let now = at("2026-11-24T12:00:00Z");
        let mut quota = Quota::default();
        quota.spend(5, now);
        assert_eq!(quota.at(5, now).remaining, 5999);
        assert_eq!(quota.at(6, now).remaining, 6999);
    }
}
