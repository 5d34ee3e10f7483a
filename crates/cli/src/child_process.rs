//! Running a program as a child process.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::process::{Command, ExitCode};

use crate::failure::Failure;
use crate::signals::{Received, Signal, leave_to_child};

/// Rejects a program name that begins with a dash, because the user probably meant an option of `codat-keys`. `usage`
/// is an example of a correct command line, for the error message.
pub(crate) fn check(command: &[OsString], usage: &str) -> Result<(), Failure> {
    if command.first().is_some_and(|word| word.to_string_lossy().starts_with('-')) {
        return Err(Failure::new(
            codat_keys::ErrorKind::InvalidInput,
            "the command begins with a dash",
            format!("write options before it: {usage}"),
        ));
    }
    Ok(())
}

/// Runs a program, and returns its exit status. Forwards signals to the program, except signals that the program also
/// receives from the terminal.
#[cfg(unix)]
pub(crate) async fn run(mut command: Command) -> Result<ExitCode, Failure> {
    use rustix::process::{Pid, WaitOptions, wait};
    use tokio::signal::unix::{SignalKind, signal};

    // Handles signals before the child starts. Otherwise, a signal could end this process alone and orphan the child.
    let mut signals = received()?;
    let lost = |error: std::io::Error| Failure::local(format!("the command was lost: {error}"), "run it again");
    let mut ended = signal(SignalKind::child()).map_err(lost)?;
    let child = command.spawn().map_err(|error| cannot_run(command.get_program(), &error))?;
    let child = Pid::from_child(&child);
    loop {
        tokio::select! {
            _ = ended.recv() => {
                // `wait` also returns orphans, which this process must reap if it is the init process.
                while let Some((pid, status)) = wait(WaitOptions::NOHANG).map_err(|error| lost(error.into()))? {
                    if pid == child {
                        return Ok(exit_code(status));
                    }
                }
            }
            signal = signals.next() => {
                // The terminal also sends these signals to the child.
                let is_of_terminal = matches!(signal, Signal::INTERRUPT | Signal::QUIT);
                if is_of_terminal && (has_terminal() || !is_init()) {
                    continue;
                }
                signal.send(child);
            }
        }
    }
}

/// Runs a program, and returns its exit status. Does not forward Ctrl-C, because the Windows console also sends Ctrl-C
/// to the program.
#[cfg(windows)]
pub(crate) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let program = command.get_program().to_owned();
    let mut signals = received()?;
    let mut child = tokio::process::Command::from(command).spawn().map_err(|error| cannot_run(&program, &error))?;
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status
                    .map_err(|error| Failure::local(format!("the command was lost: {error}"), "run it again"))?;
                return Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)));
            }
            _ = signals.next() => {}
        }
    }
}

/// Returns a receiver of signals. After this function has returned, signals no longer end this process.
fn received() -> Result<Received, Failure> {
    let signals = Received::watch().map_err(|error| {
        let what = format!("cannot watch for signals, and the command was not started: {error}");
        Failure::local(what, "run it again; check the limit of open files (ulimit -n)")
    })?;
    leave_to_child();
    Ok(signals)
}

/// Whether this process is the init process, such as the first process of a container.
#[cfg(unix)]
pub(crate) fn is_init() -> bool {
    std::process::id() == 1
}

#[cfg(unix)]
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

pub(crate) fn cannot_run(program: &OsStr, error: &std::io::Error) -> Failure {
    let (status, hint) = match error.kind() {
        ErrorKind::NotFound => (127, "check its name, and that it is in PATH"),
        _ => (126, "check that it is a program that you may run"),
    };
    Failure::local(format!("{} cannot be run: {error}", program.display()), hint).with_status(status)
}

/// Returns the exit status of the child process. If a signal ended the child process, returns 128 plus the number of
/// the signal, as shells do.
#[cfg(unix)]
fn exit_code(status: rustix::process::WaitStatus) -> ExitCode {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
}
