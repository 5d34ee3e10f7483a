//! The asyncio client. One native thread runs the calls of all asyncio clients. The thread passes each result to the
//! event loop of the call through a [`crate::completion_queue`].

use codat_keys::Client;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::arguments::text;
use crate::calls::PageCursor;
use crate::errors::raise;
use crate::key_callback::KeyFunction;
use crate::options::{Options, shown};
use crate::responses::RateLimit;
use crate::secrets::AuthorizationHeader;

/// A handle to the native thread that runs the calls of all asyncio clients. The thread ends when the `Runtime` is
/// dropped. After a fork, the child process creates its own `Runtime`.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Runtime(pub(crate) codat_keys_bindings::Runtime);

#[pymethods]
impl Runtime {
    #[new]
    fn new() -> PyResult<Self> {
        Ok(Self(codat_keys_bindings::Runtime::start()?))
    }
}

/// The native part of `AsyncClient`.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct AsyncCore {
    pub(crate) client: Client,
    pub(crate) function: Option<KeyFunction>,
    /// Whether this client reports its key callback to Python's garbage collector. A copy that `after_fork` creates
    /// does not report the callback. The copy and the original client share one reference to the callback, and the
    /// garbage collector must count this reference once.
    is_first: bool,
}

#[pymethods]
impl AsyncCore {
    #[new]
    fn new(py: Python<'_>, options: &Options) -> PyResult<Self> {
        let client = options.builder.clone().build().map_err(|error| raise(py, error))?;
        Ok(Self { client, function: options.function.clone(), is_first: true })
    }

    /// Returns a copy of this client with new connections. The child process of a fork uses the copy.
    fn after_fork(&self, py: Python<'_>) -> PyResult<Self> {
        let client = self.client.after_fork().map_err(|error| raise(py, error))?;
        Ok(Self { client, function: self.function.clone(), is_first: false })
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

    fn authorization_for(&self, py: Python<'_>, url: &Bound<'_, PyAny>) -> PyResult<AuthorizationHeader> {
        self.client.authorization_for(&text("url", url)?).map(AuthorizationHeader).map_err(|error| raise(py, error))
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

    fn close(&self) {
        self.client.close();
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.function.as_ref().filter(|_| self.is_first).map_or(Ok(()), |function| function.traverse(&visit))
    }

    fn __repr__(&self) -> String {
        shown(&self.client.redact(self.client.base_url()), self.client.authorization_for(self.client.base_url()))
    }
}
