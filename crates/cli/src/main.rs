//! `codat-keys`: Codat API keys from the shell.

mod args;
mod delete;
mod demo;
mod emulator;
mod exec;
mod failure;
mod header;
mod keys;
mod manual;
mod output;
mod runtime;
mod secret_file;

use std::process::ExitCode;

use args::{Command, EmulatorCommand};
use failure::Failure;

fn main() -> ExitCode {
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(status) => return status,
    };
    match run(cli) {
        Ok(status) => status,
        Err(failure) => failure.report(),
    }
}

fn run(cli: args::Cli) -> Result<ExitCode, Failure> {
    let connection = cli.connection;
    let done = match cli.command {
        Command::List(list) => keys::list(&connection, &list),
        Command::Show(show) => keys::show(&connection, &show),
        Command::Create(create) => keys::create(&connection, &create),
        Command::Delete(delete) => delete::delete(&connection, &delete),
        Command::Header => header::header(),
        Command::Emulator { options, command: Some(EmulatorCommand::Exec { command }) } => {
            return exec::exec(&options, &command);
        }
        Command::Emulator { options, command: None } => emulator::run(&options),
        Command::Demo => demo::demo(),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { command } => manual::man(command.as_deref()),
    };
    done.map(|()| ExitCode::SUCCESS)
}
