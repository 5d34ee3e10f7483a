//! The timeouts and deadlines of operations, and the clock that measures them.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};

const DEFAULTS: OperationTimeouts = OperationTimeouts {
    read: Timeouts { attempt: Duration::from_secs(10), operation: Duration::from_secs(30) },
    delete: Timeouts { attempt: Duration::from_secs(10), operation: Duration::from_secs(30) },
    create: Timeouts { attempt: Duration::from_secs(15), operation: Duration::from_secs(60) },
};

/// The maximum timeout: one year. Every system clock can represent this duration.
const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3600);

/// The timeouts for each kind of operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OperationTimeouts {
    pub(crate) read: Timeouts,
    pub(crate) delete: Timeouts,
    pub(crate) create: Timeouts,
}

/// The timeouts of one attempt and of an operation with all its attempts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) attempt: Duration,
    pub(crate) operation: Duration,
}

impl OperationTimeouts {
    /// Returns the timeouts of operations that must end within `timeout`. If `timeout` is `None`, returns the default
    /// timeouts. The timeout of each attempt of `create` or `delete` is a third of `timeout`. If an attempt fails, time
    /// therefore remains to find out whether the attempt took effect.
    pub(crate) fn given(timeout: Option<Duration>) -> Result<Self, Error> {
        let Some(timeout) = timeout else { return Ok(DEFAULTS) };
        let operation = positive(timeout)?;
        let change = Timeouts { attempt: operation / 3, operation };
        Ok(Self { read: Timeouts { attempt: operation, operation }, delete: change, create: change })
    }

    pub(crate) fn shortest_attempt(&self) -> Duration {
        self.read.attempt.min(self.delete.attempt).min(self.create.attempt)
    }
}

/// The start and the deadline of an operation, and the timeout of each attempt.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    started: Instant,
    at: Instant,
    attempt: Duration,
}

impl Deadline {
    pub(crate) fn new(started: Instant, Timeouts { attempt, operation }: Timeouts) -> Self {
        Self { started, at: started + operation.min(MAX_TIMEOUT), attempt }
    }

    pub(crate) fn elapsed(self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    pub(crate) fn remaining(self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }

    /// Returns the maximum time for connecting in an attempt: three quarters of the timeout of the attempt.
    pub(crate) fn time_to_connect(self) -> Duration {
        self.attempt * 3 / 4
    }

    /// Returns the maximum wait for the next chunk of a streamed response body. It equals the timeout of an attempt.
    pub(crate) fn idle_timeout(self) -> Duration {
        self.attempt.min(MAX_TIMEOUT)
    }

    /// Returns the timeout of an attempt that begins at `now`.
    pub(crate) fn attempt_timeout(self, now: Instant) -> Duration {
        self.remaining(now).min(self.attempt)
    }
}

/// A source of time. Tests replace it.
pub(crate) trait Clock: Send + Sync {
    fn now(&self) -> Instant;
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(time))
    }
}

pub(crate) fn positive(time: Duration) -> Result<Duration, Error> {
    if time.is_zero() {
        return Err(
            Error::new(ErrorKind::InvalidInput, "a time-out is not above zero").with_hint("give a time-out above zero")
        );
    }
    Ok(time)
}

/// Converts seconds to a duration. NaN and negative numbers become zero, and numbers that are too large become
/// [`Duration::MAX`]. [`ClientBuilder::build`](crate::ClientBuilder::build) rejects a timeout of zero.
pub fn seconds(time: f64) -> Duration {
    let longest = if time > 0.0 { Duration::MAX } else { Duration::ZERO };
    Duration::try_from_secs_f64(time).unwrap_or(longest)
}
