//! Answers as calls bring them: immutable, and shown without their headers and bodies.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde::de::IgnoredAny;

use crate::errors::raise;
use crate::key_types::datetime;

/// The day's quota, as an answer told it; what could not be read is ``None``. See Codat's page on rate limits.
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
    /// Requests a day: 1,000 for the client, and 1,000 for each of its active connected companies.
    #[getter]
    fn limit(&self) -> Option<u64> {
        self.0.limit
    }

    /// What is left of it.
    #[getter]
    fn remaining(&self) -> Option<u64> {
        self.0.remaining
    }

    /// When it is whole again, in UTC: at 00:00.
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

/// An answer of any 2xx status. Its ``repr`` shows neither headers nor body.
///
/// >>> with Client() as client:
/// ...     answer = client.request("GET", "/profile")
/// >>> answer.status, answer.headers["content-type"], answer.json()["name"]
/// (200, 'application/json', 'Emulated client')
#[pyclass(frozen, module = "codat_keys")]
#[derive(Clone)]
pub(crate) struct Response(pub(crate) Arc<codat_keys::Response>);

#[pymethods]
impl Response {
    /// The HTTP status.
    #[getter]
    fn status(&self) -> u16 {
        self.0.status()
    }

    /// The headers, by names in lower case; those of one name are joined by commas.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let headers = PyDict::new(py);
        for name in self.0.headers().keys() {
            let values = self.0.headers().get_all(name).iter();
            let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            headers.set_item(name.as_str(), values.join(", "))?;
        }
        Ok(headers)
    }

    /// The body, at most 8 MiB.
    #[getter]
    fn content<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.bytes())
    }

    /// The body for a log: the key in use is taken out, and every member ``apiKey`` is masked.
    fn redacted<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.redacted())
    }

    /// The body, read from JSON. Raises ``BadResponseError`` where it is none, without a word of it; ``ValueError`` for a
    /// whole number of more digits than ``sys.get_int_max_str_digits`` allows.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        // Python would guess other encodings.
        let text = self.0.json_text().map_err(|refused| raise(py, refused))?;
        let value = py.import("json")?.call_method1("loads", (text,));
        // Python's error would hold the whole body.
        value.map_err(|error| self.0.json::<IgnoredAny>().map_or_else(|refused| raise(py, refused), |_| error))
    }

    /// What Codat's support asks for; in a success it is rare.
    #[getter]
    fn correlation_id(&self) -> Option<String> {
        self.0.correlation_id()
    }

    /// What this answer says of the day's quota; ``None`` where it says nothing.
    #[getter]
    fn rate_limit(&self) -> Option<RateLimit> {
        self.0.rate_limit().map(RateLimit)
    }

    fn __repr__(&self) -> String {
        format!("Response(status={}, {} bytes)", self.0.status(), self.0.bytes().len())
    }
}

/// One page of a paged resource.
///
/// >>> with Client() as client:
/// ...     first = next(client.pages("/companies", page_size=2))
/// >>> first.results[0]["name"], first.total_results
/// ('Example Company 00001', 5)
#[pyclass(frozen, module = "codat_keys")]
pub(crate) struct Page {
    pub(crate) total_results: u64,
    pub(crate) response: Response,
}

#[pymethods]
impl Page {
    /// What the page holds, read from its JSON each time.
    #[getter]
    fn results<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.response.json(py)?.get_item("results")
    }

    /// How many there are on all pages together.
    #[getter]
    fn total_results(&self) -> u64 {
        self.total_results
    }

    /// The answer itself.
    #[getter]
    fn response(&self) -> Response {
        self.response.clone()
    }

    fn __repr__(&self) -> String {
        format!("Page(total_results={}, response={})", self.total_results, self.response.__repr__())
    }
}
