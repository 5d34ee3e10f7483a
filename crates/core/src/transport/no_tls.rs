//! Replaces the module `tls` in a build without the cargo features `rustls` and `ring`.

use std::path::PathBuf;

use crate::error::{Error, ErrorKind};

/// An empty TLS configuration.
#[derive(Clone)]
pub(crate) struct Tls(());

impl Tls {
    /// Returns an error if a CA file is given, or if a URL needs TLS.
    pub(crate) fn new(ca_file: Option<(PathBuf, &str)>, is_needed: bool) -> Result<Self, Error> {
        if ca_file.is_none() && !is_needed {
            return Ok(Self(()));
        }
        let what = "codat-keys was built without TLS, which an https URL or a CA file needs";
        Err(Error::new(ErrorKind::InvalidInput, what).with_hint(
            "enable the cargo feature `rustls` or `ring` of codat-keys, or give it your HTTP client with `http_client`",
        ))
    }

    pub(super) fn for_this_process(&self) -> Self {
        self.clone()
    }

    pub(super) fn set(&self, client: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        client
    }
}

/// Returns `None`, because a build without TLS has no TLS handshake.
pub(super) fn handshake_error(_: &(dyn std::error::Error + 'static), _: &str) -> Option<Error> {
    None
}
