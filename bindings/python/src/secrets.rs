//! Python classes for API keys and `Authorization` headers. Only `expose_secret` returns the secret value.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::arguments::text;
use crate::errors::raise;

/// Converts an argument that is an `ApiKey` or a string.
pub(crate) fn api_key(name: &str, value: &Bound<'_, PyAny>) -> PyResult<codat_keys::ApiKey> {
    if let Ok(key) = value.cast::<ApiKey>() {
        return Ok(key.get().0.clone());
    }
    codat_keys::ApiKey::parse(&text(name, value)?).map_err(|error| raise(value.py(), error))
}

/// Converts an argument that is an `AuthorizationHeader` or a string.
pub(crate) fn header(name: &str, value: &Bound<'_, PyAny>) -> PyResult<codat_keys::AuthorizationHeader> {
    if let Ok(header) = value.cast::<AuthorizationHeader>() {
        return Ok(header.get().0.clone());
    }
    codat_keys::AuthorizationHeader::parse(&text(name, value)?).map_err(|error| raise(value.py(), error))
}

/// Masks text that looks like a credential. Used for texts that Python code shows. Replaces lone surrogates, which no
/// output can contain.
#[pyfunction]
pub(crate) fn masked(text: &Bound<'_, PyString>) -> String {
    codat_keys::internal::mask_credentials(&text.to_string_lossy())
}

/// Returns the value of the ``Authorization`` header for an API key. The value is as secret as the API key.
///
/// Raises ``InvalidCredentialError`` if the text cannot be an API key. The error says how to correct the text.
///
/// >>> encode("example")
/// 'Basic ZXhhbXBsZQ=='
#[pyfunction]
pub(crate) fn encode(key: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(AuthorizationHeader::encode(key)?.expose_secret().to_owned())
}

/// A Codat API key: a secret.
///
/// The ``repr`` and ``str`` of an API key show at most the last four characters. An API key can be neither pickled nor
/// serialized to JSON. API keys are compared in constant time. Only ``expose_secret`` returns the value.
///
/// Raises ``InvalidCredentialError`` if the text cannot be an API key: if it is empty, contains white space or quotes,
/// or is a whole header, a ``Bearer`` token, a Base64-encoded API key, or an API key followed by a colon. The error
/// says how to correct the text. The rules come from Codat's authentication page, and from common mistakes with HTTP
/// libraries.
///
/// >>> key = ApiKey("ExampleKeyForTheDocs0000000000000000000A")
/// >>> key
/// ApiKey(****000A)
/// >>> key.expose_secret()
/// 'ExampleKeyForTheDocs0000000000000000000A'
#[pyclass(frozen, eq, module = "codat_keys")]
#[derive(PartialEq)]
pub(crate) struct ApiKey(pub(crate) codat_keys::ApiKey);

#[pymethods]
impl ApiKey {
    #[new]
    fn new(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        api_key("value", value).map(Self)
    }

    /// Creates an API key without checking its form. Use this method if Codat issues API keys of a new form.
    ///
    /// Raises ``InvalidCredentialError`` only if the text cannot be sent in a header.
    #[staticmethod]
    fn verbatim(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        codat_keys::ApiKey::verbatim(&text("value", value)?).map(Self).map_err(|error| raise(value.py(), error))
    }

    /// Returns the value. The caller is responsible for keeping it secret.
    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns four asterisks and the last four characters. For an API key of fewer than twelve characters, returns
    /// only the asterisks.
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

/// The value of the ``Authorization`` header: ``Basic``, a space, and the Base64 of the key. It is as secret as the
/// key.
///
/// The form of the value comes from Codat's authentication page. Basic authentication in HTTP libraries adds a colon to
/// the API key. Codat rejects the API key with a colon.
///
/// Raises ``InvalidCredentialError`` if the text is not the value of such a header: if it is an API key without Base64
/// encoding, begins with the name of the header or with ``Bearer``, is not valid Base64, encodes a colon after the API
/// key, or encodes the API key twice. The error says how to correct the text.
///
/// >>> header = AuthorizationHeader("Basic ZXhhbXBsZQ==")
/// >>> header == AuthorizationHeader.encode(ApiKey("example"))
/// True
/// >>> header.api_key.expose_secret()
/// 'example'
#[pyclass(frozen, eq, module = "codat_keys")]
#[derive(PartialEq)]
pub(crate) struct AuthorizationHeader(pub(crate) codat_keys::AuthorizationHeader);

#[pymethods]
impl AuthorizationHeader {
    #[new]
    fn new(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        header("value", value).map(Self)
    }

    /// Creates the ``Authorization`` header for an API key. Raises the same errors as the function ``encode``.
    #[staticmethod]
    fn encode(key: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self((&api_key("key", key)?).into()))
    }

    /// The API key that the header contains.
    #[getter]
    fn api_key(&self) -> ApiKey {
        ApiKey(self.0.api_key().clone())
    }

    /// Returns the value, ``Basic …``. The caller is responsible for keeping it secret.
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

/// Returns the error for an attempt to pickle a secret.
pub(crate) fn unpicklable(what: &str) -> PyErr {
    PyTypeError::new_err(format!("{what} is not pickled, since it is a secret: pass what expose_secret() returns"))
}
