//! How a client is set up.

use std::path::PathBuf;
use std::time::Duration;

use codat_keys::ClientBuilder;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::secrets::{ApiKey, AuthorizationHeader};

/// Checked by the client that is made of it.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Options(pub(crate) ClientBuilder);

#[pymethods]
impl Options {
    #[new]
    #[pyo3(signature = (*, api_key, auth_header, base_url, timeout, retry, ca_file, proxy, allow_insecure_http))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments")]
    fn new(
        api_key: Option<PyRef<'_, ApiKey>>,
        auth_header: Option<PyRef<'_, AuthorizationHeader>>,
        base_url: Option<String>,
        timeout: Option<f64>,
        retry: bool,
        ca_file: Option<PathBuf>,
        proxy: Option<String>,
        allow_insecure_http: bool,
    ) -> PyResult<Self> {
        let mut builder = codat_keys::Client::builder().retry(retry).allow_insecure_http(allow_insecure_http);
        if let Some(key) = api_key {
            builder = builder.api_key(key.0.clone());
        }
        if let Some(header) = auth_header {
            builder = builder.auth_header(header.0.clone());
        }
        if let Some(url) = base_url {
            builder = builder.base_url(url);
        }
        if let Some(time) = seconds(timeout)? {
            builder = builder.timeout(time);
        }
        if let Some(file) = ca_file {
            builder = builder.ca_file(file);
        }
        if let Some(url) = proxy {
            builder = builder.proxy(url);
        }
        Ok(Self(builder))
    }
}

/// A time as Python gives it. The core refuses zero.
pub(crate) fn seconds(time: Option<f64>) -> PyResult<Option<Duration>> {
    let time = time.map(Duration::try_from_secs_f64).transpose();
    time.map_err(|_| PyValueError::new_err("timeout must be a number of seconds above zero"))
}
