//! The thread of an emulator. It serves the connections on its own Tokio runtime.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use codat_keys_server::serve;
use tokio::runtime;
use tokio::sync::oneshot;
use tower::service_fn;

use crate::listener::PausableListener;
use crate::service::{self, AppState};

/// The maximum number of concurrent connections. No client of an emulator opens so many connections.
const MAX_CONNECTIONS: usize = 4096;

/// A running thread that serves an emulator. Dropping this value closes all connections and waits for the thread to
/// end.
pub(crate) struct ServerThread {
    address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ServerThread {
    /// Starts a thread. When this method returns, the thread accepts connections.
    pub(crate) fn start(address: SocketAddr, app: AppState) -> io::Result<ServerThread> {
        let (shutdown, shutdown_requested) = oneshot::channel();
        let (started, bound) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("codat-keys-emulator".to_owned())
            .spawn(move || run(address, app, &started, shutdown_requested))?;
        // `recv` fails only if the thread panicked before it sent the result of the start.
        match bound.recv().unwrap_or_else(|_| Err(io::Error::other("the emulator's thread ended early"))) {
            Ok(address) => Ok(ServerThread { address, shutdown: Some(shutdown), thread: Some(thread) }),
            Err(error) => {
                // Waits for the thread, which releases the lock on the state file when it ends.
                let _ = thread.join();
                Err(error)
            }
        }
    }

    /// Returns the address to which clients on this machine connect.
    pub(crate) fn address(&self) -> SocketAddr {
        connectable(self.address)
    }
}

impl Drop for ServerThread {
    fn drop(&mut self) {
        drop(self.shutdown.take());
        if let Some(thread) = self.thread.take() {
            // Ignores a panic of the thread, because the panic hook has already printed it. A second panic during
            // unwinding would abort the process.
            let _ = thread.join();
        }
    }
}

/// Returns the address to which clients can connect. If the bound address is unspecified (`0.0.0.0` or `::`), returns
/// the loopback address.
fn connectable(bound: SocketAddr) -> SocketAddr {
    let address = match bound.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    SocketAddr::new(address, bound.port())
}

fn run(
    address: SocketAddr,
    app: AppState,
    started: &mpsc::Sender<io::Result<SocketAddr>>,
    shutdown_requested: oneshot::Receiver<()>,
) {
    let serve_until_shutdown = async {
        let listener = PausableListener::bind(address).await?;
        let address = listener.address();
        let for_requests = listener.clone();
        let respond = service_fn(move |request| service::respond(app.clone(), for_requests.clone(), request));
        tokio::spawn(serve(listener, MAX_CONNECTIONS, respond));
        // Sending fails only if `start` has returned early. In this case, `shutdown_requested` is closed as well, and
        // the thread ends.
        let _ = started.send(Ok(address));
        let _ = shutdown_requested.await;
        Ok(())
    };
    // When this expression returns, the runtime, the listener and all connections have been dropped.
    let outcome = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(serve_until_shutdown));
    if let Err(error) = outcome {
        let _ = started.send(Err(error));
    }
}
