//! The clock of the emulator: the real time plus an offset that tests set.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::json::Object;

/// The maximum offset of the clock: 100 years. With this limit, the time stays within the range of [`Timestamp`].
const MAX_OFFSET: Duration = Duration::from_secs(100 * 366 * 86_400);

/// The emulator's clock. The dates of keys and journal entries, the daily quota and the expiry of idempotency keys
/// depend on this clock. Delays use real time.
#[derive(Clone, Copy, Default)]
pub(crate) struct Clock {
    offset: Duration,
}

/// The body of `POST /_emulator/clock`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_seconds: f64,
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(self.offset).unwrap_or(now)
    }

    /// Advances the clock. The total offset is at most 100 years.
    pub(crate) fn advance(&mut self, by: Duration) {
        self.offset = self.offset.saturating_add(by).min(MAX_OFFSET);
    }

    /// Advances the clock by the number of seconds in the JSON. Returns an error if the total offset would exceed 100 years.
    pub(crate) fn advance_by_json(&mut self, json: &[u8]) -> Result<(), String> {
        let Ok(Object(Advance { advance_seconds })) = serde_json::from_slice(json) else {
            return Err("the body must be {\"advanceSeconds\": a number of seconds}".to_owned());
        };
        match Duration::try_from_secs_f64(advance_seconds) {
            Ok(by) if self.offset.saturating_add(by) <= MAX_OFFSET => {
                self.advance(by);
                Ok(())
            }
            _ => Err("`advanceSeconds` must not be negative, nor advance the clock by more than 100 years in total"
                .to_owned()),
        }
    }
}
