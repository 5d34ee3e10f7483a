//! The clock of the emulated Codat: the true time, and what a test put it forward by.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A hundred years: far enough for every test, and far from the last date that can be written.
const MAX_AHEAD: Duration = Duration::from_secs(100 * 366 * 86_400);

/// It dates keys and journal entries, ends the quota's day and lets idempotency keys expire. Delays go by true time.
#[derive(Clone, Copy, Default)]
pub(crate) struct Clock {
    ahead: Duration,
}

/// How far a client puts the clock forward.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_seconds: f64,
}

#[derive(Serialize)]
pub(crate) struct Now {
    now: String,
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(self.ahead).unwrap_or(now)
    }

    pub(crate) fn shown(&self) -> Now {
        Now { now: format!("{:.3}", self.now()) }
    }

    /// Puts the clock forward; more than 100 years in all count as 100 years.
    pub(crate) fn advance(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add(by).min(MAX_AHEAD);
    }

    /// The same from JSON, which may not ask for more than there is.
    pub(crate) fn advance_by_json(&mut self, json: &[u8]) -> Result<(), String> {
        let Ok(Advance { advance_seconds }) = serde_json::from_slice(json) else {
            return Err("the body must be {\"advanceSeconds\": a number of seconds}".to_owned());
        };
        match Duration::try_from_secs_f64(advance_seconds) {
            Ok(by) if self.ahead.saturating_add(by) <= MAX_AHEAD => {
                self.advance(by);
                Ok(())
            }
            _ => {
                Err("`advanceSeconds` must not be negative, nor put the clock forward by more than 100 years"
                    .to_owned())
            }
        }
    }
}
