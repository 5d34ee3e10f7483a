//! `emulator exec -- COMMAND`: a command with an emulator of its own.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::process::{ExitCode, ExitStatus};

use tokio::process::{Child, Command};

use crate::args;
use crate::emulator;
use crate::failure::Failure;
use crate::runtime::{Signal, Signals};

/// What would compete with the emulator's key and address.
const COMPETING: [&str; 4] = ["CODAT_AUTH_HEADER", "CODAT_API_KEY_FILE", "CODAT_CA_FILE", "CODAT_PROFILE"];

pub(crate) async fn exec(options: &args::EmulatorOptions, command: &[OsString]) -> Result<ExitCode, Failure> {
    check(options, command)?;
    let emulator = emulator::start(options)?;
    let (program, arguments) = command.split_first().expect("clap requires a command");
    let mut child = Command::new(program);
    child
        .args(arguments)
        .env("CODAT_BASE_URL", emulator.base_url())
        .env("CODAT_API_KEY", emulator.api_key())
        .env("PATH", path_with_own_folder_first()?);
    for name in COMPETING {
        child.env_remove(name);
    }
    // Before the child runs: a signal that came first would end this process alone, and orphan the child.
    let signals = Signals::watch()?;
    let child = child.spawn().map_err(|error| cannot_run(program, &error))?;
    Ok(exit_code(wait(child, signals).await?))
}

/// Refuses options that would have no effect, or that would be taken for the command.
fn check(options: &args::EmulatorOptions, command: &[OsString]) -> Result<(), Failure> {
    let misplaced = command.first().is_some_and(|word| word.to_string_lossy().starts_with('-'));
    if misplaced || options.json || options.explain {
        let what =
            if misplaced { "the command begins with a dash" } else { "--json and --explain have no effect with exec" };
        return Err(Failure::new(
            codat_keys::ErrorKind::InvalidInput,
            what,
            "write the emulator's options before `exec`: codat-keys emulator --seed 1 exec -- COMMAND",
        ));
    }
    Ok(())
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

fn path_with_own_folder_first() -> Result<OsString, Failure> {
    let own = std::env::current_exe().map_err(|error| {
        Failure::local(format!("this program's own folder is unknown: {error}"), "start it by its path")
    })?;
    let own = own.parent().map(ToOwned::to_owned).into_iter();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(own.chain(std::env::split_paths(&path))).map_err(|error| {
        Failure::local(format!("PATH cannot be set: {error}"), "install this program in another folder")
    })
}

fn cannot_run(program: &OsStr, error: &std::io::Error) -> Failure {
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
