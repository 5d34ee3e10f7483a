//! A request whose body is watched: when it is whole it is the server's turn, and a body that stalls is an error.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::Request;
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use crate::CLIENT_TIMEOUT;
use crate::turn::{Closed, Turn};

type BodyError = Box<dyn Error + Send + Sync>;

pub(crate) struct WatchedBody {
    body: Incoming,
    turn: Turn,
    stall: Option<Pin<Box<Sleep>>>,
}

pub(crate) fn received_by(turn: Turn, request: Request<Incoming>) -> Result<Request<WatchedBody>, Closed> {
    if request.body().is_end_stream() {
        turn.take()?;
    }
    Ok(request.map(|body| WatchedBody { body, turn, stall: None }))
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(CLIENT_TIMEOUT)));
            ready!(stall.as_mut().poll(cx));
            return Poll::Ready(Some(Err("timed out while waiting for the request body".into())));
        };
        self.stall = None;
        if frame.is_none() || self.body.is_end_stream() {
            self.turn.take()?;
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
