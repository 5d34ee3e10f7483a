//! The client for asyncio. One thread a process runs every call; what ends goes to its event loop: see [`crate::completions`].

use std::pin::Pin;
use std::thread;

use codat_keys::Client;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::answers::RateLimit;
use crate::arguments::text;
use crate::asking::KeyFunction;
use crate::calls::Walk;
use crate::errors::raise;
use crate::options::{Options, shown};
use crate::secrets::AuthorizationHeader;

/// The thread that drives every connection. After a fork the child makes another one. Dropped, it ends.
///
/// It takes its calls from a channel, which wakes it once for all that come while it does other things; `Handle::spawn`
/// would once for each.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Runtime(UnboundedSender<Pin<Box<dyn Future<Output = ()> + Send>>>);

#[pymethods]
impl Runtime {
    #[new]
    fn new() -> PyResult<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (calls, mut coming) = mpsc::unbounded_channel();
        let run = async move {
            while let Some(call) = coming.recv().await {
                tokio::spawn(call);
            }
        };
        thread::Builder::new().name("codat-keys".into()).spawn(move || runtime.block_on(run))?;
        Ok(Self(calls))
    }
}

impl Runtime {
    pub(crate) fn begin(&self, call: impl Future<Output = ()> + Send + 'static) -> PyResult<()> {
        let ended = |_| PyRuntimeError::new_err("the thread of the calls has ended");
        self.0.send(Box::pin(call)).map_err(ended)
    }
}

#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct AsyncCore {
    pub(crate) client: Client,
    pub(crate) function: Option<KeyFunction>,
    /// The function stands in two of them after a fork, and is to be found once.
    is_first: bool,
}

#[pymethods]
impl AsyncCore {
    #[new]
    fn new(py: Python<'_>, options: &Options) -> PyResult<Self> {
        let client = options.builder.clone().build().map_err(|error| raise(py, error))?;
        Ok(Self { client, function: options.function.clone(), is_first: true })
    }

    /// The same with connections of its own, for the child of a fork.
    fn anew(&self, py: Python<'_>) -> PyResult<Self> {
        let client = self.client.anew().map_err(|error| raise(py, error))?;
        Ok(Self { client, function: self.function.clone(), is_first: false })
    }

    fn pages(
        &self,
        path: &Bound<'_, PyAny>,
        page_size: &Bound<'_, PyAny>,
        query: &Bound<'_, PyAny>,
        order_by: &Bound<'_, PyAny>,
    ) -> PyResult<Walk> {
        Walk::new(self.client.pages(&text("path", path)?), page_size, query, order_by)
    }

    fn rate_limit(&self) -> Option<RateLimit> {
        self.client.rate_limit().map(RateLimit)
    }

    fn authorization_for(&self, py: Python<'_>, url: &Bound<'_, PyAny>) -> PyResult<AuthorizationHeader> {
        self.client.authorization_for(&text("url", url)?).map(AuthorizationHeader).map_err(|error| raise(py, error))
    }

    /// ``None`` if the key must first be read from its source: see ``authorize``.
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
        shown(self.client.shown_base_url(), self.client.authorization_for(self.client.base_url()))
    }
}
