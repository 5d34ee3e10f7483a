//! `emulator`: a local stand-in for Codat's API.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use codat_keys::{NotText, decode};
use codat_keys_emulator::Emulator;
use serde_json::json;

use crate::failure::Failure;
use crate::output::print;
use crate::portal;
use crate::runtime::Signals;

#[derive(Args)]
pub(crate) struct EmulatorOptions {
    /// The port on 127.0.0.1 [default: a free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Make the same keys and ids each time
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Keep the keys in this file, across restarts
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Answer 429 once the day's requests are used up
    #[arg(long)]
    enforce_limits: bool,
    /// Let the last key be deleted, as Codat's OpenAPI text says, against its guide
    #[arg(long)]
    last_key_can_be_deleted: bool,
    /// Let go wrong what this file says: {"faults":[...]}, see docs/emulator.md
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Print the start line as JSON: {"baseUrl","apiKey","page"}
    #[arg(long)]
    pub(crate) json: bool,
    /// Print what the emulator does, and how sure we are that Codat does so, and end
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Subcommand)]
pub(crate) enum EmulatorCommand {
    /// Run a command with CODAT_BASE_URL and CODAT_API_KEY set, and end with its exit status
    #[command(after_help = "Example: codat-keys emulator exec -- sh -c 'codat-keys create ci && codat-keys list'")]
    Exec {
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
}

pub(crate) async fn run(options: &EmulatorOptions) -> Result<(), Failure> {
    if options.explain {
        return print(&codat_keys_emulator::explain());
    }
    let emulator = start(options)?;
    let mut signals = Signals::watch()?;
    let (url, key, page) = (emulator.base_url(), emulator.api_key(), portal::page_of(&emulator));
    if options.json {
        print(&format!("{}\n", json!({ "baseUrl": url, "apiKey": key, "page": page })))?;
    } else {
        print(&format!(
            "Codat emulator at {url}, until Ctrl-C\n  export CODAT_BASE_URL={url}\n  export CODAT_API_KEY={key}\n  \
             page of its keys: {page}\n"
        ))?;
    }
    signals.next().await;
    Ok(())
}

pub(crate) fn start(options: &EmulatorOptions) -> Result<Emulator, Failure> {
    let mut builder = Emulator::builder().port(options.port);
    // Where a switch is not given, a state file decides.
    if options.enforce_limits {
        builder = builder.enforce_limits(true);
    }
    if options.last_key_can_be_deleted {
        builder = builder.last_key_can_be_deleted(true);
    }
    if let Some(file) = &options.faults {
        let bytes = std::fs::read(file).map_err(|error| {
            Failure::local(format!("{} cannot be read: {error}", file.display()), "name a file with a script of faults")
        })?;
        let script =
            decode(&bytes).map_err(|what| Failure::local(format!("{} {what}", file.display()), NotText::HINT))?;
        builder = builder.faults(script.as_str());
    }
    if let Some(seed) = options.seed {
        builder = builder.seed(seed);
    }
    if let Some(file) = &options.state {
        builder = builder.state_file(file);
    }
    let emulator = builder.start().map_err(|error| {
        Failure::local(format!("the emulator cannot start: {error}"), "choose another --port or --state")
    })?;
    portal::mount(&emulator);
    Ok(emulator)
}
