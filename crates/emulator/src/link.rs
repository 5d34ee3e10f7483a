//! One connection, with a handle on it: so that it can be cut, or closed when nothing is being answered on it.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A handle on a connection.
#[derive(Clone, Default)]
pub(crate) struct Link(Arc<Mutex<State>>);

/// The same, without keeping it alive.
pub(crate) struct WeakLink(Weak<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Requests that are being answered.
    busy: usize,
    /// To be closed when it is not busy.
    closing: bool,
    cut: bool,
    reader: Option<Waker>,
}

/// The connection is busy while this lives.
pub(crate) struct Busy(Link);

impl Link {
    pub(crate) fn busy(&self) -> Busy {
        self.state().busy += 1;
        Busy(self.clone())
    }

    /// Lets nothing more out: whatever is answered, the client sees the connection end.
    pub(crate) fn cut(&self) {
        self.state().cut = true;
    }

    /// Closes it now, or, when it is busy, lets the answer close it.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closing = true;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }

    /// Whether its answers shall say `Connection: close`.
    pub(crate) fn is_closing(&self) -> bool {
        self.state().closing
    }

    pub(crate) fn downgrade(&self) -> WeakLink {
        WeakLink(Arc::downgrade(&self.0))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WeakLink {
    /// Nothing, once the connection has ended.
    pub(crate) fn upgrade(&self) -> Option<Link> {
        self.0.upgrade().map(Link)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.state().busy -= 1;
    }
}

/// The connection itself.
pub(crate) struct LinkedStream {
    stream: TcpStream,
    pub(crate) link: Link,
}

impl LinkedStream {
    pub(crate) fn new(stream: TcpStream) -> LinkedStream {
        LinkedStream { stream, link: Link::default() }
    }

    fn writable(&self) -> io::Result<()> {
        if self.link.state().cut { Err(ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

impl AsyncRead for LinkedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.link.state();
        if state.closing && state.busy == 0 {
            // As if the client had closed it.
            return Poll::Ready(Ok(()));
        }
        state.reader = Some(cx.waker().clone());
        drop(state);
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for LinkedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writable()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writable()?;
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
