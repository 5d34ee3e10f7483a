//! The links that open the page on a developer's own machine.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{PATH, random};

/// Makes links, and knows how long nobody has used the page. Its clones share both.
#[derive(Clone)]
pub struct Links(Arc<Mutex<State>>);

struct State {
    address: SocketAddr,
    /// That of the newest link, until it is used.
    token: Option<String>,
    used: Instant,
}

impl Links {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self(Arc::new(Mutex::new(State { address, token: None, used: Instant::now() })))
    }

    /// A link that opens the page once. The one before it, if nobody has used it, opens nothing any more.
    pub fn make(&self) -> String {
        let (mut state, token) = (self.state(), random::token());
        let link = format!("http://{}{PATH}/open/{token}", state.address);
        state.token = Some(token);
        link
    }

    /// Done once nobody who had opened the page has used it for so long.
    pub async fn unused_for(&self, time: Duration) {
        loop {
            let left = time.saturating_sub(self.state().used.elapsed());
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    }

    pub(crate) fn opens(&self, token: &str) -> bool {
        let mut state = self.state();
        let opens = state.token.as_deref().is_some_and(|wanted| random::same(token, wanted));
        if opens {
            state.token = None;
        }
        opens
    }

    pub(crate) fn is_used(&self) {
        self.state().used = Instant::now();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_without_use_begins_anew_with_each_use() {
        let (links, started) = (Links::new(([127, 0, 0, 1], 1).into()), Instant::now());
        let user = async {
            sleep(Duration::from_secs(1_000)).await;
            links.is_used();
        };
        tokio::join!(links.unused_for(Duration::from_secs(1_800)), user);
        assert_eq!(started.elapsed().as_secs(), 2_800);
    }

    #[test]
    fn a_link_opens_once_and_only_the_newest_does() {
        let links = Links::new(([127, 0, 0, 1], 1).into());
        let token = |link: String| link.rsplit('/').next().map(ToOwned::to_owned).unwrap_or_default();
        let (old, new) = (token(links.make()), token(links.make()));
        assert!(!links.opens(&old) && !links.opens("") && links.opens(&new) && !links.opens(&new));
    }
}
