//! The blocking client. While a call waits, it does not hold the GIL, and runs the signal handlers of Python at regular
//! intervals.

use std::sync::Arc;

use codat_keys::{Client, blocking, internal};
use codat_keys_bindings::{Completion, Outcome, with_functions, with_key_callback, with_listener};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arguments::{text, wrong};
use crate::blocking_body::BlockingBody;
use crate::calls::{Call, PageCursor, result};
use crate::errors::{explain, raise};
use crate::interpreter::ensure_running;
use crate::key_callback::KeyFunction;
use crate::options::{Options, shown};
use crate::responses::RateLimit;
use crate::secrets::AuthorizationHeader;
use crate::watch::Watch;

/// The native part of `Client`.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct BlockingCore {
    client: blocking::Client,
    function: Option<KeyFunction>,
}

#[pymethods]
impl BlockingCore {
    #[new]
    fn new(py: Python<'_>, options: &Options) -> PyResult<Self> {
        let function = options.function.clone();
        if function.as_ref().map_or(Ok(false), |function| function.is_async(py))? {
            return Err(wrong("api_key", "an async function needs an event loop: give it to AsyncClient"));
        }
        let client = options.builder.clone().build_blocking().map_err(|error| raise(py, error))?;
        Ok(Self { client, function })
    }

    /// Performs a call. If a signal handler raises an exception during the call, this method raises the same exception.
    /// If the call has a result, this method also appends the result to the list `unclaimed`, because a signal handler
    /// can raise an exception before the caller has stored the returned value. A rotation passes its messages to the
    /// Python function `handle`.
    #[pyo3(signature = (call, unclaimed=None, handle=None))]
    fn perform<'py>(
        &self,
        py: Python<'py>,
        call: &Call,
        unclaimed: Option<&Bound<'py, PyList>>,
        handle: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        ensure_running(py)?;
        let (call, change, watch) = (call.0.clone(), call.0.change(), Arc::<Watch>::default());
        let (ask, listener) = (watch.ask(py, self.function.as_ref())?, watch.listener(py)?);
        let (stop, requests) = (watch.stop(), watch.rotation_requests(handle));
        let completion = py.detach(|| {
            let work = async |client: &Client| {
                with_functions(requests, with_listener(call.perform(client.clone(), stop), listener)).await
            };
            self.client.run(async |client| Ok(with_key_callback(ask, work(client)).await))
        });
        let result = completion.map_err(|error| raise(py, error)).and_then(|completion| result(py, completion));
        let interruption = watch.interruption(py);
        if let (Some(unclaimed), Ok(result)) = (unclaimed, &result)
            && !result.is_none()
        {
            unclaimed.append(result)?;
        }
        let Some(signal) = interruption else { return result };
        explain(py, &signal, result, change)?;
        Err(signal)
    }

    /// Sends the request of a call, and waits for the headers of the response.
    fn stream(&self, py: Python<'_>, call: &Call) -> PyResult<BlockingBody> {
        ensure_running(py)?;
        let (call, change, watch) = (call.0.clone(), call.0.change(), Arc::<Watch>::default());
        let (ask, listener) = (watch.ask(py, self.function.as_ref())?, watch.listener(py)?);
        let stop = watch.stop();
        let mut failed = None;
        let response = py.detach(|| {
            let work = async |client: &Client| with_listener(call.perform(client.clone(), stop), listener).await;
            self.client.run_streaming(async |client| match with_key_callback(ask, work(client)).await {
                Completion::Returned(Outcome::Stream(response)) => Ok(*response),
                completion => {
                    failed = Some(completion);
                    Err(internal::defect())
                }
            })
        });
        let opened = match (response, failed) {
            (Ok(response), _) => Ok(BlockingBody::new(response)),
            (Err(_), Some(completion)) => result(py, completion).and_then(|_| Err(raise(py, internal::defect()))),
            (Err(error), None) => Err(raise(py, error)),
        };
        let Some(signal) = watch.interruption(py) else { return opened };
        // Drops the response, which closes its connection.
        explain(py, &signal, opened.map(|_| py.None().into_bound(py)), change)?;
        Err(signal)
    }

    fn pages(
        &self,
        path: &Bound<'_, PyAny>,
        page_size: &Bound<'_, PyAny>,
        query: &Bound<'_, PyAny>,
        order_by: &Bound<'_, PyAny>,
        concurrency: &Bound<'_, PyAny>,
        max_response_bytes: &Bound<'_, PyAny>,
    ) -> PyResult<PageCursor> {
        let pages = self.client.pages(&text("path", path)?);
        PageCursor::new(pages, page_size, query, order_by, concurrency, max_response_bytes)
    }

    fn rate_limit(&self) -> Option<RateLimit> {
        self.client.rate_limit().map(RateLimit)
    }

    /// Returns the cached `Authorization` header for an HTTP request to `url`, without waiting. Returns `None` if a
    /// command or a key callback must run first.
    fn cached_authorization(&self, py: Python<'_>, url: &Bound<'_, PyAny>) -> PyResult<Option<AuthorizationHeader>> {
        let header = self.client.cached_authorization(&text("url", url)?).map_err(|error| raise(py, error))?;
        Ok(header.map(AuthorizationHeader))
    }

    fn check_next_hop(&self, py: Python<'_>, url: &Bound<'_, PyAny>) -> PyResult<()> {
        self.client.check_next_hop(&text("url", url)?).map_err(|error| raise(py, error))
    }

    fn base_url(&self) -> &str {
        self.client.base_url()
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.client.close());
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.function.as_ref().map_or(Ok(()), |function| function.traverse(&visit))
    }

    fn __repr__(&self) -> String {
        shown(
            &self.client.redact(self.client.base_url()),
            self.client.run(async |client| client.authorization_for(client.base_url())),
        )
    }
}
