//! Stopping a call from outside, with its result still told.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// Done when the caller wants the call to stop.
pub(crate) type Cancellation<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What the call returns, or `None` if it was stopped before; the call is dropped then, and with it its connection. What
/// is stopped before it begins sends nothing.
pub(crate) async fn or_cancelled<T>(call: impl Future<Output = T>, mut stop: Option<Cancellation<'_>>) -> Option<T> {
    let mut is_stopped =
        move |context: &mut Context<'_>| stop.as_mut().is_some_and(|stop| stop.as_mut().poll(context).is_ready());
    if poll_fn(|context| Poll::Ready(is_stopped(context))).await {
        return None;
    }
    let mut call = pin!(call);
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending if is_stopped(context) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}
