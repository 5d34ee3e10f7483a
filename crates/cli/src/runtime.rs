//! One runtime a process, on this thread, which Ctrl-C can stop.

use std::future::{Future, IntoFuture};

use codat_keys::{Error, ErrorKind};

use crate::failure::Failure;

/// Waits for a call that changes nothing.
pub(crate) fn read<T>(call: impl IntoFuture<Output = Result<T, Error>>) -> Result<T, Failure> {
    run(call.into_future(), || Failure::new(ErrorKind::Cancelled, "stopped", ErrorKind::Cancelled.hint()))
}

/// Waits for a call that changes something: once stopped, nobody knows whether it did.
pub(crate) fn change<T>(call: impl IntoFuture<Output = Result<T, Error>>) -> Result<T, Failure> {
    let unknown = ErrorKind::OutcomeUnknown;
    run(call.into_future(), || Failure::new(unknown, format!("stopped: {}", unknown.text()), unknown.hint()))
}

pub(crate) fn new() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::local(format!("the runtime cannot start: {error}"), "check the limits of the process")
    })
}

fn run<T>(call: impl Future<Output = Result<T, Error>>, interrupted: impl FnOnce() -> Failure) -> Result<T, Failure> {
    new()?.block_on(async {
        tokio::select! {
            result = call => result.map_err(Failure::from),
            _ = tokio::signal::ctrl_c() => Err(interrupted()),
        }
    })
}

/// What asks this process to end.
pub(crate) enum Signal {
    /// Ctrl-C, which the terminal sends to children too.
    Interrupt,
    /// `kill`, which is sent to this process alone. (Unix)
    #[cfg_attr(not(unix), allow(dead_code))]
    Terminate,
}

/// Waits for the next one.
pub(crate) async fn signal() -> Result<Signal, Failure> {
    let watched = |error| Failure::local(format!("signals cannot be watched: {error}"), "stop it with kill -9");
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(watched)?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result.map(|()| Signal::Interrupt).map_err(watched),
            _ = terminate.recv() => Ok(Signal::Terminate),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map(|()| Signal::Interrupt).map_err(watched)
}
