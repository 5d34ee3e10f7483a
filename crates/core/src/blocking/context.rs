//! The context in which a method of the blocking client is called.

use std::pin::pin;
use std::task::{Context, Waker};

use crate::error::{Error, ErrorKind};

/// The kind of thread or future from which a method of the blocking client is called.
#[derive(PartialEq)]
pub(super) enum Place {
    /// A thread outside any runtime.
    OfItsOwn,
    /// A thread of a runtime where blocking is allowed, or a thread that is being destroyed.
    Lent,
    /// A future that tokio is polling. Blocking here would block the runtime.
    Polled,
}

pub(super) fn place() -> Place {
    match tokio::runtime::Handle::try_current() {
        Ok(_) if has_budget() => Place::Polled,
        Ok(_) => Place::Lent,
        Err(error) if error.is_thread_local_destroyed() => Place::Lent,
        Err(_) => Place::OfItsOwn,
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
