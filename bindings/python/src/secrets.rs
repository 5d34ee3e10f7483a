//! Keys and headers: shown by one method alone.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::arguments::text;
use crate::errors::raise;

/// A key, or a text that is one.
pub(crate) fn api_key(name: &str, value: &Bound<'_, PyAny>) -> PyResult<codat_keys::ApiKey> {
    if let Ok(key) = value.cast::<ApiKey>() {
        return Ok(key.get().0.clone());
    }
    codat_keys::ApiKey::parse(&text(name, value)?).map_err(|error| raise(value.py(), error))
}

/// A header, or a text that is one.
pub(crate) fn header(name: &str, value: &Bound<'_, PyAny>) -> PyResult<codat_keys::AuthorizationHeader> {
    if let Ok(header) = value.cast::<AuthorizationHeader>() {
        return Ok(header.get().0.clone());
    }
    codat_keys::AuthorizationHeader::parse(&text(name, value)?).map_err(|error| raise(value.py(), error))
}

/// The header of a key or of a text that is one.
#[pyfunction]
pub(crate) fn encode(key: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(codat_keys::AuthorizationHeader::from(&api_key("key", key)?).expose_secret().to_owned())
}

#[pyclass(frozen, eq, module = "codat_keys")]
#[derive(PartialEq)]
pub(crate) struct ApiKey(pub(crate) codat_keys::ApiKey);

#[pymethods]
impl ApiKey {
    #[new]
    fn new(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        api_key("value", value).map(Self)
    }

    #[staticmethod]
    fn verbatim(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        codat_keys::ApiKey::verbatim(&text("value", value)?).map(Self).map_err(|error| raise(value.py(), error))
    }

    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }

    fn masked(&self) -> String {
        self.0.masked()
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(unpicklable("an API key"))
    }
}

#[pyclass(frozen, eq, module = "codat_keys")]
#[derive(PartialEq)]
pub(crate) struct AuthorizationHeader(pub(crate) codat_keys::AuthorizationHeader);

#[pymethods]
impl AuthorizationHeader {
    #[new]
    fn new(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        header("value", value).map(Self)
    }

    #[staticmethod]
    fn encode(key: &ApiKey) -> Self {
        Self(codat_keys::AuthorizationHeader::from(&key.0))
    }

    #[getter]
    fn api_key(&self) -> ApiKey {
        ApiKey(self.0.api_key().clone())
    }

    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(unpicklable("an authorization header"))
    }
}

pub(crate) fn unpicklable(what: &str) -> PyErr {
    PyTypeError::new_err(format!("{what} is not pickled, since it is a secret: pass what expose_secret() returns"))
}
