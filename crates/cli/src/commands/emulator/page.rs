//! The web page with the API keys of an emulator.

use std::net::SocketAddr;

use codat_keys::{ApiKey, Client};
use codat_keys_emulator::Emulator;
use codat_keys_portal::PATH;

/// Serves the web page with the API keys of the emulator. The page and the emulated API have the same port.
pub(super) fn mount(emulator: &Emulator) {
    let Some(address) = address_of(emulator) else { return };
    let (key, base_url) = (emulator.key_provider(), emulator.base_url().to_owned());
    let client = move || {
        let key = ApiKey::verbatim(&key().unwrap_or_default())?;
        Client::builder().base_url(&base_url).api_key(key).build()
    };
    emulator.mount(PATH, codat_keys_portal::Portal::new(address, client).with_sign_in());
}

/// Returns the URL of the web page with the API keys of the emulator.
pub(super) fn url(emulator: &Emulator) -> String {
    format!("{}{PATH}", emulator.base_url())
}

fn address_of(emulator: &Emulator) -> Option<SocketAddr> {
    emulator.base_url().strip_prefix("http://")?.parse().ok()
}
