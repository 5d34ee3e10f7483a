//! The retry policy, and the execution of requests with retries. Tests replace the clock and the source of random
//! numbers.

mod execute;

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind};

pub(crate) use execute::{Conclusion, Execution};

/// The retry policy of a client, and the source of random numbers for the waits.
#[derive(Clone)]
pub(crate) struct Retry {
    pub(crate) policy: RetryPolicy,
    pub(crate) rng: Arc<dyn Rng>,
}

impl Retry {
    /// Returns the wait before the next attempt, or `None` if no attempt follows. See [`RetryPolicy::backoff`].
    pub(crate) fn backoff(
        &self,
        attempts_made: u32,
        retry_after: Option<Duration>,
        remaining: Duration,
    ) -> Option<Duration> {
        self.policy.backoff(attempts_made, retry_after, remaining, self.rng.jitter())
    }
}

/// The maximum number of attempts of an operation, and the waits between them. The waits are random, with exponential
/// backoff.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryPolicy {
    /// The maximum number of attempts, including the first one.
    pub(crate) max_attempts: u32,
    /// The upper bound of the random wait after the first attempt. The bound doubles after each further attempt.
    pub(crate) initial_backoff: Duration,
    /// The duration at which the upper bound of the random wait stops doubling.
    pub(crate) max_backoff: Duration,
}

/// The default policy: four attempts, with waits of up to 250 ms, 500 ms and 1 s.
pub(crate) const DEFAULT_POLICY: RetryPolicy =
    RetryPolicy { max_attempts: 4, initial_backoff: Duration::from_millis(250), max_backoff: Duration::from_secs(5) };

/// The policy of clients without retries: a single attempt.
pub(crate) const NO_RETRIES: RetryPolicy = RetryPolicy { max_attempts: 1, ..DEFAULT_POLICY };

/// The minimum time that must remain until the deadline when the next attempt begins. A response is unlikely to arrive
/// in less time.
const MIN_REMAINING: Duration = Duration::from_millis(100);

impl RetryPolicy {
    /// Returns the wait before the next attempt. The wait is at least `retry_after`. Returns `None` if no attempt
    /// follows: after the last attempt, or if less than 100 ms would remain after the wait. `remaining` is the time
    /// until the deadline. `jitter` is at least 0 and less than 1.
    fn backoff(
        &self,
        attempts_made: u32,
        retry_after: Option<Duration>,
        remaining: Duration,
        jitter: f64,
    ) -> Option<Duration> {
        if attempts_made >= self.max_attempts {
            return None;
        }
        let doublings = attempts_made.saturating_sub(1).min(16);
        let max = self.initial_backoff.saturating_mul(1 << doublings).min(self.max_backoff);
        let wait = max.mul_f64(jitter).max(retry_after.unwrap_or_default());
        (wait.saturating_add(MIN_REMAINING) < remaining).then_some(wait)
    }
}

/// Returns whether an error is temporary. After a temporary error, a request that is safe to repeat is retried.
pub(crate) fn is_transient(error: &Error) -> bool {
    match error.kind() {
        _ if error.is_final() => false,
        ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::RateLimited => true,
        ErrorKind::Server => matches!(error.status().map(|status| status.as_u16()), Some(500 | 502 | 503 | 504)),
        _ => false,
    }
}

/// A source of random numbers for the waits between attempts. Tests replace the source.
pub(crate) trait Rng: Send + Sync {
    /// Returns a random number that is at least 0 and less than 1.
    fn jitter(&self) -> f64;
}

pub(crate) struct ThreadRng;

impl Rng for ThreadRng {
    fn jitter(&self) -> f64 {
        fastrand::f64()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, IntoFuture as _};
    use std::pin::Pin;
    use std::sync::Mutex;
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;
    use crate::client::Client;
    use crate::domain::{ApiKey, KeyId, KeyName};
    use crate::raw_server::{RawServer, Reply, json};
    use crate::timeouts::Clock;

    /// A clock and a source of random numbers for tests. `sleep` returns immediately and records the duration. Every
    /// random number is 0.5.
    struct Fake {
        started: Instant,
        waits: Mutex<Vec<Duration>>,
    }

