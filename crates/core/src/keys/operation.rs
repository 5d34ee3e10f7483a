//! The state that the state machines of `create` and `delete` share: the limits of an operation, its attempts and its
//! latest error.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::error::Error;
use crate::handle::Handle;
use crate::retry::Retry;
use crate::timeouts::Deadline;

/// The current time, which a state machine needs to select its next action.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The current time of the monotonic clock. The deadline of the operation is a time of this clock.
    pub instant: Instant,
    /// The current system time, which determines the age of an idempotency key.
    pub system: Timestamp,
}

impl Now {
    pub(super) fn of(client: &Handle) -> Self {
        Self { instant: client.transport().now(), system: Timestamp::now() }
    }
}

/// An operation that changes the keys.
pub struct Operation {
    retry: Retry,
    deadline: Deadline,
    /// The minimum time that must remain before an attempt.
    time_to_send: Duration,
    attempts: u32,
    /// The number of attempts that [`exclude_attempt`](Self::exclude_attempt) excluded from the maximum.
    excluded_attempts: u32,
    /// Whether an attempt may have taken effect, and no response determines whether it did.
    pub(super) ambiguous: bool,
    was_ambiguous: bool,
    /// The latest error.
    pub(super) error: Option<Error>,
}

impl Operation {
    pub(super) fn of(client: &Handle, deadline: Deadline) -> Self {
        Self::new(client.retry().clone(), deadline, client.transport().time_to_send(deadline))
    }

    pub(super) fn new(retry: Retry, deadline: Deadline, time_to_send: Duration) -> Self {
        Self {
            retry,
            deadline,
            time_to_send,
            attempts: 0,
            excluded_attempts: 0,
            ambiguous: false,
            was_ambiguous: false,
            error: None,
        }
    }

    pub(super) fn remaining(&self, now: Now) -> Duration {
        self.deadline.remaining(now.instant)
    }

    /// Returns whether enough time remains for an attempt.
    pub(super) fn can_send(&self, now: Now) -> bool {
        self.remaining(now) >= self.time_to_send
    }

    /// Returns the wait before the next attempt, or `None` to give up.
    pub(super) fn backoff(&self, now: Now) -> Option<Duration> {
        let attempts = self.attempts - self.excluded_attempts;
        let retry_after = self.error.as_ref().and_then(Error::retry_after);
        self.retry.backoff(attempts, retry_after, self.remaining(now))
    }

    /// Returns a random number that is at least 0 and less than 1.
    pub(super) fn jitter(&self) -> f64 {
        self.retry.rng.jitter()
    }

    /// Records that an attempt begins. If the operation is cancelled during the attempt, its outcome is ambiguous.
    pub(super) fn begin_attempt(&mut self) {
        self.attempts += 1;
        self.was_ambiguous = self.ambiguous;
        self.ambiguous = true;
    }

    /// Records that the attempt ended. `inconclusive` is true if it is unknown whether the attempt took effect.
    pub(super) fn end_attempt(&mut self, inconclusive: bool) {
        self.ambiguous = self.was_ambiguous || inconclusive;
    }

    /// Excludes the latest attempt from the maximum number of attempts. Codat rejected the attempt because an earlier
    /// one is still running, or because the key of the client was replaced.
    pub(super) fn exclude_attempt(&mut self) {
        self.excluded_attempts += 1;
    }

    /// Adds the number of attempts and the elapsed time to an error. If the operation made no attempt, the error is
    /// unchanged: it may come from the listing before the first attempt, and then already contains both values.
    pub(super) fn describe(&self, error: Error, now: Now) -> Error {
        if self.attempts == 0 { error } else { error.with_attempts(self.attempts, self.deadline.elapsed(now.instant)) }
    }
}
