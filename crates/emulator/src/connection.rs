//! TCP connections, and handles that abort a connection or close an idle connection.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A handle that aborts or closes a connection. Clones of the handle control the same connection.
#[derive(Clone, Default)]
pub(crate) struct ConnectionHandle(Arc<Mutex<State>>);

/// A weak handle to a connection, which does not keep the connection's state alive.
pub(crate) struct WeakConnectionHandle(Weak<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The number of requests in progress on the connection.
    busy: usize,
    /// Whether the connection closes as soon as no request is in progress.
    closing: bool,
    aborted: bool,
    /// Wakes the task that reads from the connection.
    reader: Option<Waker>,
}

/// A guard that marks a connection as busy until it is dropped.
pub(crate) struct BusyGuard(ConnectionHandle);

impl ConnectionHandle {
    pub(crate) fn mark_busy(&self) -> BusyGuard {
        self.state().busy += 1;
        BusyGuard(self.clone())
    }

    /// Makes all further writes fail, so that the connection ends without a response.
    pub(crate) fn abort(&self) {
        self.state().aborted = true;
    }

    /// Closes an idle connection immediately, and a busy connection after its response.
    pub(crate) fn close_when_idle(&self) {
        let mut state = self.state();
        state.closing = true;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }

    /// Returns true if the connection is closing, so that responses must contain `Connection: close`.
    pub(crate) fn is_closing(&self) -> bool {
        self.state().closing
    }

    pub(crate) fn downgrade(&self) -> WeakConnectionHandle {
        WeakConnectionHandle(Arc::downgrade(&self.0))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WeakConnectionHandle {
    /// Returns the handle. Returns `None` if the connection has ended.
    pub(crate) fn upgrade(&self) -> Option<ConnectionHandle> {
        self.0.upgrade().map(ConnectionHandle)
    }
}

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.state().busy -= 1;
    }
}

/// A TCP stream with a [`ConnectionHandle`].
pub(crate) struct ConnectionStream {
    stream: TcpStream,
    pub(crate) handle: ConnectionHandle,
}

impl ConnectionStream {
    pub(crate) fn new(stream: TcpStream) -> ConnectionStream {
        ConnectionStream { stream, handle: ConnectionHandle::default() }
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.handle.state().aborted { Err(ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

impl AsyncRead for ConnectionStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.handle.state();
        if state.closing && state.busy == 0 {
            // Reports the end of the stream to the HTTP server, as if the client had closed the connection.
            return Poll::Ready(Ok(()));
        }
        state.reader = Some(cx.waker().clone());
        drop(state);
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ConnectionStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check_writable()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_writable()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
