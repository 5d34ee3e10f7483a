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

/// The value of the ``Authorization`` header for a key: a secret, like the key.
///
/// Raises ``InvalidCredentialError`` for what cannot be a raw key, with the mistake and its repair.
///
/// >>> encode("example")
/// 'Basic ZXhhbXBsZQ=='
#[pyfunction]
pub(crate) fn encode(key: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(AuthorizationHeader::encode(key)?.expose_secret().to_owned())
}

/// A Codat API key: a secret.
///
/// Its ``repr`` and ``str`` show the last four characters at the most; it is neither pickled nor written as JSON. Two
/// compare in constant time. ``expose_secret`` is the only way to its value.
///
/// Raises ``InvalidCredentialError``, with the mistake and its repair, for what cannot be a raw key: empty, white
/// space, quotes, a whole header, a ``Bearer`` token, an encoded key, a key with a colon behind it. The rules
/// come from Codat's authentication page, and from the mistakes that HTTP libraries make.
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

    /// Takes a key as it stands, for a form that nobody foresaw.
    ///
    /// Raises ``InvalidCredentialError`` only for what cannot be sent in a header.
    #[staticmethod]
    fn verbatim(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        codat_keys::ApiKey::verbatim(&text("value", value)?).map(Self).map_err(|error| raise(value.py(), error))
    }

    /// The value itself. Whoever calls this is responsible for where it goes.
    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }

    /// The last four characters after four asterisks; only the asterisks for a key shorter than twelve characters.
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

/// The value of the ``Authorization`` header: ``Basic`` and the Base64 of the key alone. As secret as the key.
///
/// So says Codat's authentication page. What HTTP libraries call basic authentication adds a colon, and is refused.
///
/// Raises ``InvalidCredentialError``, with the mistake and its repair, for what is no such header: a raw key, the
/// header's name in front, ``Bearer``, no Base64, a colon encoded with the key, a key encoded twice.
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

    /// The header of a key. Raises as ``encode`` does.
    #[staticmethod]
    fn encode(key: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self((&api_key("key", key)?).into()))
    }

    /// The key that it carries.
    #[getter]
    fn api_key(&self) -> ApiKey {
        ApiKey(self.0.api_key().clone())
    }

    /// The value itself, ``Basic …``. Whoever calls this is responsible for where it goes.
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
