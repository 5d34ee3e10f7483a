//! `emulator`: a local stand-in for Codat's API.

use codat_keys_emulator::Emulator;
use serde_json::json;

use crate::args;
use crate::failure::Failure;
use crate::output::print;
use crate::portal;
use crate::runtime::Signals;

pub(crate) async fn run(options: &args::EmulatorOptions) -> Result<(), Failure> {
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

pub(crate) fn start(options: &args::EmulatorOptions) -> Result<Emulator, Failure> {
    let mut builder = Emulator::builder().port(options.port);
    // Where a switch is not given, a state file decides.
    if options.enforce_limits {
        builder = builder.enforce_limits(true);
    }
    if options.last_key_can_be_deleted {
        builder = builder.last_key_can_be_deleted(true);
    }
    if let Some(file) = &options.faults {
        let script = std::fs::read_to_string(file).map_err(|error| {
            Failure::local(format!("{} cannot be read: {error}", file.display()), "name a file with a script of faults")
        })?;
        builder = builder.faults(script);
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
