//! Starts and stops an emulator of Codat's API in this process. The Python and Node packages control the emulator over
//! HTTP.

use std::sync::{Mutex, PoisonError};

/// A running emulator. It is stopped when it is dropped.
pub struct Emulator {
    running: Mutex<Option<codat_keys_emulator::Emulator>>,
    /// The id of the process that started the emulator. After a fork, the child process does not stop the emulator,
    /// because the child process does not have the threads of the emulator.
    process: u32,
    base_url: String,
    api_key: String,
}

impl Emulator {
    /// Starts an emulator on a TCP port. Emulators with the same seed have the same API keys.
    ///
    /// # Errors
    /// The message of the error if the emulator cannot start.
    pub fn start(port: u16, seed: Option<u64>) -> Result<Self, String> {
        let builder = codat_keys_emulator::Emulator::builder().port(port);
        let builder = if let Some(seed) = seed { builder.seed(seed) } else { builder };
        let emulator = builder.start().map_err(|error| error.to_string())?;
        let (base_url, api_key) = (emulator.base_url().to_owned(), emulator.api_key().to_owned());
        Ok(Self { running: Mutex::new(Some(emulator)), process: std::process::id(), base_url, api_key })
    }

    /// Returns the base URL for clients.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the made-up API key that exists when the emulator starts.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Stops the emulator, and closes its port and its connections.
    pub fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if std::process::id() == self.process {
            drop(running);
        } else {
            std::mem::forget(running);
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop();
    }
}
