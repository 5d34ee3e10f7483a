//! The command `emulator`: runs a local emulator of Codat's API.

mod exec;
mod options;
#[cfg(feature = "portal")]
mod page;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

#[cfg(feature = "portal")]
pub(super) use options::port;

use crate::failure::Failure;
use crate::json::json_text;
use crate::output::{print, print_aside};
use crate::signals::interrupted;
use options::{EmulatorOptions, script, start};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = false)]
#[command(after_help = "Example: codat-keys emulator --port 4010 --state codat.json")]
pub(crate) struct Emulator {
    #[command(flatten)]
    options: EmulatorOptions,
    #[command(subcommand)]
    command: Option<EmulatorCommand>,
}

#[derive(Subcommand)]
enum EmulatorCommand {
    /// Run a command with CODAT_BASE_URL and CODAT_API_KEY set, and end with its exit status
    #[command(after_help = "Example: codat-keys emulator exec -- sh -c 'codat-keys create ci && codat-keys list'")]
    Exec {
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
}

pub(crate) async fn emulator(emulator: &Emulator) -> Result<ExitCode, Failure> {
    match &emulator.command {
        Some(EmulatorCommand::Exec { command }) => exec::exec(&emulator.options, command).await,
        None => run(&emulator.options).await.map(|()| ExitCode::SUCCESS),
    }
}

async fn run(options: &EmulatorOptions) -> Result<(), Failure> {
    if options.explain {
        return print(&codat_keys_emulator::behaviours_as_text());
    }
    let script = script(options)?;
    let interrupted = interrupted();
    let emulator = start(options, script.as_deref())?;
    let (url, key, page) = (emulator.base_url(), emulator.api_key(), page(&emulator));
    let started = if options.json {
        json_text(&json!({ "baseUrl": url, "apiKey": key, "page": page }), false) + "\n"
    } else {
        let page = page.map(|page| format!("  page of its keys: {page}\n")).unwrap_or_default();
        format!(
            "Codat emulator at {url}, until Ctrl-C\n  export CODAT_BASE_URL={url}\n  export CODAT_API_KEY={key}\n{page}"
        )
    };
    tokio::pin!(interrupted);
    tokio::select! {
        printed = print_aside(started) => printed?,
        () = &mut interrupted => return Ok(()),
    }
    interrupted.await;
    Ok(())
}

#[cfg(feature = "portal")]
fn page(emulator: &codat_keys_emulator::Emulator) -> Option<String> {
    Some(page::url(emulator))
}

#[cfg(not(feature = "portal"))]
fn page(_: &codat_keys_emulator::Emulator) -> Option<String> {
    None
}
