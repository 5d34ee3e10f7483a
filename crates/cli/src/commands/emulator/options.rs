//! The options of an emulator, and the start of the emulator.

use std::fs::File;
use std::io::{self, ErrorKind as Io, Read as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use codat_keys::ErrorKind;
use codat_keys::internal::{NotText, decode};
use codat_keys_emulator::Emulator;

#[cfg(feature = "portal")]
use super::page;
use crate::failure::Failure;
use crate::stderr::eprint_line;

#[derive(Args, Default, PartialEq)]
pub(crate) struct EmulatorOptions {
    /// The port [default: a free one]
    #[arg(long, default_value_t = 0, hide_default_value = true, value_parser = port)]
    port: u16,
    /// The address to listen on, such as 0.0.0.0 for all interfaces [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    host: Option<IpAddr>,
    /// Accept this host name in requests, such as `codat` for http://codat:4010; may be repeated
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Generate the same keys and ids at each start
    #[arg(long, value_name = "NUMBER", value_parser = seed)]
    seed: Option<u64>,
    /// Persist the keys in this file
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Enforce the daily rate limit: respond with 429 above it
    #[arg(long)]
    enforce_limits: bool,
    /// Allow deleting the last key, as in Codat's OpenAPI description; Codat's guide says otherwise
    #[arg(long)]
    last_key_can_be_deleted: bool,
    /// The number of companies [default: 5]
    #[arg(long, value_name = "NUMBER", value_parser = total)]
    companies: Option<u32>,
    /// The number of invoices of each company, about 2 KB each [default: 1000]
    #[arg(long, value_name = "NUMBER", value_parser = total)]
    invoices: Option<u32>,
    /// Inject the faults that this file contains: {"faults":[...]}, see docs/emulator.md
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Print the URLs and the API key of the emulator as JSON: {"baseUrl","apiKey","page"}
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the behaviours of the emulator, and the evidence that Codat behaves in the same way
    #[arg(long)]
    pub(crate) explain: bool,
}

/// The maximum size of a `--faults` file in bytes.
const MAX_SCRIPT_BYTES: u64 = 1024 * 1024;

/// Starts an emulator. With the feature `portal`, the emulator also serves a web page for managing its API keys.
/// `script` is the content of the `--faults` file.
pub(super) fn start(options: &EmulatorOptions, script: Option<&str>) -> Result<Emulator, Failure> {
    let mut builder = Emulator::builder().port(options.port);
    // Sets only the switches that are given, because the state file may contain others.
    if options.enforce_limits {
        builder = builder.enforce_limits(true);
    }
    if options.last_key_can_be_deleted {
        builder = builder.last_key_can_be_deleted(true);
    }
    if let Some(companies) = options.companies {
        builder = builder.companies(companies);
    }
    if let Some(invoices) = options.invoices {
        builder = builder.invoices(invoices);
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
    let emulator = builder.start().map_err(|error| cannot_start(options, &error))?;
    if let (Some(script), Some(file)) = (script, &options.faults) {
        emulator.set_faults(script).map_err(|reason| faults_failure(file, reason))?;
    }
    if let Some(address) = options.host.filter(|address| !address.is_loopback()) {
        eprint_line(&format!(
            "warning: every program that reaches {address} can use this emulator, its controls and its page; \
             its keys are made up: never give it a real one"
        ));
    }
    #[cfg(feature = "portal")]
    page::mount(&emulator);
    Ok(emulator)
}

/// Parses a port.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "not a number from 0 to 65535".into())
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "not a whole number from 0 on".into())
}

fn total(text: &str) -> Result<u32, String> {
    let total = text.parse().ok().filter(|total| *total <= 1_000_000);
    total.ok_or_else(|| "not a whole number from 0 to 1000000".into())
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "not an IP address like 127.0.0.1 or 0.0.0.0".into())
}

/// Reads the `--faults` file. If the file is a named pipe, the read can block. Call this function before
/// [`interrupted`](crate::signals::interrupted), because Ctrl-C no longer ends the process after a call to
/// `interrupted`.
pub(super) fn script(options: &EmulatorOptions) -> Result<Option<String>, Failure> {
    let Some(file) = &options.faults else { return Ok(None) };
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|file| file.take(MAX_SCRIPT_BYTES + 1).read_to_end(&mut bytes));
    let hint = "name a file with a script in --faults";
    read.map_err(|error| Failure::local(format!("{} cannot be read: {error}", file.display()), hint))?;
    if bytes.len() as u64 > MAX_SCRIPT_BYTES {
        return Err(Failure::local(format!("{} is larger than 1 MiB", file.display()), hint));
    }
    let text = decode(&bytes).map_err(|what| Failure::local(format!("{} {what}", file.display()), NotText::HINT))?;
    Ok(Some(text.to_string()))
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
