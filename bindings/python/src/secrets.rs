//! Keys and headers: shown by one method alone.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::errors::raise;

#[pyclass(frozen, eq, module = "codat_keys")]
#[derive(PartialEq)]
pub(crate) struct ApiKey(pub(crate) codat_keys::ApiKey);

#[pymethods]
impl ApiKey {
    #[new]
    fn new(py: Python<'_>, value: &str) -> PyResult<Self> {
        codat_keys::ApiKey::parse(value).map(Self).map_err(|error| raise(py, error))
    }

    #[staticmethod]
    fn verbatim(py: Python<'_>, value: &str) -> PyResult<Self> {
        codat_keys::ApiKey::verbatim(value).map(Self).map_err(|error| raise(py, error))
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
    fn new(py: Python<'_>, value: &str) -> PyResult<Self> {
        codat_keys::AuthorizationHeader::parse(value).map(Self).map_err(|error| raise(py, error))
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
