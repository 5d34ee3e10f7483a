//! One runtime a process, on this thread, which Ctrl-C can stop.

use std::future::{Future, IntoFuture};

use codat_keys::ErrorKind;

use crate::failure::Failure;

/// Runs a command to its end.
pub(crate) fn run<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::local(format!("the runtime cannot start: {error}"), "check the limits of the process")
    })?;
    let result = runtime.block_on(async {
        #[cfg(unix)]
        survive_file_size_limit();
        command.await
    });
    // A name look-up or a read that still blocks a thread must not hold up the end.
    runtime.shutdown_background();
    result
}

/// Makes a write beyond the file size limit (`ulimit -f`) fail instead of ending the process without a message.
#[cfg(unix)]
fn survive_file_size_limit() {
    use tokio::signal::unix::{SignalKind, signal};
    // The handler stays after the drop. If it cannot be installed, the signal ends the process.
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
}

/// Waits for something that changes nothing, or for Ctrl-C.
pub(crate) async fn unless_interrupted<T, E: Into<Failure>>(
    call: impl IntoFuture<Output = Result<T, E>>,
) -> Result<T, Failure> {
    tokio::select! {
        result = call.into_future() => result.map_err(Into::into),
        () = interrupted() => Err(Failure::new(ErrorKind::Cancelled, "stopped", ErrorKind::Cancelled.hint())),
    }
}

/// Completes at Ctrl-C or `kill`. As the init process of a container, this process ends only by handling the signal.
pub(crate) async fn interrupted() {
    match Signals::watch() {
        Ok(mut signals) => {
            signals.next().await;
        }
        // Signals then end the process.
        Err(_) => std::future::pending().await,
    }
}

/// What asks this process to end.
pub(crate) enum Signal {
    /// Ctrl-C, which the terminal sends to children too.
    Interrupt,
    /// `kill`, which is sent to this process alone.
    #[cfg(unix)]
    Terminate,
}

/// Signals, none of which is missed from the moment this is made.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Signals {
    /// Must be called within the runtime.
    pub(crate) fn watch() -> Result<Self, Failure> {
        Self::try_watch()
            .map_err(|error| Failure::local(format!("signals cannot be watched: {error}"), "stop it with kill -9"))
    }

    #[cfg(unix)]
    fn try_watch() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(windows)]
    fn try_watch() -> std::io::Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }

    #[cfg(windows)]
    pub(crate) async fn next(&mut self) -> Signal {
        self.interrupt.recv().await;
        Signal::Interrupt
    }
}
