//! The web page on which an emulator shows its API keys.

use std::net::SocketAddr;

use codat_keys::{ApiKey, Client};
use codat_keys_emulator::Emulator;
use codat_keys_portal::PATH;

/// Serves the API keys page on the port of the emulator's API.
pub(super) fn mount(emulator: &Emulator) {
    let Some(address) = address_of(emulator) else { return };
    let (key, base_url) = (emulator.key_provider(), emulator.base_url().to_owned());
    let client = move || {
        let key = ApiKey::verbatim(&key().unwrap_or_default())?;
        Client::builder().base_url(&base_url).api_key(key).build()
    };
    emulator.mount(PATH, codat_keys_portal::Portal::new(address, client).with_sign_in());
}

/// Returns the URL of the API keys page of an emulator.
pub(super) fn url(emulator: &Emulator) -> String {
    format!("{}{PATH}", emulator.base_url())
}

fn address_of(emulator: &Emulator) -> Option<SocketAddr> {
    emulator.base_url().strip_prefix("http://")?.parse().ok()
}
