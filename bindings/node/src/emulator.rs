//! Starts and stops the emulator in this process. JavaScript code controls the emulator over HTTP.

use napi_derive::napi;

use crate::errors::wrong;

/// The native part of the JavaScript class `Emulator` of `codat-keys/testing`.
#[napi]
pub struct Emulator {
    running: Option<codat_keys_emulator::Emulator>,
    base_url: String,
    api_key: String,
}

#[napi]
impl Emulator {
    #[napi(constructor)]
    pub fn new(port: i64, seed: Option<i64>) -> napi::Result<Self> {
        let port = port.try_into().map_err(|_| wrong("argument 'port' must be from 0 to 65535"))?;
        let builder = codat_keys_emulator::Emulator::builder().port(port);
        let builder = if let Some(seed) = seed { builder.seed(seed.cast_unsigned()) } else { builder };
        let emulator = builder.start().map_err(|error| napi::Error::from_reason(error.to_string()))?;
        let (base_url, api_key) = (emulator.base_url().to_owned(), emulator.api_key().to_owned());
        Ok(Self { running: Some(emulator), base_url, api_key })
    }

    #[napi]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    #[napi]
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    #[napi]
    pub fn stop(&mut self) {
        drop(self.running.take());
    }
}
