//! Idempotency keys: UUIDs of version 7, which contain their creation time.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::CLOCK_SKEW;
use crate::error::{Error, ErrorKind};

pub(crate) const HEADER: &str = "idempotency-key";

/// The age from which an idempotency key is no longer sent. Codat forgets an idempotency key after 90 minutes.
const MAX_AGE: Duration = Duration::from_secs(85 * 60);

/// Generates an idempotency key. Does not use `Uuid::now_v7`, because that function takes a lock. After a fork, the
/// lock could stay locked in the child process.
pub(crate) fn generate() -> Uuid {
    Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext))
}

pub(crate) fn parse(text: &str) -> Result<Uuid, Error> {
    match Uuid::try_parse(text) {
        Ok(key) if key.get_version_num() == 7 => Ok(key),
        _ => Err(Error::new(ErrorKind::InvalidInput, "the idempotency key is not a UUID of version 7")
            .with_hint("give the idempotency key of the call that you want to resume: its error contains it")),
    }
}

pub(crate) fn timestamp(key: Uuid) -> Result<Timestamp, Error> {
    let (seconds, nanoseconds) = key.get_timestamp().map(|time| time.to_unix()).unwrap_or_default();
    Timestamp::new(i64::try_from(seconds).unwrap_or(i64::MAX), i32::try_from(nanoseconds).unwrap_or_default()).map_err(
        |source| Error::new(ErrorKind::InvalidInput, "the idempotency key's time is out of range").with_source(source),
    )
}

/// Returns whether an idempotency key is too old to be sent. `time` is the creation time of the key. A key with a
/// creation time more than 5 minutes in the future also counts as too old. Such a time means that a clock is wrong, so
/// the age is unknown.
pub(crate) fn is_too_old(time: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(time);
    match Duration::try_from(age) {
        Ok(age) => age >= MAX_AGE,
        Err(_) => age.unsigned_abs() > CLOCK_SKEW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_contains_the_time_of_its_creation() {
        let (key, now) = (generate(), Timestamp::now());
        assert_eq!(parse(&key.to_string()).unwrap(), key);
        assert_ne!(key, generate());
        let age = now.duration_since(timestamp(key).unwrap()).unsigned_abs();
        assert!(age < Duration::from_secs(60), "{age:?}");
        for text in ["", "x", "0498e921-9b53-4396-a412-4f2f5983b0a2"] {
            assert_eq!(parse(text).unwrap_err().kind(), ErrorKind::InvalidInput, "{text}");
        }
    }
}
