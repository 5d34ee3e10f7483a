//! Stopping a call from outside, with its result still told.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

/// Done when the caller wants the call to stop.
pub(crate) type Stop<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What the call returns, or `None` if it was stopped before; the call is dropped then, and with it its connection.
pub(crate) async fn unless_stopped<T>(call: impl Future<Output = T>, mut stop: Option<Stop<'_>>) -> Option<T> {
    let mut call = pin!(call);
    std::future::poll_fn(|context| {
        if let Poll::Ready(result) = call.as_mut().poll(context) {
            return Poll::Ready(Some(result));
        }
        match stop.as_mut().map(|stop| stop.as_mut().poll(context)) {
            Some(Poll::Ready(())) => Poll::Ready(None),
            _ => Poll::Pending,
        }
    })
    .await
}
