//! Links that open the API keys page. Each link is valid only once.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::paths::PATH;
use crate::token;

/// A handle that creates links to the API keys page, and can wait until the page is idle. All clones share the same
/// state.
#[derive(Clone)]
pub struct Links(Arc<Mutex<State>>);

struct State {
    address: SocketAddr,
    /// The token in the latest link. `None` after the link was used.
    token: Option<String>,
    last_used: Instant,
}

impl Links {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self(Arc::new(Mutex::new(State { address, token: None, last_used: Instant::now() })))
    }

    /// Creates a link that opens the page once. Earlier links become invalid.
    pub fn create(&self) -> String {
        let (mut state, token) = (self.state(), token::generate());
        let link = format!("http://{}{PATH}/open/{token}", state.address);
        state.token = Some(token);
        link
    }

    /// Waits until authenticated visitors have sent no HTTP requests for the duration `time`.
    pub async fn wait_until_idle(&self, time: Duration) {
        loop {
            let left = time.saturating_sub(self.state().last_used.elapsed());
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    }

    /// Returns whether `token` is the token in the latest link. If so, the link becomes invalid.
    pub(crate) fn consume(&self, token: &str) -> bool {
        let mut state = self.state();
        let is_valid = state.token.as_deref().is_some_and(|newest| token::is_equal(token, newest));
        if is_valid {
            state.token = None;
        }
        is_valid
    }

    pub(crate) fn record_use(&self) {
        self.state().last_used = Instant::now();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_use_restarts_the_idle_time() {
        let (links, started) = (Links::new(([127, 0, 0, 1], 1).into()), Instant::now());
        let user = async {
            sleep(Duration::from_secs(1_000)).await;
            links.record_use();
        };
        tokio::join!(links.wait_until_idle(Duration::from_secs(1_800)), user);
        assert_eq!(started.elapsed().as_secs(), 2_800);
    }

    #[test]
    fn only_the_newest_link_is_valid_and_only_once() {
        let links = Links::new(([127, 0, 0, 1], 1).into());
        let token = |link: String| link.rsplit('/').next().map(ToOwned::to_owned).unwrap_or_default();
        let (old, new) = (token(links.create()), token(links.create()));
        assert!(!links.consume(&old) && !links.consume("") && links.consume(&new) && !links.consume(&new));
    }
}
