//! The command `emulator`: runs a local emulator of Codat's API.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind as Io};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use codat_keys::{ErrorKind, NotText, decode};
use codat_keys_emulator::Emulator;
use serde_json::json;

use crate::failure::Failure;
use crate::json::json_text;
use crate::output::{print, print_aside};
use crate::portal;
use crate::signals::interrupted;
use crate::stderr::eprint_line;

#[derive(Args)]
pub(crate) struct EmulatorOptions {
    /// The port [default: a free one]
    #[arg(long, default_value_t = 0, hide_default_value = true, value_parser = port)]
    port: u16,
    /// The address to listen on, 0.0.0.0 for every network [default: 127.0.0.1, this machine only]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    host: Option<IpAddr>,
    /// Also accept this host name, such as `codat` for http://codat:4010; may be repeated
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Make the same keys and ids each time
    #[arg(long, value_name = "NUMBER", value_parser = seed)]
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
    /// Inject the faults in this file: {"faults":[...]}, see docs/emulator.md
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Print the start line as JSON: {"baseUrl","apiKey","page"}
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the behaviours of the emulator and the evidence that Codat does the same, then exit
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
        return print(&codat_keys_emulator::behaviours_as_text());
    }
    let interrupted = interrupted();
    let emulator = start(options)?;
    let (url, key, page) = (emulator.base_url(), emulator.api_key(), portal::page_of(&emulator));
    let started = if options.json {
        json_text(&json!({ "baseUrl": url, "apiKey": key, "page": page }), false) + "\n"
    } else {
        format!(
            "Codat emulator at {url}, until Ctrl-C\n  export CODAT_BASE_URL={url}\n  export CODAT_API_KEY={key}\n  \
             page of its keys: {page}\n"
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

pub(crate) fn start(options: &EmulatorOptions) -> Result<Emulator, Failure> {
    let mut builder = Emulator::builder().port(options.port);
    // Without these switches, the state file decides.
    if options.enforce_limits {
        builder = builder.enforce_limits(true);
    }
    if options.last_key_can_be_deleted {
        builder = builder.last_key_can_be_deleted(true);
    }
    if let Some(address) = options.host {
        builder = builder.host(address);
    }
    for name in &options.allow_host {
        builder = builder.allow_host(name);
    }
    if let Some(seed) = options.seed {
        builder = builder.seed(seed);
    }
    if let Some(file) = &options.state {
        builder = builder.state_file(file);
    }
    let script = options.faults.as_deref().map(script).transpose()?;
    let emulator = builder.start().map_err(|error| cannot_start(options, &error))?;
    if let (Some(script), Some(file)) = (script, &options.faults) {
        emulator.set_faults(&script).map_err(|reason| faults_failure(file, reason))?;
    }
    if let Some(address) = options.host.filter(|address| !address.is_loopback()) {
        eprint_line(&format!(
            "warning: whoever reaches {address} can use this emulator, its controls and its page; its keys are made up: \
             never give it a real one"
        ));
    }
    portal::mount(&emulator);
    Ok(emulator)
}

pub(crate) fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "not a number from 0 to 65535".into())
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "not a whole number from 0 on".into())
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "not an IP address like 127.0.0.1 or 0.0.0.0".into())
}

fn script(file: &Path) -> Result<String, Failure> {
    let bytes = fs::read(file).map_err(|error| {
        Failure::local(format!("{} cannot be read: {error}", file.display()), "name a file with a script in --faults")
    })?;
    let text = decode(&bytes).map_err(|what| Failure::local(format!("{} {what}", file.display()), NotText::HINT))?;
    Ok(text.to_string())
}

fn faults_failure(file: &Path, reason: String) -> Failure {
    let what = format!("the faults in {} (--faults) cannot be used: {reason}", file.display());
    Failure::new(ErrorKind::InvalidInput, what, "correct the file: docs/emulator.md shows a script of faults")
}

fn cannot_start(options: &EmulatorOptions, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        Io::InvalidInput if !options.allow_host.is_empty() => "give --allow-host a host name only, like codat",
        Io::AddrInUse => "choose another --port, or leave it out for a free one",
        Io::AddrNotAvailable => "give --host an address of this machine: 127.0.0.1, or 0.0.0.0 for every network",
        Io::PermissionDenied if options.state.is_none() => "choose a --port above 1023",
        _ => "choose another --state, or leave it out",
    };
    Failure::local(format!("the emulator cannot start: {error}"), hint)
}
