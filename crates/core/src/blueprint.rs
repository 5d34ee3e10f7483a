//! All that a client is made of, checked: as many clients as are needed are built from it.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::Client as Http;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::client::Resumption;

use crate::base_url::BaseUrl;
use crate::client::Client;
use crate::connect::Connector;
use crate::credentials::CurrentKey;
use crate::error::Error;
use crate::limits::Limits;
use crate::proxy::Proxy;
use crate::retry::{Policy, Surroundings};
use crate::transport::{Closed, LatestRateLimit, Transport};

/// How long a connection is kept for the next call.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

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
        let connector = Connector::new(Arc::new(self.tls.clone()), self.proxy.clone(), self.connect_timeout);
        let http = Http::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        let transport = Transport {
            origin: self.base_url.origin(),
            proxy: self.proxy.clone(),
            http,
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
