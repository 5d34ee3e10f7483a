//! Detection of a tokio runtime on the thread that calls the blocking client.

use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;

use crate::error::{Error, ErrorKind};

/// Calls the function `call`, which blocks on a tokio runtime of its own. If the current thread belongs to another
/// tokio runtime, calls `call` on a new thread. If tokio is polling a future on the current thread, returns an error
/// instead.
pub(super) fn in_blocking_context<T: Send>(call: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    match call_context() {
        CallContext::OutsideRuntime => call(),
        // On a thread of a tokio runtime, a second runtime panics. The second runtime therefore runs on another thread.
        CallContext::InRuntime => thread::scope(|scope| {
            let thread = thread::Builder::new().spawn_scoped(scope, call).map_err(|source| {
                Error::new(ErrorKind::Connect, format!("no thread could be started: {source}"))
                    .with_hint("check the limits of the process; nothing was sent")
            })?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        }),
        CallContext::InFuture => {
            Err(Error::new(ErrorKind::InvalidInput, "a blocking client was called in an asynchronous context")
                .with_hint(
                    "use codat_keys::Client there, or call it within tokio::task::spawn_blocking; nothing was sent",
                ))
        }
    }
}

/// Where the blocking client is called.
enum CallContext {
    /// On a thread outside any tokio runtime.
    OutsideRuntime,
    /// On a thread of a tokio runtime, but outside any future, for example in `spawn_blocking`. Blocking such a thread
    /// is allowed. The client runs its own runtime on another thread, because a second runtime might panic on this
    /// thread. This variant also covers calls in the destructor of a thread-local value.
    InRuntime,
    /// In a future that tokio polls. The client returns an error, because blocking the thread would block the runtime.
    InFuture,
}

fn call_context() -> CallContext {
    match tokio::runtime::Handle::try_current() {
        Ok(_) if has_budget() => CallContext::InFuture,
        Ok(_) => CallContext::InRuntime,
        Err(error) if error.is_thread_local_destroyed() => CallContext::InRuntime,
        Err(_) => CallContext::OutsideRuntime,
    }
}

/// Returns whether tokio is polling a future on this thread. During a poll, tokio limits the number of operations by a
/// budget. The budget cannot be queried, so this function consumes the budget of up to 256 operations. If the budget
/// runs out, tokio is polling a future.
fn has_budget() -> bool {
    let mut context = Context::from_waker(Waker::noop());
    (0..=u8::MAX).any(|_| pin!(tokio::task::consume_budget()).poll(&mut context).is_pending())
}
