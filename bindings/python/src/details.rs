//! What calls bring: immutable, and shown without a secret.

use std::sync::Arc;

use codat_keys::Timestamp;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde::de::IgnoredAny;

use crate::errors::raise;
use crate::secrets::{ApiKey, unpicklable};

#[pyclass(frozen, eq, module = "codat_keys")]
#[derive(Clone, PartialEq)]
pub(crate) struct ApiKeyDetails(pub(crate) codat_keys::ApiKeyDetails);

#[pymethods]
impl ApiKeyDetails {
    #[getter]
    fn id(&self) -> &str {
        self.0.id.as_str()
    }

    #[getter]
    fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    #[getter]
    fn api_key(&self) -> ApiKey {
        ApiKey(self.0.api_key.clone())
    }

    #[getter]
    fn created_date<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.created_date.map(|date| datetime(py, date)).transpose()
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(unpicklable("a key with its value"))
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        BuildHasherDefault::<DefaultHasher>::default().hash_one(self.id())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let repr = |value: Bound<'_, PyAny>| value.repr().map(|repr| repr.to_string());
        let name = repr(self.name().into_pyobject(py)?)?;
        let date = self.0.created_date.map_or("None".into(), |date| date.to_string());
        let id = repr(self.id().into_pyobject(py)?.into_any())?;
        Ok(format!("ApiKeyDetails(id={id}, name={name}, api_key={:?}, created_date={date})", self.0.api_key))
    }
}

#[pyclass(frozen, module = "codat_keys")]
pub(crate) struct Creation(pub(crate) codat_keys::Creation);

#[pymethods]
impl Creation {
    #[getter]
    fn key(&self) -> ApiKeyDetails {
        ApiKeyDetails(self.0.key.clone())
    }

    #[getter]
    fn how(&self) -> &'static str {
        self.0.how.code()
    }

    #[getter]
    fn extras(&self) -> Option<Vec<ApiKeyDetails>> {
        self.0.extras.as_ref().map(|keys| keys.iter().cloned().map(ApiKeyDetails).collect())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Creation(key={}, how='{}')", self.key().__repr__(py)?, self.how()))
    }
}

#[pyclass(frozen, eq, module = "codat_keys")]
#[derive(PartialEq)]
pub(crate) struct RateLimit(pub(crate) codat_keys::RateLimit);

#[pymethods]
impl RateLimit {
    #[getter]
    fn limit(&self) -> Option<u64> {
        self.0.limit
    }

    #[getter]
    fn remaining(&self) -> Option<u64> {
        self.0.remaining
    }

    #[getter]
    fn reset<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.reset.map(|date| datetime(py, date)).transpose()
    }

    fn __repr__(&self) -> String {
        let show = |number: Option<u64>| number.map_or("None".into(), |number| number.to_string());
        let reset = self.0.reset.map_or("None".into(), |date| date.to_string());
        format!("RateLimit(limit={}, remaining={}, reset={reset})", show(self.0.limit), show(self.0.remaining))
    }
}

#[pyclass(frozen, module = "codat_keys")]
#[derive(Clone)]
pub(crate) struct Response(pub(crate) Arc<codat_keys::Response>);

#[pymethods]
impl Response {
    #[getter]
    fn status(&self) -> u16 {
        self.0.status()
    }

    /// Headers of one name are joined, as HTTP allows.
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

    #[getter]
    fn content<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.bytes())
    }

    fn redacted<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.redacted())
    }

    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = py.import("json")?.call_method1("loads", (self.content(py),));
        // Python's error would hold the whole body.
        value.map_err(|error| self.0.json::<IgnoredAny>().map_or_else(|refused| raise(py, refused), |_| error))
    }

    #[getter]
    fn correlation_id(&self) -> Option<String> {
        self.0.correlation_id()
    }

    #[getter]
    fn rate_limit(&self) -> Option<RateLimit> {
        self.0.rate_limit().map(RateLimit)
    }

    fn __repr__(&self) -> String {
        format!("Response(status={}, {} bytes)", self.0.status(), self.0.bytes().len())
    }
}

#[pyclass(frozen, module = "codat_keys")]
pub(crate) struct Page {
    pub(crate) total_results: u64,
    pub(crate) response: Response,
}

#[pymethods]
impl Page {
    #[getter]
    fn results<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.response.json(py)?.get_item("results")
    }

    #[getter]
    fn total_results(&self) -> u64 {
        self.total_results
    }

    #[getter]
    fn response(&self) -> Response {
        self.response.clone()
    }

    fn __repr__(&self) -> String {
        format!("Page(total_results={}, response={})", self.total_results, self.response.__repr__())
    }
}

/// Aware, in UTC, to the microsecond.
fn datetime(py: Python<'_>, date: Timestamp) -> PyResult<Bound<'_, PyAny>> {
    let module = py.import("datetime")?;
    let utc = module.getattr("timezone")?.getattr("utc")?;
    let epoch = module.getattr("datetime")?.call1((1970, 1, 1, 0, 0, 0, 0, utc))?;
    let since = module.getattr("timedelta")?.call1((0, date.as_second(), date.subsec_microsecond()))?;
    epoch.add(since)
}
