//! `codat-keys`: Codat API keys from the shell.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic if the stream is closed; `output` and `stderr` do not"
)]
#![cfg_attr(not(test), deny(clippy::non_ascii_literal, reason = "every console encoding can represent ASCII"))]

mod api;
mod args;
mod audit;
mod child_process;
mod completion;
mod config;
mod connection;
mod create;
mod credential_report;
mod credential_selection;
mod delete;
mod demo;
mod doctor;
mod emulator;
mod emulator_exec;
mod env;
mod exec;
mod failure;
mod header;
mod inject;
mod json;
mod key_display;
mod keyring;
mod keys;
mod login;
mod logout;
mod manual;
mod output;
mod portal;
mod profile;
mod redact;
mod runtime;
mod secret_file;
mod secret_input;
mod signals;
mod stderr;
mod template;
mod usage;

use std::process::ExitCode;

use args::Command;
use emulator::EmulatorCommand;
use failure::Failure;

fn main() -> ExitCode {
    if completion::answer() {
        return ExitCode::SUCCESS;
    }
    let (cli, is_json) = match args::parse() {
        Ok(parsed) => parsed,
        Err(status) => return status,
    };
    signals::handle(move |done| {
        let _ = Failure::stopped(done).report(is_json);
    });
    match run(cli) {
        Ok(status) => status,
        Err(failure) => failure.report(is_json),
    }
}

fn run(cli: args::Cli) -> Result<ExitCode, Failure> {
    let done = match cli.command {
        Command::List(list) => runtime::run(keys::list(&list)),
        Command::Show(show) => runtime::run(keys::show(&show)),
        Command::Whoami(whoami) => runtime::run(keys::whoami(&whoami)),
        Command::Create(create) => runtime::run(create::create(&create)),
        Command::Delete(delete) => runtime::run(delete::delete(&delete)),
        Command::Login(login) => runtime::run(login::login(&login)),
        Command::Logout(logout) => runtime::run(logout::logout(&logout)),
        Command::Profile(profiles) => profile::profile(&profiles),
        Command::Exec(exec) => return exec::exec(&exec),
        Command::Inject(options) => runtime::run(inject::inject(&options)),
        Command::Env(options) => env::env(&options),
        Command::Audit(audit) => return runtime::run(audit::audit(&audit)),
        Command::Api(api) => runtime::run(api::api(&api)),
        Command::Doctor(doctor) => runtime::run(doctor::doctor(&doctor)),
        Command::Header(options) => runtime::run(header::header(&options)),
        Command::Emulator { options, command: Some(EmulatorCommand::Exec { command }) } => {
            return runtime::run(emulator_exec::exec(&options, &command));
        }
        Command::Emulator { options, command: None } => runtime::run(emulator::run(&options)),
        Command::Portal(portal) => runtime::run(portal::portal(&portal)),
        Command::Demo => runtime::run(demo::demo()),
        Command::Completions { shell } => completion::script(shell),
        Command::Man { command } => manual::man(command.as_deref()),
        Command::Help { topic } => manual::help(&topic),
    };
    done.map(|()| ExitCode::SUCCESS)
}
