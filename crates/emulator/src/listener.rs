//! A TCP listener that can refuse connections for a period of time.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use codat_keys_server::Listener;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// The size of the accept queue, as in `TcpListener::bind` of Tokio.
const BACKLOG: u32 = 1024;
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// A TCP listener that can refuse connections. Clones share the listening socket.
#[derive(Clone)]
pub(crate) struct PausableListener {
    address: SocketAddr,
    /// A channel to the accepted connections. Sending a value closes these connections.
    closing: watch::Sender<()>,
    state: Arc<Mutex<State>>,
}

struct State {
    /// The listening socket. `None` while connections are refused.
    listener: Option<TcpListener>,
    refused_until: Instant,
    /// Wakes the task that accepts connections.
    acceptor: Option<Waker>,
}

impl PausableListener {
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<PausableListener> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
        let address = listener.local_addr()?;
        let state = State { listener: Some(listener), refused_until: Instant::now(), acceptor: None };
        Ok(PausableListener { address, closing: watch::Sender::new(()), state: Arc::new(Mutex::new(state)) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses new connections for a period of time. Closes idle connections immediately, and busy connections after
    /// their response.
    pub(crate) fn refuse_for(&self, time: Duration) {
        let mut state = self.state();
        state.refused_until = state.refused_until.max(Instant::now() + time);
        self.closing.send_replace(());
        if let Some(listener) = state.listener.take() {
            drop(state);
            // Shuts the socket down explicitly, because a child process that is being spawned may hold a copy of the
            // socket that would continue to listen. Ignores the error, because systems that cannot shut down a
            // listening socket do not need the shutdown.
            let _ = SockRef::from(&listener).shutdown(Shutdown::Both);
            drop(listener);
            // Binds a socket without listening. The system then refuses connections, and no other program can bind the
            // port.
            let reserved = reserve(self.address);
            tokio::spawn(self.clone().reopen(reserved.ok()));
        }
    }

    async fn reopen(self, mut reserved: Option<TcpSocket>) {
        loop {
            let until = self.state().refused_until;
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
            sleep(RETRY_INTERVAL).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for PausableListener {
    type Stream = TcpStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let mut state = self.state();
        state.acceptor = Some(cx.waker().clone());
        match &state.listener {
            Some(listener) => Listener::poll_accept(listener, cx),
            None => Poll::Pending,
        }
    }

    fn closing(&self) -> watch::Receiver<()> {
        self.closing.subscribe()
    }
}

fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // On Windows, `SO_REUSEADDR` would allow another program to share the port.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
