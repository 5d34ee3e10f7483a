//! The checked configuration that clients are built from. Only this module, `proxy.rs`, `transport.rs`, `connect_error.rs`
//! and `send_error.rs` know reqwest.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;

use crate::client::Client;
use crate::credentials::CurrentKey;
use crate::domain::BaseUrl;
use crate::error::{Error, ErrorKind};
use crate::retry::{Policy, Surroundings};
use crate::timeouts::Limits;
use crate::transport::connect_error::Resolver;
use crate::transport::proxy::Proxy;
use crate::transport::{Closed, LatestRateLimit, Transport};

#[derive(Clone)]
pub(crate) struct Blueprint {
    pub(crate) tls: rustls::ClientConfig,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) connect_timeout: Duration,
    pub(crate) key: Arc<CurrentKey>,
    pub(crate) base_url: BaseUrl,
    pub(crate) limits: Limits,
    pub(crate) policy: Policy,
    pub(crate) closed: Closed,
    pub(crate) surroundings: Arc<dyn Surroundings>,
}

impl Blueprint {
    /// A client with connections of its own. Its answers' quota goes where that of its siblings goes.
    pub(crate) fn client(&self, latest_rate_limit: &LatestRateLimit) -> Result<Client, Error> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(Resolver)
            .no_proxy()
            .connect_timeout(self.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("codat-keys/", env!("CARGO_PKG_VERSION")));
        let http = match &self.proxy {
            Some(proxy) => http.proxy(proxy.route.clone()),
            None => http,
        };
        let transport = Transport {
            url: self.base_url.to_url(),
            origin: self.base_url.origin(),
            proxy: self.proxy.clone(),
            http: http.build().map_err(|source| {
                Error::new(ErrorKind::Internal, "the HTTP client could not be set up").caused_by(source.without_url())
            })?,
            key: Arc::clone(&self.key),
            connect_timeout: self.connect_timeout,
            latest_rate_limit: Arc::clone(latest_rate_limit),
            policy: self.policy,
            surroundings: Arc::clone(&self.surroundings),
            closed: Arc::clone(&self.closed),
        };
        Client::new(transport, self.clone())
    }

    /// The same for another process, which must share neither the TLS sessions nor the locks around them and
    /// around the key.
    pub(crate) fn for_this_process(&self) -> Self {
        let mut own = self.clone();
        own.key = Arc::new(self.key.for_this_process());
        own.tls.resumption = Resumption::default();
        own
    }
}
