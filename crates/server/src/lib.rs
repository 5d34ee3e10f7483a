//! The HTTP/1.1 server of the emulator and of the page. Clients that send nothing, or read nothing, do not keep others from
//! being served.
//!
//! - A client has ten seconds to send the head of each request, ten seconds for each part of a body, and ten seconds to read
//!   each part of a response.
//! - The number of connections is limited. At the limit, a new connection replaces the one that has waited longest for its
//!   client. A request that is being answered is never interrupted. If all connections are being answered, new ones wait.
//! - If no file descriptor is free, one eighth of the connections are closed, those that have waited longest for their clients.

mod listener;
mod open;
mod request;
mod turn;

use std::convert::Infallible;
use std::io::ErrorKind::{ConnectionAborted, ConnectionReset};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_io_timeout::TimeoutStream;
use tower::{Service, ServiceExt as _};

pub use listener::Listener;

use open::Open;
use turn::Turn;

/// How long a client may take for the head of a request, for the next part of a body, or to read a part of a response.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two attempts, where connections cannot be accepted.
const PAUSE: Duration = Duration::from_millis(20);

/// Serves each connection of a listener with a service of its own, on at most `max_connections` at once, or on three quarters
/// as many as the process may open files, if these are fewer.
///
/// It does not end. When it is dropped, all its connections end.
pub async fn serve<L, S>(listener: L, max_connections: usize, service: impl Fn(&L::Stream) -> S)
where
    L: Listener,
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let max_connections = max_connections.min(max_open_files() / 4 * 3).max(1);
    let mut open = Open::default();
    loop {
        match open.until(listener.accept()).await {
            Ok(stream) => {
                while open.len() >= max_connections {
                    open.close_longest_waiting(1).await;
                }
                let service = service(&stream);
                open.spawn(|turn| serve_connection(stream, service, turn));
            }
            Err(error) if matches!(error.kind(), ConnectionAborted | ConnectionReset) => {}
            // The process or the system has no file descriptor left.
            Err(_) => {
                open.close_longest_waiting(open.len().div_ceil(8)).await;
                tokio::time::sleep(PAUSE).await;
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

async fn serve_connection<T, S>(stream: T, service: S, turn: Turn)
where
    T: AsyncRead + AsyncWrite + Send + 'static,
    S: Service<Request, Response = Response, Error = Infallible> + Clone,
{
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(CLIENT_TIMEOUT));
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let (service, turn) = (service.clone(), turn.clone());
        async move {
            let request = request::received_by(turn.clone(), request)?;
            let response = service.oneshot(request.map(Body::new)).await;
            turn.give_to_client();
            Ok::<_, turn::Closed>(response.unwrap_or_else(|never| match never {}))
        }
    });
    // An error is the client's.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CLIENT_TIMEOUT)
        .serve_connection(TokioIo::new(Box::pin(stream)), answer)
        .await;
}
