//! The HTTP/1.1 server of the emulator and of the web page for API keys. Clients that send nothing or read nothing
//! cannot block other clients.
//!
//! - The server waits at most ten seconds for the head of a request, for further bytes of a request body, and for the
//!   client to read further bytes of a response.
//! - The number of connections is limited. At the limit, a new connection replaces the connection that has waited
//!   longest for its client. The server never closes a connection while preparing a response on this connection. If the
//!   server is preparing a response on every connection, new connections wait.
//! - If no file descriptor is free, the server closes an eighth of the connections: those that have waited longest for
//!   their clients.

mod connections;
mod request_body;

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::io::ErrorKind::{ConnectionAborted, ConnectionReset};
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONNECTION, HeaderValue};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_io_timeout::TimeoutStream;
use tower::{Service, ServiceExt as _};

use connections::{ConnectionState, Connections};
use request_body::RequestBody;

/// The maximum time that the server waits for the head of a request, for further bytes of a request body, or for the
/// client to read further bytes of a response.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// The interval between two attempts to accept a connection while no file descriptor is free.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// A source of connections.
pub trait Listener: Sync {
    /// The type of an accepted connection.
    type Stream: AsyncRead + AsyncWrite + Send + 'static;

    /// Polls for the next connection. After an error, the listener can be polled again.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Stream>>;

    /// Waits for the next connection.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send {
        poll_fn(|cx| self.poll_accept(cx))
    }

    /// Returns a receiver for the connection that was just accepted. When the receiver gets a value, the server closes
    /// this connection. An idle connection is closed immediately. A busy connection is closed after its response, and
    /// the response contains `Connection: close`.
    ///
    /// The default implementation returns a receiver that never gets a value.
    fn closing(&self) -> watch::Receiver<()> {
        watch::channel(()).1
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let (stream, _) = ready!(TcpListener::poll_accept(self, cx))?;
        // Nagle's algorithm would delay small responses until the client acknowledges earlier data.
        let _ = stream.set_nodelay(true);
        Poll::Ready(Ok(stream))
    }
}

/// Serves all connections that a listener accepts. If the service returns an error, the server closes the connection
/// without a response.
///
/// The number of concurrent connections is limited to `max_connections` and to three quarters of the number of files
/// that the process may open.
///
/// The future never completes. Dropping the future closes all connections.
pub async fn serve<S>(listener: impl Listener, max_connections: usize, service: S)
where
    S: Service<Request, Response = Response, Error: Error + Send + Sync + 'static, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let max_connections = max_connections.min(max_open_files() / 4 * 3).max(1);
    let mut connections = Connections::default();
    loop {
        match connections.run_until(listener.accept()).await {
            Ok(stream) => {
                let closing = listener.closing();
                while connections.len() >= max_connections {
                    connections.close_longest_waiting(1).await;
                }
                connections.spawn(|state| serve_connection(stream, service.clone(), state, closing));
            }
            Err(error) if matches!(error.kind(), ConnectionAborted | ConnectionReset) => {}
            // The process or the system has no free file descriptor.
            Err(_) => {
                connections.close_longest_waiting(connections.len().div_ceil(8)).await;
                sleep(RETRY_INTERVAL).await;
            }
        }
    }
}

#[cfg(unix)]
fn max_open_files() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
fn max_open_files() -> usize {
    usize::MAX
}

async fn serve_connection<T, S>(stream: T, service: S, state: ConnectionState, mut closing: watch::Receiver<()>)
where
    T: AsyncRead + AsyncWrite + Send + 'static,
    S: Service<Request, Response = Response, Error: Error + Send + Sync + 'static> + Clone,
{
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(CLIENT_TIMEOUT));
    let is_closing = closing.clone();
    let respond = service_fn(move |request: hyper::Request<Incoming>| {
        let (service, state, is_closing) = (service.clone(), state.clone(), is_closing.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = RequestBody::new(body, state.clone(), CLIENT_TIMEOUT).map_err(io::Error::other)?;
            let response = service.oneshot(Request::from_parts(head, Body::new(body))).await;
            state.end_response();
            let mut response = response.map_err(io::Error::other)?;
            // A graceful shutdown of hyper does not add this header.
            if is_closing.has_changed().unwrap_or(false) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, io::Error>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CLIENT_TIMEOUT)
        .serve_connection(TokioIo::new(Box::pin(stream)), respond);
    let mut connection = pin!(connection);
    // Ignores errors. The client caused the error, for example by a timeout or a malformed request, or the service
    // returned an error to close the connection.
    tokio::select! {
        _ = connection.as_mut() => {}
        Ok(()) = closing.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
