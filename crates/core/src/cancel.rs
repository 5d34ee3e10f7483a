//! Cancellation of an operation.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// A future that completes when the caller wants to cancel an operation.
pub(crate) type Cancellation = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Awaits the future `call`, and returns its result. If `cancellation` completes first, drops `call` and returns
/// `None`. If `cancellation` is complete at the start, never polls `call`.
pub(crate) async fn or_cancelled<T>(
    call: impl Future<Output = T>,
    cancellation: &mut Option<Cancellation>,
) -> Option<T> {
    let mut is_cancelled = |context: &mut Context<'_>| is_cancelled(cancellation, context);
    if poll_fn(|context| Poll::Ready(is_cancelled(context))).await {
        return None;
    }
    let mut call = pin!(call);
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending if is_cancelled(context) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Polls `cancellation`, and returns whether it has completed. Must not be called again after it has returned true.
pub(crate) fn is_cancelled(cancellation: &mut Option<Cancellation>, context: &mut Context<'_>) -> bool {
    cancellation.as_mut().is_some_and(|cancelled| cancelled.as_mut().poll(context).is_ready())
}
