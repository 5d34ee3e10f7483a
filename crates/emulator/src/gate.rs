//! The listening socket, which a fault may close for a while.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use codat_keys_server::Listener;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Instant, sleep, sleep_until};

use crate::link::{LinkedStream, WeakLink};

/// How many connections may wait to be accepted, as with any other listener of Tokio.
const BACKLOG: u32 = 1024;
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(20);

/// A handle on the listening socket and every connection that came through it.
#[derive(Clone)]
pub(crate) struct Gate {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    /// None while connections are refused.
    listener: Option<TcpListener>,
    /// Until when they are refused.
    shut_until: Instant,
    acceptor: Option<Waker>,
    links: Vec<WeakLink>,
}

impl Gate {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Gate> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
        let address = listener.local_addr()?;
        let state = State { listener: Some(listener), shut_until: Instant::now(), acceptor: None, links: Vec::new() };
        Ok(Gate { address, state: Arc::new(Mutex::new(state)) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses new connections from now on, for a time, and closes those that are idle.
    pub(crate) fn shut(&self, time: Duration) {
        let mut state = self.state();
        state.shut_until = state.shut_until.max(Instant::now() + time);
        state.links.drain(..).filter_map(|link| link.upgrade()).for_each(|link| link.close());
        if let Some(listener) = state.listener.take() {
            drop(state);
            // A child that is being started may hold a copy, which would go on to listen. Not every system needs this.
            let _ = SockRef::from(&listener).shutdown(Shutdown::Both);
            drop(listener);
            // Bound but not listening, the port refuses connections and cannot be taken by another program.
            let reserved = reserve(self.address);
            tokio::spawn(self.clone().reopen(reserved.ok()));
        }
    }

    async fn reopen(self, mut reserved: Option<TcpSocket>) {
        loop {
            let until = self.state().shut_until;
            if until > Instant::now() {
                sleep_until(until).await;
                continue;
            }
            let socket = reserved.take().map_or_else(|| reserve(self.address), Ok);
            if let Ok(listener) = socket.and_then(|socket| socket.listen(BACKLOG)) {
                let mut state = self.state();
                state.listener = Some(listener);
                if let Some(acceptor) = state.acceptor.take() {
                    acceptor.wake();
                }
                return;
            }
            sleep(PAUSE_AFTER_ERROR).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Gate {
    type Stream = LinkedStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<LinkedStream>> {
        let mut state = self.state();
        state.acceptor = Some(cx.waker().clone());
        let Some(listener) = &state.listener else { return Poll::Pending };
        let stream = LinkedStream::new(ready!(Listener::poll_accept(listener, cx))?);
        state.links.retain(|link| link.upgrade().is_some());
        state.links.push(stream.link.downgrade());
        Poll::Ready(Ok(stream))
    }
}

fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // On Windows the option would allow others to share the port.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
