//! The context in which a method of the blocking client is called.

use std::pin::pin;
use std::task::{Context, Waker};

use crate::error::{Error, ErrorKind};

/// The code that calls a method of the blocking client.
#[derive(PartialEq)]
pub(super) enum CallContext {
    /// Code on a thread outside any tokio runtime. The client blocks this thread.
    OutsideRuntime,
    /// Code on a thread of a tokio runtime that is allowed to block, as in `spawn_blocking`, or a destructor that runs
    /// while its thread ends. The client blocks another thread.
    InRuntime,
    /// A future that tokio is polling. The client returns an error, because blocking would block the runtime.
    InFuture,
}

pub(super) fn call_context() -> CallContext {
    match tokio::runtime::Handle::try_current() {
        Ok(_) if has_budget() => CallContext::InFuture,
        Ok(_) => CallContext::InRuntime,
        Err(error) if error.is_thread_local_destroyed() => CallContext::InRuntime,
        Err(_) => CallContext::OutsideRuntime,
    }
}

/// Returns whether the caller runs in a task that tokio polls. Tokio gives such tasks a budget, and code that is
/// allowed to block has none. The budget cannot be queried, so this function consumes one unit. As a result, the
/// polling task may yield a little earlier.
fn has_budget() -> bool {
    let mut context = Context::from_waker(Waker::noop());
    (0..=u8::MAX).any(|_| pin!(tokio::task::consume_budget()).poll(&mut context).is_pending())
}

pub(super) fn refused() -> Error {
    Error::new(ErrorKind::InvalidInput, "a blocking client was called in an asynchronous context")
        .with_hint("use codat_keys::Client there, or call it within tokio::task::spawn_blocking; nothing was sent")
}
