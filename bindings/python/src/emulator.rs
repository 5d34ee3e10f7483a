//! Starts and stops the emulator in this process. Python code controls the emulator over HTTP.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::arguments::argument;

/// The native part of `codat_keys.testing.Emulator`.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Emulator {
    running: Mutex<Option<codat_keys_emulator::Emulator>>,
    /// The id of the process that started the emulator. After a fork, the child process does not stop the emulator,
    /// because the threads of the emulator do not exist there.
    process: u32,
    base_url: String,
    api_key: String,
}

#[pymethods]
impl Emulator {
    #[new]
    fn new(port: &Bound<'_, PyAny>, seed: &Bound<'_, PyAny>) -> PyResult<Self> {
        let builder = codat_keys_emulator::Emulator::builder().port(argument("port", port)?);
        let builder = if let Some(seed) = argument("seed", seed)? { builder.seed(seed) } else { builder };
        let emulator = builder.start().map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        let (base_url, api_key) = (emulator.base_url().to_owned(), emulator.api_key().to_owned());
        Ok(Self { running: Mutex::new(Some(emulator)), process: std::process::id(), base_url, api_key })
    }

    #[getter]
    fn base_url(&self) -> &str {
        &self.base_url
    }

    #[getter]
    fn api_key(&self) -> &str {
        &self.api_key
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.let_go());
    }
}

impl Emulator {
    fn let_go(&self) {
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
        self.let_go();
    }
}
