//! The client that blocks: the GIL is free while it waits, and Ctrl-C is heard.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codat_keys::{ErrorKind, blocking};
use pyo3::prelude::*;

use crate::calls::{Call, Walk};
use crate::details::RateLimit;
use crate::errors::raise;
use crate::options::Options;
use crate::secrets::AuthorizationHeader;

/// How often a call looks whether a signal came.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct BlockingCore(blocking::Client);

#[pymethods]
impl BlockingCore {
    #[new]
    fn new(py: Python<'_>, options: &Options) -> PyResult<Self> {
        options.0.clone().build_blocking().map(Self).map_err(|error| raise(py, error))
    }

    fn perform<'py>(&self, py: Python<'py>, call: &Call) -> PyResult<Bound<'py, PyAny>> {
        let begin = call.take()?;
        let signal = Arc::new(Mutex::new(None));
        let heard = Arc::clone(&signal);
        let result = py.detach(|| {
            let stop = Box::pin(a_signal(heard));
            self.0.run(async |client| begin(client.clone(), stop).await.transpose())
        });
        let signal: Option<PyErr> = signal.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (signal, result) {
            (None, Ok(outcome)) => outcome.map_or(Ok(py.None().into_bound(py)), |outcome| outcome.into_python(py)),
            (None, Err(error)) => Err(raise(py, error)),
            (Some(signal), result) => {
                // What is in doubt is not lost with the interrupt.
                if let Err(error) = result
                    && error.kind() == ErrorKind::OutcomeUnknown
                {
                    signal.set_cause(py, Some(raise(py, error)));
                }
                Err(signal)
            }
        }
    }

    fn pages(&self, path: &str, page_size: Option<u32>, parameters: Vec<(String, String)>) -> Walk {
        Walk::new(self.0.pages(path), page_size, parameters)
    }

    fn rate_limit(&self) -> Option<RateLimit> {
        self.0.rate_limit().map(RateLimit)
    }

    fn authorization_for(&self, py: Python<'_>, url: &str) -> PyResult<AuthorizationHeader> {
        self.0.authorization_for(url).map(AuthorizationHeader).map_err(|error| raise(py, error))
    }

    fn base_url(&self) -> &str {
        self.0.base_url()
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Done when Python has a signal for this thread, whose exception it leaves behind.
async fn a_signal(heard: Arc<Mutex<Option<PyErr>>>) {
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        if let Err(signal) = Python::attach(|py| py.check_signals()) {
            *heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(signal);
            return;
        }
    }
}
