//! The command-line program `codat-keys`, which uses and manages Codat API keys.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic if the stream is closed; `output` and `stderr` do not"
)]
#![cfg_attr(not(test), deny(clippy::non_ascii_literal, reason = "every console encoding can represent ASCII"))]

// The modules from the top layer to the bottom layer. A module uses only modules of its own layer and of the layers
// below.
mod parse;

mod commands;

mod completion;
mod key_reference;
mod sinks;

mod connection;
mod credential_report;
mod key_output;
mod key_storage;

mod config;
mod credential_selection;
mod key_display;
mod keyring;
mod secret_file;
mod secret_input;

mod atomic_file;
mod child_process;
mod confirmation;
mod output;
mod runtime;

mod failure;

mod duration;
mod exit_status;
mod file_identity;
mod heap;
mod json;
mod redact;
mod signals;
mod stderr;
mod template;

use std::process::ExitCode;

use failure::Failure;

/// The hint to print if `--json` is given and standard output is closed.
const JSON_HINT: &str = "send it to a file or a pipe, or leave --json out";

fn main() -> ExitCode {
    if completion::answer(commands::command) {
        return ExitCode::SUCCESS;
    }
    let (cli, is_json) = match parse::parse() {
        Ok(parsed) => parsed,
        Err(status) => return status,
    };
    signals::handle(move |done| {
        let _ = Failure::stopped(done).report(is_json);
    });
    let hint = if is_json { Some(JSON_HINT) } else { cli.closed_output_hint() };
    let is_printable = hint.map_or(Ok(()), output::refuse_closed_output);
    match is_printable.and_then(|()| commands::run(cli)) {
        Ok(status) => status,
        Err(failure) => failure.report(is_json),
    }
}
