//! A request body with a timeout. The timeout limits the wait for the next bytes, not the time for the whole body. When
//! the body ends, the state of the connection becomes `Responding`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};
use tower::BoxError;

use crate::connections::{ClosedError, ConnectionState};

pub(crate) struct RequestBody {
    body: Incoming,
    state: ConnectionState,
    timeout: Duration,
    /// The timer for the next bytes of the body. `None` while the server is not waiting for bytes.
    timer: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    /// Creates a request body. Reading the body fails if the next bytes do not arrive within `timeout`.
    pub(crate) fn new(body: Incoming, state: ConnectionState, timeout: Duration) -> Result<Self, ClosedError> {
        if body.is_end_stream() {
            state.start_response()?;
        }
        Ok(Self { body, state, timeout, timer: None })
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            let timeout = self.timeout;
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(timeout)));
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(Some(Err("timed out while waiting for the request body".into())));
        };
        self.timer = None;
        if frame.is_none() || self.body.is_end_stream() {
            self.state.start_response()?;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
