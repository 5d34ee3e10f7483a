//! The configuration of a client.

use std::path::PathBuf;

use codat_keys::internal::mask_credentials;
use codat_keys::{AuthorizationHeader, ClientBuilder, Error, ErrorKind};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::arguments::{argument, seconds};
use crate::command::KeyCommand;
use crate::key_callback::KeyFunction;
use crate::secrets;

/// The arguments of the Python client, converted to Rust types. The Rust client validates their values later, when it
/// is created.
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
        allow_insecure_http
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
    ) -> PyResult<Self> {
        let mut builder = codat_keys::Client::builder().retry(argument("retry", retry)?);
        at_most_one([
            ("api_key", api_key.is_some()),
            ("auth_header", auth_header.is_some()),
            ("api_key_file", api_key_file.is_some()),
            ("api_key_command", api_key_command.is_some()),
            ("profile", profile.is_some()),
        ])?;
        let function = api_key.as_ref().and_then(KeyFunction::given);
        if let Some(function) = &function {
            builder = builder.api_key_from(function.clone());
        } else if let Some(key) = api_key {
            builder = builder.api_key(secrets::api_key("api_key", &key)?);
        } else if let Some(header) = auth_header {
            builder = builder.auth_header(secrets::header("auth_header", &header)?);
        } else if let Some(file) = api_key_file {
            builder = builder.api_key_file(argument::<PathBuf>("api_key_file", &file)?);
        } else if let Some(command) = api_key_command {
            builder = builder.api_key_from(KeyCommand::given(&command)?);
        } else if let Some(name) = profile {
            builder = builder.profile(argument::<String>("profile", &name)?);
        }
        if let Some(url) = argument::<Option<String>>("base_url", base_url)? {
            builder = builder.base_url(url);
        }
        if let Some(time) = seconds("timeout", timeout)? {
            builder = builder.timeout(time);
        }
        if let Some(file) = argument::<Option<PathBuf>>("ca_file", ca_file)? {
            builder = builder.ca_file(file);
        }
        if let Some(url) = argument::<Option<String>>("proxy", proxy)? {
            builder = builder.proxy(url);
        }
        if let Some(allow) = argument::<Option<bool>>("allow_insecure_http", allow_insecure_http)? {
            builder = builder.allow_insecure_http(allow);
        }
        Ok(Self { builder, function })
    }
}

/// Returns an error if more than one source of the API key is given.
fn at_most_one(sources: [(&str, bool); 5]) -> PyResult<()> {
    let mut given = sources.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
    match (given.next(), given.next()) {
        (Some(one), Some(other)) => Err(PyTypeError::new_err(format!("give {one} or {other}, not both"))),
        _ => Ok(()),
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