    impl Clock for Fake {
        fn now(&self) -> Instant {
            self.started + self.waits.lock().unwrap().iter().sum::<Duration>()
        }

        fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            self.waits.lock().unwrap().push(time);
            Box::pin(std::future::ready(()))
        }
    }

    impl super::Rng for Fake {
        fn jitter(&self) -> f64 {
            0.5
        }
    }

    fn fake() -> Arc<Fake> {
        Arc::new(Fake { started: Instant::now(), waits: Mutex::default() })
    }

    fn client(server: &RawServer, fake: &Arc<Fake>) -> Client {
        let key = ApiKey::parse("MadeUpKey").unwrap();
        Client::builder().base_url(&server.url).api_key(key).clock_and_rng(Arc::clone(fake)).build().unwrap()
    }

    /// Lists the keys of a test server that sends `replies` one after another. Returns the number of requests, and the
    /// waits between them in milliseconds.
    async fn waits(replies: Vec<Reply>) -> (usize, Vec<u128>) {
        let (server, fake) = (RawServer::with_replies(replies), fake());
        let _ = client(&server, &fake).keys().list().await;
        let waits = fake.waits.lock().unwrap().iter().map(Duration::as_millis).collect();
        (server.requests().len(), waits)
    }

    fn rate_limited(retry_after: &str) -> Reply {
        let head = format!(
            "HTTP/1.1 429 Slow\r\nretry-after: {retry_after}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        Reply::Bytes(head.into_bytes())
    }

    #[tokio::test]
    async fn a_failing_call_is_tried_four_times_with_waits_that_double() {
        assert_eq!(waits(vec![json(503, "")]).await, (4, vec![125, 250, 500]));
    }

    #[tokio::test]
    async fn what_the_server_asks_for_is_obeyed_as_long_as_time_remains() {
        assert_eq!(waits(vec![rate_limited("7"), json(200, r#"{"results":[]}"#)]).await, (2, vec![7_000]));
        // After a wait of 20 s, only 10 s of the timeout of 30 s remain, so the client does not wait a second time.
        assert_eq!(waits(vec![rate_limited("20")]).await, (2, vec![20_000]));
    }

    #[tokio::test]
    async fn a_client_without_retries_sends_one_request() {
        let server = RawServer::with_replies(vec![json(503, "")]);
        let client = Client::builder().base_url(&server.url).api_key(ApiKey::parse("MadeUpKey").unwrap()).retry(false);
        let error = client.build().unwrap().keys().list().await.unwrap_err();
        assert_eq!((error.attempts(), server.requests().len()), (1, 1));
    }

    #[test]
    fn only_transient_errors_are_retried() {
        let server = |status: u16| Error::of(ErrorKind::Server).with_status(status.try_into().unwrap());
        for error in [ErrorKind::Connect, ErrorKind::Timeout, ErrorKind::RateLimited].map(Error::of) {
            assert!(is_transient(&error) && !is_transient(&error.into_final()));
        }
        assert!([500, 502, 503, 504].iter().all(|status| is_transient(&server(*status))));
        for error in [server(501), Error::of(ErrorKind::Server), Error::of(ErrorKind::BadResponse)] {
            assert!(!is_transient(&error), "{error:?}");
        }
    }

    #[test]
    fn a_wait_leaves_more_than_the_minimum_time() {
        let backoff = |remaining| DEFAULT_POLICY.backoff(1, None, remaining, 0.5);
        assert_eq!(backoff(Duration::from_millis(125) + MIN_REMAINING), None);
        assert_eq!(backoff(Duration::from_millis(126) + MIN_REMAINING), Some(Duration::from_millis(125)));
    }

    #[test]
    fn the_jitter_varies_within_its_bounds() {
        let jitter: Vec<f64> = (0..100).map(|_| super::Rng::jitter(&ThreadRng)).collect();
        assert!(jitter.iter().all(|jitter| (0.0..1.0).contains(jitter)));
        assert!(jitter.iter().any(|other| *other != jitter[0]));
    }

    #[tokio::test]
    async fn an_error_contains_the_number_of_attempts_and_the_elapsed_time() {
        let (server, fake) = (RawServer::with_replies(vec![json(503, "")]), fake());
        let client = client(&server, &fake);
        let error = client.keys().list().await.unwrap_err();
        assert_eq!((error.attempts(), error.elapsed()), (4, Duration::from_millis(875)));
        assert_eq!(error.to_string(), "Codat failed to process the request (HTTP 503), after 4 attempts in 0.9 s");
        let error = client.request(http::Method::PUT, "/x").await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::OutcomeUnknown, 4));
        assert_eq!(error.elapsed(), Duration::from_millis(875), "the time of an earlier operation does not count");
        let error = client.request(http::Method::PUT, "x").await.unwrap_err();
        assert_eq!((error.attempts(), error.elapsed()), (0, Duration::ZERO), "nothing was sent");
    }

    const KEYS: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKey"},{"id":"b","apiKey":"MadeUpKeyB"}]}"#;

    #[tokio::test]
    async fn an_error_of_create_or_delete_contains_the_attempts_of_the_whole_operation() {
        let (list, failed) = (|| json(200, KEYS), || json(503, ""));
        let (name, id) = (KeyName::parse("ci").unwrap(), KeyId::parse("b").unwrap());
        let described = |error: Error| (error.kind(), error.attempts(), error.elapsed().as_millis());

        // The final listing also makes four attempts, which do not count.
        let (server, clock) = (RawServer::with_replies(vec![list(), failed()]), fake());
        let error = client(&server, &clock).keys().create(&name).await.unwrap_err();
        assert_eq!(described(error), (ErrorKind::OutcomeUnknown, 4, 2 * 875));
        let replies = vec![list(), failed(), list(), failed(), list(), failed(), list(), failed()];
        let (server, clock) = (RawServer::with_replies(replies), fake());
        let error = client(&server, &clock).keys().delete(&id).await.unwrap_err();
        assert_eq!(described(error), (ErrorKind::OutcomeUnknown, 4, 2 * 875));

        // If the first listing fails, the error contains the number of attempts of this listing.
        let (server, clock) = (RawServer::with_replies(vec![failed()]), fake());
        let client = client(&server, &clock);
        assert_eq!(described(client.keys().create(&name).await.unwrap_err()), (ErrorKind::Server, 4, 875));
        assert_eq!(described(client.keys().delete(&id).await.unwrap_err()), (ErrorKind::Server, 4, 875));
    }

    #[tokio::test]
    async fn create_gives_up_if_a_long_wait_leaves_too_little_time_for_an_attempt() {
        let replies = vec![json(200, KEYS), Reply::Disconnect, rate_limited("56"), json(200, KEYS)];
        let (server, clock) = (RawServer::with_replies(replies), fake());
        let name = KeyName::parse("ci").unwrap();
        let client = client(&server, &clock);
        let create = client.keys().create(&name).into_future();
        let error = tokio::time::timeout(Duration::from_secs(30), create).await.expect("it ends").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        assert_eq!(server.requests().len(), 5, "a list, two attempts, and a list before and after giving up");
    }

    proptest! {
        #[test]
        fn a_wait_keeps_every_bound(
            attempts in 0_u32..20,
            retry_after in prop::option::of(0_u64..100_000),
            remaining in 0_u64..100_000,
            jitter in 0.0..1.0,
        ) {
            let (asked, remaining) = (retry_after.map(Duration::from_millis), Duration::from_millis(remaining));
            // With ten attempts, the waits reach their maximum.
            let policy = RetryPolicy { max_attempts: 10, ..DEFAULT_POLICY };
            let max = Duration::from_millis(250 << attempts.saturating_sub(1).min(5)).min(Duration::from_secs(5));
            let wanted = max.mul_f64(jitter).max(asked.unwrap_or_default());
            match policy.backoff(attempts, asked, remaining, jitter) {
                Some(wait) => prop_assert!(attempts < 10 && wait < remaining && wait == wanted),
                None => prop_assert!(attempts >= 10 || remaining <= wanted + MIN_REMAINING),
            }
        }
    }
}
