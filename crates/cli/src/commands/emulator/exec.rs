//! The command `emulator exec`: starts an emulator, and runs a program that uses it.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use codat_keys::ErrorKind;
use codat_keys::internal::without_credentials;

use super::options::{EmulatorOptions, script, start};
use crate::child_process;
use crate::failure::Failure;

const USAGE: &str = "codat-keys emulator --seed 1 exec -- COMMAND";

pub(super) async fn exec(options: &EmulatorOptions, command: &[OsString]) -> Result<ExitCode, Failure> {
    child_process::check(command, USAGE)?;
    if options.json || options.explain {
        let hint = format!("leave them out: {USAGE}");
        return Err(Failure::new(ErrorKind::InvalidInput, "--json and --explain have no effect with exec", hint));
    }
    let emulator = start(options, script(options)?.as_deref())?;
    let (program, arguments) = command.split_first().expect("clap requires a command");
    let mut child = Command::new(program);
    without_credentials(&mut child)
        .args(arguments)
        .env("CODAT_BASE_URL", emulator.base_url())
        .env("CODAT_API_KEY", emulator.api_key())
        .env("PATH", path_with_own_folder_first()?)
        // The certificates in the file are for another server than the emulator.
        .env_remove("CODAT_CA_FILE");
    child_process::run(child).await
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
