//! Python classes for HTTP responses. Their objects are immutable. `repr` shows neither the headers nor the body.

use std::sync::Arc;

use codat_keys::{HeaderMap, StatusCode, internal};
use codat_keys_bindings::headers;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict as _, PyBytes, PyDict};
use serde::de::IgnoredAny;

use crate::errors::raise;
use crate::json;
use crate::key_types::datetime;

/// The daily quota of HTTP requests, from the headers of a response. A value is ``None`` if its header is missing or
/// invalid. Codat's page on rate limits defines the quota.
///
/// >>> with Client() as client:
/// ...     keys = client.keys.list()
/// ...     quota = client.rate_limit
/// >>> quota.limit, quota.remaining, quota.reset.hour
/// (6000, 5999, 0)
#[pyclass(frozen, eq, hash, module = "codat_keys")]
#[derive(PartialEq, Hash)]
pub(crate) struct RateLimit(pub(crate) codat_keys::RateLimit);

#[pymethods]
impl RateLimit {
    /// The number of HTTP requests allowed per day: 1,000, plus 1,000 for each active company that is connected to
    /// Codat.
    #[getter]
    fn limit(&self) -> Option<u64> {
        self.0.limit
    }

    /// The number of HTTP requests that are still allowed today.
    #[getter]
    fn remaining(&self) -> Option<u64> {
        self.0.remaining
    }

    /// The time at which the daily quota is reset: the next 00:00 UTC.
    #[getter]
    fn reset<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.reset.map_or(Ok(None), |date| datetime(py, date))
    }

    fn __repr__(&self) -> String {
        let show = |number: Option<u64>| number.map_or("None".into(), |number| number.to_string());
        let reset = self.0.reset.map_or("None".into(), |date| date.to_string());
        format!("RateLimit(limit={}, remaining={}, reset={reset})", show(self.0.limit), show(self.0.remaining))
    }
}

/// An HTTP response with a 2xx status. Its ``repr`` shows neither the headers nor the body.
///
/// >>> with Client() as client:
/// ...     response = client.request("GET", "/profile")
/// >>> response.status, response.headers["content-type"], response.json()["name"]
/// (200, 'application/json', 'Emulated client')
#[pyclass(frozen, module = "codat_keys")]
#[derive(Clone)]
pub(crate) struct Response(pub(crate) Arc<codat_keys::Response>);

#[pymethods]
impl Response {
    /// The HTTP status.
    #[getter]
    fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// The HTTP headers of the response, with names in lower case. The values of headers with the same name are
    /// joined by commas.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        headers(self.0.headers()).into_py_dict(py)
    }

    /// The body.
    #[getter]
    fn content<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.bytes())
    }

    /// Returns the body for a log. API keys that the client has used or listed are masked. The value of every JSON
    /// member ``apiKey`` is masked too.
    fn redacted<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.redacted())
    }

    /// Parses the body as JSON.
    ///
    /// Raises ``BadResponseError`` if the body is not valid JSON. This error does not quote the body. Raises
    /// ``ValueError`` for an integer with more digits than ``sys.get_int_max_str_digits`` allows.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let text = self.0.text().map_err(|error| raise(py, error))?;
        let value = json::parse(py, text);
        // Replaces the error of Python's parser, because the error contains the whole body.
        value.map_err(|error| self.0.json::<IgnoredAny>().map_or_else(|error| raise(py, error), |_| error))
    }

    /// The correlation id of this response, for Codat's support. Successful responses rarely have one.
    #[getter]
    fn correlation_id(&self) -> Option<String> {
        self.0.correlation_id()
    }

    /// The daily quota of HTTP requests, from the headers of this response. ``None`` if the response has no such
    /// headers.
    #[getter]
    fn rate_limit(&self) -> Option<RateLimit> {
        self.0.rate_limit().map(RateLimit)
    }

    fn __repr__(&self) -> String {
        format!("Response(status={}, {} bytes)", self.0.status().as_u16(), self.0.bytes().len())
    }
}

/// The status and the headers of a response whose body is read in chunks.
#[pyclass(frozen, module = "codat_keys._native")]
#[derive(Clone)]
pub(crate) struct ResponseHead {
    status: StatusCode,
    headers: HeaderMap,
    content_length: Option<u64>,
    rate_limit: Option<codat_keys::RateLimit>,
}

impl ResponseHead {
    pub(crate) fn new(
        status: StatusCode,
        headers: &HeaderMap,
        content_length: Option<u64>,
        rate_limit: Option<codat_keys::RateLimit>,
    ) -> Self {
        Self { status, headers: headers.clone(), content_length, rate_limit }
    }
}

#[pymethods]
impl ResponseHead {
    #[getter]
    fn status(&self) -> u16 {
        self.status.as_u16()
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        headers(&self.headers).into_py_dict(py)
    }

    #[getter]
    fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    #[getter]
    fn rate_limit(&self) -> Option<RateLimit> {
        self.rate_limit.map(RateLimit)
    }
}

/// One page of a paginated list, such as the list of companies.
///
/// >>> with Client() as client:
/// ...     first = next(client.pages("/companies", page_size=2))
/// >>> first.results[0]["name"], first.total_results
/// ('Example Company 00001', 5)
#[pyclass(frozen, module = "codat_keys")]
pub(crate) struct Page {
    total_results: u64,
    response: Response,
    /// The position of the page after this page.
    pub(crate) position: Box<internal::PageCursor>,
    /// The parsed results. Empty before the first access.
    results: PyOnceLock<Py<PyAny>>,
}

impl Page {
    pub(crate) fn new(total_results: u64, response: Response, position: Box<internal::PageCursor>) -> Self {
        Self { total_results, response, position, results: PyOnceLock::new() }
    }
}

#[pymethods]
impl Page {
    /// The results of the page. The first access parses the JSON. Each access returns the same list.
    #[getter]
    fn results(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let parse = || Ok(self.response.json(py)?.get_item("results")?.unbind());
        self.results.get_or_try_init(py, parse).map(|results| results.clone_ref(py))
    }

    /// The number of results on all pages.
    #[getter]
    fn total_results(&self) -> u64 {
        self.total_results
    }

    /// The response that contains the page.
    #[getter]
    fn response(&self) -> Response {
        self.response.clone()
    }

    fn __repr__(&self) -> String {
        format!("Page(total_results={}, response={})", self.total_results, self.response.__repr__())
    }
}
