//! How a client is set up.

use std::path::PathBuf;
use std::time::Duration;

use codat_keys::{AuthorizationHeader, ClientBuilder, Error};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;

use crate::arguments::argument;
use crate::secrets;

/// Checked by the client that is made of it.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Options(pub(crate) ClientBuilder);

#[pymethods]
impl Options {
    #[new]
    #[pyo3(signature = (*, api_key, auth_header, base_url, timeout, retry, ca_file, proxy, allow_insecure_http))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments")]
    fn new(
        api_key: Option<Bound<'_, PyAny>>,
        auth_header: Option<Bound<'_, PyAny>>,
        base_url: &Bound<'_, PyAny>,
        timeout: &Bound<'_, PyAny>,
        retry: &Bound<'_, PyAny>,
        ca_file: &Bound<'_, PyAny>,
        proxy: &Bound<'_, PyAny>,
        allow_insecure_http: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let mut builder = codat_keys::Client::builder()
            .retry(argument("retry", retry)?)
            .allow_insecure_http(argument("allow_insecure_http", allow_insecure_http)?);
        match (api_key, auth_header) {
            (Some(_), Some(_)) => return Err(PyTypeError::new_err("give api_key or auth_header, not both")),
            (Some(key), None) => builder = builder.api_key(secrets::api_key("api_key", &key)?),
            (None, Some(header)) => builder = builder.auth_header(secrets::header("auth_header", &header)?),
            (None, None) => {}
        }
        if let Some(url) = argument::<Option<String>>("base_url", base_url)? {
            builder = builder.base_url(url);
        }
        if let Some(time) = seconds(timeout)? {
            builder = builder.timeout(time);
        }
        if let Some(file) = argument::<Option<PathBuf>>("ca_file", ca_file)? {
            builder = builder.ca_file(file);
        }
        if let Some(url) = argument::<Option<String>>("proxy", proxy)? {
            builder = builder.proxy(url);
        }
        Ok(Self(builder))
    }
}

/// A client, as Python shows it.
pub(crate) fn shown(base_url: &str, header: Result<AuthorizationHeader, Error>) -> String {
    let key = header.map_or_else(|error| error.to_string(), |header| format!("{:?}", header.api_key()));
    format!("Client(base_url='{base_url}', api_key={key})")
}

/// The argument `timeout`: a number of seconds, or a `timedelta`.
pub(crate) fn seconds(time: &Bound<'_, PyAny>) -> PyResult<Option<Duration>> {
    let time = match time.getattr_opt(intern!(time.py(), "total_seconds"))? {
        Some(total_seconds) => Some(total_seconds.call0()?.extract()?),
        None => argument::<Option<f64>>("timeout", time)?,
    };
    Ok(time.map(codat_keys::seconds))
}
