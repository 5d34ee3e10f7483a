//! The state that `create` and `delete` have in common: the deadline, the attempts and the latest error.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::error::Error;
use crate::handle::Handle;
use crate::retry::Retry;
use crate::timeouts::Deadline;

/// The current time, on two clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The time of the monotonic clock, for the deadline of the operation.
    pub instant: Instant,
    /// The system time, for the age of an idempotency key.
    pub system: Timestamp,
}

impl Now {
    pub(super) fn of(client: &Handle) -> Self {
        Self { instant: client.transport().now(), system: Timestamp::now() }
    }
}

/// The common state of an operation that creates or deletes a key.
pub struct Operation {
    retry: Retry,
    deadline: Deadline,
    /// The time that must remain until the deadline when an attempt starts.
    time_to_send: Duration,
    attempts: u32,
    /// The number of attempts that do not count towards the maximum number of attempts.
    excluded_attempts: u32,
    /// True if it is unknown whether an attempt took effect.
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

    /// Returns whether enough time remains until the deadline to begin an attempt.
    pub(super) fn can_send(&self, now: Now) -> bool {
        self.remaining(now) >= self.time_to_send
    }

    /// Returns the wait before the next attempt, or `None` if no attempt follows.
    pub(super) fn backoff(&self, now: Now) -> Option<Duration> {
        let attempts = self.attempts - self.excluded_attempts;
        let retry_after = self.error.as_ref().and_then(Error::retry_after);
        self.retry.backoff(attempts, retry_after, self.remaining(now))
    }

    /// Returns a random number that is at least 0 and less than 1.
    pub(super) fn jitter(&self) -> f64 {
        self.retry.rng.jitter()
    }

    /// Records the start of an attempt. Until the attempt ends, it is unknown whether it takes effect.
    pub(super) fn begin_attempt(&mut self) {
        self.attempts += 1;
        self.was_ambiguous = self.ambiguous;
        self.ambiguous = true;
    }

    /// Records the end of an attempt. `inconclusive` means that it is unknown whether the attempt took effect.
    pub(super) fn end_attempt(&mut self, inconclusive: bool) {
        self.ambiguous = self.was_ambiguous || inconclusive;
    }

    /// Records that the latest attempt does not count towards the maximum number of attempts. Used if Codat was still
    /// processing an earlier attempt, or if the API key of the client was replaced.
    pub(super) fn exclude_attempt(&mut self) {
        self.excluded_attempts += 1;
    }

    /// Adds the number of attempts and the elapsed time to an error. Does nothing before the first attempt: an error of
    /// the first list request already contains both values.
    pub(super) fn describe(&self, error: Error, now: Now) -> Error {
        if self.attempts == 0 { error } else { error.with_attempts(self.attempts, self.deadline.elapsed(now.instant)) }
    }
}
