//! When to try again: a pure policy. Time and chance come from outside, so that tests choose them.

pub(crate) mod execute;

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

/// For a caller who tries again itself.
pub(crate) const ONE_ATTEMPT: Policy = Policy { attempts: 1, ..POLICY };

/// With less than that left after a wait, the next answer would hardly come in time.
const LEAST_TIME: Duration = Duration::from_millis(100);

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
        (wait.saturating_add(LEAST_TIME) < remaining).then_some(wait)
    }
}

/// Whether a call that changes nothing, or may be repeated safely, is tried again after this error.
pub(crate) fn is_passing(error: &Error) -> bool {
    match error.kind() {
        _ if error.is_final() => false,
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::*;
    use crate::client::Client;
    use crate::domain::ApiKey;
    use crate::stand_in::{Answer, StandIn, json};

    /// Waits at once, and remembers for how long; the dice always show a half.
    struct Fake {
        started: Instant,
        waits: Arc<Mutex<Vec<Duration>>>,
    }

    impl Surroundings for Fake {
        fn now(&self) -> Instant {
            self.started + self.waits.lock().unwrap().iter().sum::<Duration>()
        }

        fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            self.waits.lock().unwrap().push(time);
            Box::pin(std::future::ready(()))
        }

        fn chance(&self) -> f64 {
            0.5
        }
    }

    /// Lists the keys of a server that answers so, and returns how many requests it saw and how long was waited.
    async fn waits(answers: Vec<Answer>) -> (usize, Vec<u128>) {
        let server = StandIn::answering(answers);
        let waits = Arc::new(Mutex::new(Vec::new()));
        let fake = Fake { started: Instant::now(), waits: Arc::clone(&waits) };
        let key = ApiKey::parse("MadeUpKey").unwrap();
        let client: Client =
            Client::builder().base_url(&server.url).api_key(key).surroundings(Box::new(fake)).build().unwrap();
        let _ = client.keys().list().await;
        let waits = waits.lock().unwrap().iter().map(Duration::as_millis).collect();
        (server.requests().len(), waits)
    }

    fn rate_limited(retry_after: &str) -> Answer {
        let head = format!(
            "HTTP/1.1 429 Slow\r\nretry-after: {retry_after}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        Answer::Bytes(head.into_bytes())
    }

    #[tokio::test]
    async fn a_failing_call_is_tried_four_times_with_waits_that_double() {
        assert_eq!(waits(vec![json(503, "")]).await, (4, vec![125, 250, 500]));
    }

    #[tokio::test]
    async fn what_the_server_asks_for_is_obeyed_as_long_as_time_remains() {
        assert_eq!(waits(vec![rate_limited("7"), json(200, r#"{"results":[]}"#)]).await, (2, vec![7_000]));
        // 20 s of the call's 30 s are gone, and another 20 s would be too many.
        assert_eq!(waits(vec![rate_limited("20")]).await, (2, vec![20_000]));
    }

    proptest! {
        #[test]
        fn a_wait_keeps_every_bound(
            attempts in 0_u32..20,
            retry_after in prop::option::of(0_u64..100_000),
            remaining in 0_u64..100_000,
            chance in 0.0..1.0,
        ) {
            let (asked, remaining) = (retry_after.map(Duration::from_millis), Duration::from_millis(remaining));
            // Enough attempts for the longest wait to be reached.
            let policy = Policy { attempts: 10, ..POLICY };
            let most = Duration::from_millis(250 << attempts.saturating_sub(1).min(5)).min(Duration::from_secs(5));
            let wanted = most.mul_f64(chance).max(asked.unwrap_or_default());
            match policy.wait(attempts, asked, remaining, chance) {
                Some(wait) => prop_assert!(attempts < 10 && wait < remaining && wait == wanted),
                None => prop_assert!(attempts >= 10 || remaining <= wanted + LEAST_TIME),
            }
        }
    }
}
