//! The reqwest client with which the transport sends requests.

use std::sync::Arc;
use std::time::Duration;

use super::TransportConfig;
use super::proxy::Proxy;
use super::tls::Tls;
use crate::error::{Error, ErrorKind};

/// One year, which has the effect of no timeout. `reqwest::ClientBuilder` has no method that removes a timeout.
const NO_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The function that the user of this crate passes to
/// [`ClientBuilder::http_client`](crate::ClientBuilder::http_client).
pub(crate) type GivenClient = Arc<dyn Fn() -> reqwest::ClientBuilder + Send + Sync>;

/// The settings of a reqwest client. They come from this crate, or from a function that the user of this crate
/// provides.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "a client has one, and seldom copies it")]
pub(crate) enum HttpConfig {
    Own { tls: Tls, proxy: Option<Proxy> },
    Given(GivenClient),
}

impl HttpConfig {
    /// Returns a copy without shared TLS sessions, for use in the child process after a fork.
    pub(super) fn for_this_process(&self) -> Self {
        match self {
            Self::Own { tls, proxy } => Self::Own { tls: tls.for_this_process(), proxy: proxy.clone() },
            Self::Given(client) => Self::Given(Arc::clone(client)),
        }
    }

    /// Returns a builder with these settings. The built client follows no redirects, repeats no requests and does not
    /// decompress responses. `is_encrypted` is true if the client sends its requests to `https` URLs.
    pub(crate) fn client_builder(&self, is_encrypted: bool) -> reqwest::ClientBuilder {
        let http = match self {
            Self::Own { tls, proxy: None } => tls.set(reqwest::Client::builder().no_proxy()),
            Self::Own { tls, proxy: Some(proxy) } => {
                tls.set(reqwest::Client::builder().no_proxy().proxy(proxy.route.clone()))
            }
            // A proxy could read the API key in an unencrypted request.
            Self::Given(client) if !is_encrypted => without_timeouts(client().no_proxy()),
            Self::Given(client) => without_timeouts(client()),
        };
        http.redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connection_verbose(false)
            .http1_only()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .user_agent(concat!("codat-keys/", env!("CARGO_PKG_VERSION")))
    }

    /// Returns the proxy. Returns `None` if the user of this crate provides the settings, because a
    /// `reqwest::ClientBuilder` does not expose its proxy.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        match self {
            Self::Own { proxy, .. } => proxy.as_ref(),
            Self::Given(_) => None,
        }
    }
}

/// Builds the reqwest client.
pub(super) fn build(config: &TransportConfig) -> Result<reqwest::Client, Error> {
    let http = config.http.client_builder(config.base_url.is_encrypted()).connect_timeout(config.connect_timeout);
    http.build().map_err(|source| {
        let error = match config.http {
            HttpConfig::Own { .. } => Error::new(ErrorKind::Internal, "the HTTP client could not be set up"),
            HttpConfig::Given(_) => Error::new(ErrorKind::InvalidInput, "the given HTTP client cannot be built")
                .with_hint("check the settings of the reqwest::ClientBuilder that `http_client` returns"),
        };
        error.with_source(source.without_url())
    })
}

/// Disables the timeouts of reqwest. The transport has its own timeout for each attempt.
fn without_timeouts(client: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    client.timeout(NO_TIMEOUT).read_timeout(NO_TIMEOUT)
}
