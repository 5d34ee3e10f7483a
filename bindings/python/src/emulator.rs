//! Starts and stops the emulator in this process. Python code controls the emulator over HTTP.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::arguments::argument;

/// The native part of `codat_keys.testing.Emulator`.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Emulator(codat_keys_bindings::Emulator);

#[pymethods]
impl Emulator {
    #[new]
    fn new(port: &Bound<'_, PyAny>, seed: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (port, seed) = (argument("port", port)?, argument("seed", seed)?);
        codat_keys_bindings::Emulator::start(port, seed).map(Self).map_err(PyRuntimeError::new_err)
    }

    #[getter]
    fn base_url(&self) -> &str {
        self.0.base_url()
    }

    #[getter]
    fn api_key(&self) -> &str {
        self.0.api_key()
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.0.stop());
    }
}
