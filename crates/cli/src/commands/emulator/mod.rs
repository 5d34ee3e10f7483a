//! The command `emulator`: runs a local emulator of Codat's API.

mod exec;
mod options;
#[cfg(feature = "portal")]
mod page;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::{Args, Subcommand};
use codat_keys::ErrorKind;
use serde_json::json;

#[cfg(feature = "portal")]
pub(super) use options::port;

use crate::failure::Failure;
use crate::json::json_text;
use crate::output::{print, print_aside};
use crate::signals::interrupted;
use options::{EmulatorOptions, script, start};
use verify::Verify;

/// The maximum time that the command waits for the emulator to stop.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);

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
    Verify(Box<Verify>),
}

impl Emulator {
    pub(super) fn prints(&self) -> bool {
        !matches!(self.command, Some(EmulatorCommand::Exec { .. }))
    }
}

pub(crate) async fn emulator(emulator: &Emulator) -> Result<ExitCode, Failure> {
    match &emulator.command {
        Some(EmulatorCommand::Exec { command }) => exec::exec(&emulator.options, command).await,
        Some(EmulatorCommand::Verify(verify)) => {
            if emulator.options != EmulatorOptions::default() {
                let what = "the options of `emulator` have no effect with verify";
                let hint = "give the options of verify after it: codat-keys emulator verify --profile NAME";
                return Err(Failure::new(ErrorKind::InvalidInput, what, hint));
            }
            verify::verify(verify).await
        }
        None => run(&emulator.options).await.map(|()| ExitCode::SUCCESS),
    }
}

async fn run(options: &EmulatorOptions) -> Result<(), Failure> {
    if options.explain {
        if options.json {
            let what = "--json has no effect with --explain";
            return Err(Failure::new(ErrorKind::InvalidInput, what, "leave one of them out"));
        }
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
    let printed = tokio::select! {
        printed = print_aside(started) => Some(printed),
        () = &mut interrupted => None,
    };
    if let Some(printed) = printed {
        printed?;
        interrupted.await;
    }
    stop(emulator);
    Ok(())
}

/// Stops the emulator, and waits at most [`STOP_TIMEOUT`]. A request that the emulator processes for a longer time is
/// abandoned: the thread of the request ends with the process.
fn stop(emulator: codat_keys_emulator::Emulator) {
    let (stopped, wait) = mpsc::channel();
    let started = thread::Builder::new().spawn(move || {
        drop(emulator);
        let _ = stopped.send(());
    });
    if started.is_ok() {
        let _ = wait.recv_timeout(STOP_TIMEOUT);
    }
}

#[cfg(feature = "portal")]
fn page(emulator: &codat_keys_emulator::Emulator) -> Option<String> {
    Some(page::url(emulator))
}

#[cfg(not(feature = "portal"))]
fn page(_: &codat_keys_emulator::Emulator) -> Option<String> {
    None
}
