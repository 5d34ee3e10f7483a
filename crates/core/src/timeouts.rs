//! How long calls may take.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

const DEFAULTS: Limits = Limits {
    read: Timeouts { attempt: Duration::from_secs(10), call: Duration::from_secs(30) },
    delete: Timeouts { attempt: Duration::from_secs(10), call: Duration::from_secs(30) },
    create: Timeouts { attempt: Duration::from_secs(15), call: Duration::from_secs(60) },
};

/// How long one attempt, and a call with all its attempts, may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) attempt: Duration,
    pub(crate) call: Duration,
}

/// The time-outs by kind of call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) read: Timeouts,
    pub(crate) delete: Timeouts,
    pub(crate) create: Timeouts,
}

impl Limits {
    /// A time given is for a whole call. An attempt of a change takes a third, so that time is left to find out how it ended.
    pub(crate) fn given(time: Option<Duration>) -> Result<Self, Error> {
        let Some(time) = time else { return Ok(DEFAULTS) };
        let call = positive(time)?;
        let change = Timeouts { attempt: call / 3, call };
        Ok(Self { read: Timeouts { attempt: call, call }, delete: change, create: change })
    }

    pub(crate) fn shortest_attempt(&self) -> Duration {
        self.read.attempt.min(self.delete.attempt).min(self.create.attempt)
    }
}

pub(crate) fn positive(time: Duration) -> Result<Duration, Error> {
    if time.is_zero() {
        return Err(
            Error::new(ErrorKind::InvalidInput, "a time-out is not above zero").hint_is("give a time-out above zero")
        );
    }
    Ok(time)
}

/// What a number of seconds is for every client: what is no time is none, which is refused; what is too long for the clock
/// is as long as it can be.
#[doc(hidden)]
pub fn seconds(time: f64) -> Duration {
    let longest = if time > 0.0 { Duration::MAX } else { Duration::ZERO };
    Duration::try_from_secs_f64(time).unwrap_or(longest)
}
