//! Detection of a tokio runtime around a function call of the blocking client.

use std::pin::pin;
use std::task::{Context, Waker};

use crate::error::{Error, ErrorKind};

/// Where the blocking client is called.
#[derive(PartialEq)]
pub(super) enum CallContext {
    /// On a thread outside any tokio runtime.
    OutsideRuntime,
    /// On a thread of a tokio runtime that can be blocked, as in `spawn_blocking`. Also in the destructor of a
    /// thread-local value. A second runtime would panic on this thread, so the client runs it on another thread.
    InRuntime,
    /// In a future that tokio polls. The client returns an error, because it would block the runtime.
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

/// Returns whether tokio is polling the current task. Tokio gives such a task a budget, and other code has no budget.
/// The budget cannot be queried, so this function consumes one unit of it.
fn has_budget() -> bool {
    let mut context = Context::from_waker(Waker::noop());
    (0..=u8::MAX).any(|_| pin!(tokio::task::consume_budget()).poll(&mut context).is_pending())
}

pub(super) fn refused() -> Error {
    Error::new(ErrorKind::InvalidInput, "a blocking client was called in an asynchronous context")
        .with_hint("use codat_keys::Client there, or call it within tokio::task::spawn_blocking; nothing was sent")
}
