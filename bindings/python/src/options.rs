//! The configuration of a client.

use codat_keys::internal::mask_credentials;
use codat_keys::{AuthorizationHeader, ClientBuilder, Error, ErrorKind};
use codat_keys_bindings::{ClientOptions, KeyCallback, KeySource, at_most_one};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::arguments::{argument, bytes, seconds};
use crate::command::KeyCommand;
use crate::key_callback::KeyFunction;
use crate::secrets;

/// The arguments of the Python client, converted to Rust types. The Rust client validates the values later, when the
/// Rust client is created.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Options {
    pub(crate) builder: ClientBuilder,
    pub(crate) function: Option<KeyFunction>,
}

#[pymethods]
impl Options {
    #[new]
    #[pyo3(signature = (
        *, api_key, auth_header, api_key_file, api_key_command, profile, base_url, timeout, retry, ca_file, proxy,
        allow_insecure_http, max_response_bytes
    ))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments")]
    fn new(
        api_key: Option<Bound<'_, PyAny>>,
        auth_header: Option<Bound<'_, PyAny>>,
        api_key_file: Option<Bound<'_, PyAny>>,
        api_key_command: Option<Bound<'_, PyAny>>,
        profile: Option<Bound<'_, PyAny>>,
        base_url: &Bound<'_, PyAny>,
        timeout: &Bound<'_, PyAny>,
        retry: &Bound<'_, PyAny>,
        ca_file: &Bound<'_, PyAny>,
        proxy: &Bound<'_, PyAny>,
        allow_insecure_http: &Bound<'_, PyAny>,
        max_response_bytes: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let sources = [
            ("api_key", api_key),
            ("auth_header", auth_header),
            ("api_key_file", api_key_file),
            ("api_key_command", api_key_command),
            ("profile", profile),
        ];
        let mut function = None;
        let key = match at_most_one(sources).map_err(PyTypeError::new_err)? {
            Some((name @ "auth_header", header)) => Some(KeySource::Header(secrets::header(name, &header)?)),
            Some((name @ "api_key_file", file)) => Some(KeySource::File(argument(name, &file)?)),
            Some(("api_key_command", command)) => Some(KeySource::Command(KeyCommand::given(&command)?)),
            Some((name @ "profile", profile)) => Some(KeySource::Profile(argument(name, &profile)?)),
            Some((name, key)) => {
                function = KeyFunction::given(&key);
                Some(match function {
                    Some(_) => KeySource::Callback(KeyCallback::new(name)),
                    None => KeySource::Key(secrets::api_key(name, &key)?),
                })
            }
            None => None,
        };
        let options = ClientOptions {
            key,
            retry: Some(argument("retry", retry)?),
            base_url: argument("base_url", base_url)?,
            timeout: seconds("timeout", timeout)?,
            ca_file: argument("ca_file", ca_file)?,
            proxy: argument("proxy", proxy)?,
            allow_insecure_http: argument("allow_insecure_http", allow_insecure_http)?,
            max_response_bytes: bytes("max_response_bytes", max_response_bytes)?,
        };
        Ok(Self { builder: options.builder(), function })
    }
}

/// Returns the `repr` of a client, with the key masked.
pub(crate) fn shown(base_url: &str, header: Result<AuthorizationHeader, Error>) -> String {
    let base_url = mask_credentials(base_url);
    let key = header.map_or_else(
        |error| if error.kind() == ErrorKind::Closed { "<closed>" } else { "<not read yet>" }.into(),
        |header| format!("{:?}", header.api_key()),
    );
    format!("Client(base_url='{base_url}', api_key={key})")
}
