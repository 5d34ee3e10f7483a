//! Waits that end with a message where what they wait for never comes.

use std::future::Future;
use std::time::{Duration, Instant};

/// Nothing here takes so long, on the busiest machine either.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Looks again and again until something holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for something asynchronous.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"))
}
