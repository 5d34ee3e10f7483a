//! Python classes for API keys. Their objects are immutable, and `repr` masks their secrets.

use codat_keys::{Timestamp, Untrusted};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

use crate::errors::{ErrorData, build, raise_built};
use crate::secrets::{ApiKey, unpicklable};

/// An API key in Codat's list of API keys. Its ``repr`` masks the secret. If the name or the id contains an API key,
/// ``repr`` masks that too. It cannot be pickled.
///
/// >>> with Client() as client:
/// ...     for key in client.keys.list():
/// ...         print(key.name, key.api_key.masked()[:4])
/// None ****
#[pyclass(frozen, eq, module = "codat_keys")]
#[derive(Clone, PartialEq)]
pub(crate) struct ApiKeyDetails(pub(crate) codat_keys::ApiKeyDetails);

#[pymethods]
impl ApiKeyDetails {
    /// The id of the API key. Pass it to ``get`` or ``delete``.
    #[getter]
    fn id(&self) -> &str {
        self.0.id.as_str()
    }

    /// The name of the API key. Several API keys can have the same name. The first API key of a Codat account has no
    /// name.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.0.name.as_ref().map(Untrusted::unredacted)
    }

    /// The secret value of the API key. Codat's list of API keys contains it in plain text.
    #[getter]
    fn api_key(&self) -> ApiKey {
        ApiKey(self.0.api_key.clone())
    }

    /// The time at which the API key was created, in UTC. ``None`` if Codat reports no date, as for old API keys, or
    /// if the date cannot be parsed.
    #[getter]
    fn created_date<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.created_date.map_or(Ok(None), |date| datetime(py, date))
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
        let name = repr(self.0.name.as_ref().map(ToString::to_string).into_pyobject(py)?)?;
        let date = self.0.created_date.map_or("None".into(), |date| date.to_string());
        let id = repr(self.0.id.to_string().into_pyobject(py)?.into_any())?;
        Ok(format!("ApiKeyDetails(id={id}, name={name}, api_key={:?}, created_date={date})", self.0.api_key))
    }
}

/// The result of ``create``.
///
/// >>> with Client() as client:
/// ...     made = client.keys.create("invoice-processor")
/// >>> made.key.name, made.how, made.extras
/// ('invoice-processor', 'created', [])
#[pyclass(frozen, module = "codat_keys")]
pub(crate) struct Creation(pub(crate) codat_keys::Creation);

#[pymethods]
impl Creation {
    /// The API key, with its secret value.
    #[getter]
    fn key(&self) -> ApiKeyDetails {
        ApiKeyDetails(self.0.key.clone())
    }

    /// How ``create`` got the API key.
    ///
    /// ``created``: the response to the first request contains the API key. ``replayed``: the response to a repeated
    /// request contains it. ``adopted``: no response contains it, but the list of API keys contains exactly one new API
    /// key with this name, and the option ``adopt`` was set.
    #[getter]
    fn how(&self) -> &'static str {
        self.0.how.code()
    }

    /// Other new API keys with the same name as ``key``. ``create`` searches the list of API keys for such keys only
    /// if the outcome of a request is unknown. Otherwise, ``extras`` is empty. ``None`` if the API keys could not be
    /// listed.
    #[getter]
    fn extras(&self) -> Option<Vec<ApiKeyDetails>> {
        self.0.extras.as_ref().map(|keys| keys.iter().cloned().map(ApiKeyDetails).collect())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Creation(key={}, how='{}')", self.key().__repr__(py)?, self.how()))
    }
}

/// Returns the Python exception for the error of a call. If the call may have created an API key, the attribute
/// `candidates` of the exception lists the API keys that the call may have created.
pub(crate) fn raise_call_error(py: Python<'_>, mut error: ErrorData) -> PyErr {
    let keys: Option<Vec<_>> = error.candidates.take().map(|keys| keys.into_iter().map(ApiKeyDetails).collect());
    raise_built(py, || {
        let raised = build(py, &error)?;
        if let Some(keys) = &keys {
            raised.value(py).setattr("candidates", keys.clone())?;
        }
        Ok(raised)
    })
}

/// Converts a timestamp to an aware `datetime` in UTC, rounded down to microseconds. Returns `None` for a year that
/// `datetime` does not support.
pub(crate) fn datetime(py: Python<'_>, date: Timestamp) -> PyResult<Option<Bound<'_, PyAny>>> {
    let module = py.import("datetime")?;
    let utc = module.getattr("timezone")?.getattr("utc")?;
    let epoch = module.getattr("datetime")?.call1((1970, 1, 1, 0, 0, 0, 0, utc))?;
    let since = module.getattr("timedelta")?.call1((0, date.as_second(), date.subsec_microsecond()))?;
    match epoch.add(since) {
        Err(error) if error.is_instance_of::<PyOverflowError>(py) => Ok(None),
        date => date.map(Some),
    }
}
