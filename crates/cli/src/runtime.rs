//! The Tokio runtime of a command. A signal can end the command.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use crate::failure::Failure;
use crate::signals::{self, interrupted};

/// Runs a command to completion on the current thread.
pub(crate) fn run<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    // A boxed future has the same type for every command. The program therefore contains one copy of `block_on` instead
    // of one copy for each command.
    let command: Pin<Box<dyn Future<Output = _>>> = Box::pin(command);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::local(format!("the runtime cannot start: {error}"), "check the limits of the process")
    })?;
    let result = runtime.block_on(async {
        #[cfg(unix)]
        survive_file_size_limit();
        command.await
    });
    // Does not wait for threads, because a DNS lookup or a read may block a thread.
    runtime.shutdown_background();
    result
}

/// Makes a write beyond the file size limit (`ulimit -f`) return an error. By default, such a write ends the process
/// without a message.
#[cfg(unix)]
fn survive_file_size_limit() {
    use tokio::signal::unix::{SignalKind, signal};
    // The handler remains installed after the returned value is dropped. If the handler cannot be installed, the signal
    // ends the process.
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
}

/// Waits for the result of `call`. If a signal arrives, drops the future of `call` and returns a failure of kind
/// `Cancelled`. Must not be used for a request that changes data in Codat, because the outcome of the request would be
/// unknown.
pub(crate) async fn unless_interrupted<T, E: Into<Failure>>(
    call: impl IntoFuture<Output = Result<T, E>>,
) -> Result<T, Failure> {
    let result = tokio::select! {
        result = call.into_future() => result.map_err(Into::into),
        () = interrupted() => Err(Failure::stopped(signals::done())),
    };
    // Also ends the command if a signal arrives together with the result, because this signal does not end the process.
    if signals::was_received() { Err(Failure::stopped(signals::done())) } else { result }
}
