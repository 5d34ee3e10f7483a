//! When to try again: a pure policy. Time and chance come from outside, so that tests choose them.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};

/// How often a call is tried, and how long it waits in between: a random part ("full jitter") of a time that doubles.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Attempts at the most, the first included.
    pub attempts: u32,
    /// The longest first wait.
    pub first_wait: Duration,
    /// The longest wait of all.
    pub longest_wait: Duration,
}

/// Four attempts, with waits of up to 250 ms, then 500 ms, then 1 s.
pub const POLICY: Policy =
    Policy { attempts: 4, first_wait: Duration::from_millis(250), longest_wait: Duration::from_secs(5) };

impl Policy {
    /// How long to wait before the next attempt; `None` to give up. What the server asks for is obeyed, or, where it
    /// exceeds the time that remains, ends the call at once.
    pub fn wait(
        &self,
        attempts_made: u32,
        retry_after: Option<Duration>,
        remaining: Duration,
        chance: f64,
    ) -> Option<Duration> {
        if attempts_made >= self.attempts {
            return None;
        }
        let doublings = attempts_made.saturating_sub(1).min(16);
        let most = self.first_wait.saturating_mul(1 << doublings).min(self.longest_wait);
        let wait = most.mul_f64(chance).max(retry_after.unwrap_or_default());
        (wait < remaining).then_some(wait)
    }
}

/// Whether a call that changes nothing, or may be repeated safely, is tried again after this error.
pub(crate) fn is_passing(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::RateLimited => true,
        ErrorKind::Server => matches!(error.status(), Some(500 | 502 | 503 | 504)),
        _ => false,
    }
}

/// The clock, and the dice.
pub(crate) trait Surroundings: Send + Sync {
    fn now(&self) -> Instant;
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
    /// A number from 0 up to, but not including, 1.
    fn chance(&self) -> f64;
}

/// Those of this world.
pub(crate) struct Real;

impl Surroundings for Real {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(time))
    }

    fn chance(&self) -> f64 {
        fastrand::f64()
    }
}
