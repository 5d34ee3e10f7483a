use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// Where connections come from.
pub trait Listener: Sync {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + 'static;

    /// Polls for the next connection. An error is not the end: there may be connections later.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Stream>>;

    /// Waits for the next connection.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send {
        poll_fn(|cx| self.poll_accept(cx))
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let (stream, _) = ready!(TcpListener::poll_accept(self, cx))?;
        // Without it, small responses may wait for the client's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        Poll::Ready(Ok(stream))
    }
}
