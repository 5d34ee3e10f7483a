//! `emulator`: a local stand-in for Codat's API.

use codat_keys_emulator::Emulator;
use serde_json::json;

use crate::args;
use crate::failure::Failure;
use crate::output::print;
use crate::runtime::{self, Signals};

pub(crate) fn run(options: &args::EmulatorOptions) -> Result<(), Failure> {
    if options.explain {
        return print(&codat_keys_emulator::explain());
    }
    let runtime = runtime::new()?;
    let mut signals = runtime.block_on(async { Signals::watch() })?;
    let emulator = start(options)?;
    let (url, key) = (emulator.base_url(), emulator.api_key());
    if options.json {
        print(&format!("{}\n", json!({ "baseUrl": url, "apiKey": key })))?;
    } else {
        print(&format!(
            "Codat emulator at {url}, until Ctrl-C\n  export CODAT_BASE_URL={url}\n  export CODAT_API_KEY={key}\n"
        ))?;
    }
    runtime.block_on(signals.next());
    Ok(())
}

pub(crate) fn start(options: &args::EmulatorOptions) -> Result<Emulator, Failure> {
    let mut builder = Emulator::builder()
        .port(options.port)
        .enforce_limits(options.enforce_limits)
        .last_key_can_be_deleted(options.last_key_can_be_deleted);
    if let Some(seed) = options.seed {
        builder = builder.seed(seed);
    }
    if let Some(file) = &options.state {
        builder = builder.state_file(file);
    }
    builder.start().map_err(|error| {
        Failure::local(format!("the emulator cannot start: {error}"), "choose another --port or --state")
    })
}
