//! Starts and stops an emulator of Codat's API in this process. JavaScript code controls the emulator over HTTP.

use napi_derive::napi;

use crate::errors::wrong;

/// The native part of the JavaScript class `Emulator` of `codat-keys/testing`.
#[napi]
pub struct Emulator(codat_keys_bindings::Emulator);

#[napi]
impl Emulator {
    #[napi(constructor)]
    pub fn new(port: i64, seed: Option<i64>) -> napi::Result<Self> {
        let port = port.try_into().map_err(|_| wrong("argument 'port' must be from 0 to 65535"))?;
        let emulator = codat_keys_bindings::Emulator::start(port, seed.map(i64::cast_unsigned));
        emulator.map(Self).map_err(napi::Error::from_reason)
    }

    #[napi]
    pub fn base_url(&self) -> &str {
        self.0.base_url()
    }

    #[napi]
    pub fn api_key(&self) -> &str {
        self.0.api_key()
    }

    #[napi]
    pub fn stop(&self) {
        self.0.stop();
    }
}
