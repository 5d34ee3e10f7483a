//! A command that is run with a key in its environment, and whose end is this program's own.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::process::{ExitCode, ExitStatus};

use tokio::process::{Child, Command};

use crate::failure::Failure;
use crate::runtime::{Signal, Signals};

/// What would compete with the key that a command is given.
pub(crate) const COMPETING: [&str; 3] = ["CODAT_AUTH_HEADER", "CODAT_API_KEY_FILE", "CODAT_PROFILE"];

/// Refuses what was meant as an option of this program.
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

/// Runs it to its end, passes signals on, and returns its exit status.
pub(crate) async fn run(command: std::process::Command) -> Result<ExitCode, Failure> {
    let program = command.get_program().to_owned();
    // Before the child runs: a signal that came first would end this process alone, and orphan the child.
    let signals = Signals::watch()?;
    let child = Command::from(command).spawn().map_err(|error| cannot_run(&program, &error))?;
    Ok(exit_code(wait(child, signals).await?))
}

async fn wait(mut child: Child, mut signals: Signals) -> Result<ExitStatus, Failure> {
    loop {
        tokio::select! {
            status = child.wait() => {
                return status.map_err(|error| Failure::local(format!("the command was lost: {error}"), "run it again"));
            }
            signal = signals.next() => match signal {
                // It reaches the child from the terminal itself, and the child decides what it means.
                Signal::Interrupt => {}
                #[cfg(unix)]
                Signal::Terminate => terminate(&child),
            }
        }
    }
}

#[cfg(unix)]
fn terminate(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        // A child that has just ended needs no signal.
        let _ = kill_process(pid, Signal::TERM);
    }
}

pub(crate) fn cannot_run(program: &OsStr, error: &std::io::Error) -> Failure {
    let (status, hint) = match error.kind() {
        ErrorKind::NotFound => (127, "check its name, and that it is in PATH"),
        _ => (126, "check that it is a program that you may run"),
    };
    Failure::local(format!("{} cannot be run: {error}", program.display()), hint).with_status(status)
}

/// The child's own status; 128 and the signal's number where one ended it, as shells say it.
fn exit_code(status: ExitStatus) -> ExitCode {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX));
        }
    }
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
}
