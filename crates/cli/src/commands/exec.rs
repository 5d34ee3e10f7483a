//! The command `exec`: runs a program with the key in the program's environment.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use clap::Args;
use codat_keys::internal::without_credentials;

use crate::child_process;
use crate::connection::KeyOptions;
use crate::failure::Failure;
use crate::runtime;

#[derive(Args)]
#[command(after_help = "Example: codat-keys exec --profile work -- python nightly.py")]
pub(crate) struct Exec {
    #[command(flatten)]
    key: KeyOptions,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the program with the key in its environment. Sends no request, so an invalid key is not detected.
pub(crate) fn exec(exec: &Exec) -> Result<ExitCode, Failure> {
    child_process::check(&exec.command, "codat-keys exec --profile work -- COMMAND")?;
    become_command(runtime::run(command(exec))?)
}

async fn command(exec: &Exec) -> Result<Command, Failure> {
    let (program, arguments) = exec.command.split_first().expect("clap requires a command");
    let client = exec.key.client().await?;
    let header = client.authorization_for(client.base_url())?;
    let mut command = Command::new(program);
    without_credentials(&mut command)
        .args(arguments)
        .env("CODAT_API_KEY", header.api_key().expose_secret())
        .env("CODAT_BASE_URL", client.base_url());
    Ok(command)
}

/// Replaces this process by the program. The program then receives the signals and sets the exit status.
///
/// If this process is the init process of a container, this function starts the program as a child process instead, for
/// two reasons. An init process must reap orphans. The kernel delivers a signal to an init process only if the process
/// has a handler for this signal.
#[cfg(unix)]
fn become_command(mut command: Command) -> Result<ExitCode, Failure> {
    if child_process::is_init() {
        return runtime::run(child_process::run(command));
    }
    let error = std::os::unix::process::CommandExt::exec(&mut command);
    Err(child_process::cannot_run(command.get_program(), &error))
}

#[cfg(windows)]
fn become_command(command: Command) -> Result<ExitCode, Failure> {
    runtime::run(child_process::run(command))
}
