//! Checks of the settings of [`ClientBuilder`].

use std::sync::Arc;
use std::time::Duration;

use super::{ClientBuilder, Given};
use crate::credentials::{self, CredentialCache, KeyFile};
use crate::domain::base_url::{self, BaseUrl};
use crate::domain::{mask_key, mask_values};
use crate::environment::{self as env, Environment};
use crate::error::{Error, ErrorKind};
use crate::handle::ClientConfig;
use crate::profiles;
use crate::retry::{DEFAULT_POLICY, NO_RETRIES, Retry, ThreadRng};
use crate::timeouts::{OperationTimeouts, SystemClock, positive};
use crate::transport::proxy::{self, Proxy};
use crate::transport::{BodyLimit, Closed, HttpConfig, Tls, TransportConfig};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl ClientBuilder {
    /// Checks the settings and returns the configuration of a client. An error can quote a setting, such as a path that
    /// contains an API key by mistake. In its errors, this function therefore masks the given API key, and the values
    /// of `CODAT_API_KEY` and `CODAT_AUTH_HEADER`.
    pub(crate) fn config(self, environment: Environment<'_>) -> Result<ClientConfig, Error> {
        let given = match &self.key {
            Some(Given::Value(credential)) => Some(credential.api_key().clone()),
            _ => None,
        };
        self.checked(environment).map_err(|error| {
            let error = error.masked(|text| mask_values(text, environment));
            given.iter().fold(error, |error, key| error.masked(|text| mask_key(text, key)))
        })
    }

    fn checked(self, environment: Environment<'_>) -> Result<ClientConfig, Error> {
        let allow_insecure_http = match self.allow_insecure_http {
            Some(allow) => allow,
            None => env::switch(environment, "CODAT_ALLOW_INSECURE_HTTP")?,
        };
        let profile = match &self.key {
            Some(_) => None,
            None => profiles::selected(self.profile.as_deref(), environment)?,
        };
        let base_url = match (&profile, &self.base_url) {
            (Some(profile), given) => {
                let given = given.as_deref().map(|url| (url, "the given base URL"));
                BaseUrl::parse(&profile.base_url_for(given, environment)?, "the base URL", allow_insecure_http)?
            }
            (None, Some(url)) => BaseUrl::parse(url, "the base URL", allow_insecure_http)?,
            (None, None) => {
                let url = env::variable(environment, "CODAT_BASE_URL")?;
                let url = url.as_deref().unwrap_or(base_url::PRODUCTION);
                BaseUrl::parse(url, "CODAT_BASE_URL", allow_insecure_http)?
            }
        };
        let timeouts = OperationTimeouts::given(self.timeout)?;
        let connect_timeout =
            positive(self.connect_timeout.unwrap_or(CONNECT_TIMEOUT))?.min(timeouts.shortest_attempt() * 3 / 4);
        let http = self.http(environment, &base_url, allow_insecure_http)?;
        let limit = timeouts.read.operation;
        let credentials = match (self.key, profile) {
            (Some(given), _) => given.cache(limit)?,
            (None, Some(profile)) => profile.credentials(environment, limit)?,
            (None, None) => credentials::from_environment(environment, limit)?,
        };
        let transport = TransportConfig {
            base_url,
            http,
            connect_timeout,
            credentials: Arc::new(credentials),
            closed: Closed::default(),
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
        };
        let policy = if self.only_once { NO_RETRIES } else { DEFAULT_POLICY };
        let retry = Retry { policy, rng: self.rng.unwrap_or_else(|| Arc::new(ThreadRng)) };
        let max_response_bytes = self.max_response_bytes.map_or(Ok(BodyLimit::DEFAULT), BodyLimit::given)?;
        Ok(ClientConfig { transport, timeouts, retry, max_response_bytes })
    }

    /// Returns a builder of HTTP clients that use the CA file and the proxy of these settings. The command-line tool
    /// uses such a client for services other than Codat. If `is_encrypted` is false, the client is for `http` URLs, and
    /// uses no proxy.
    pub(crate) fn other_http_client(
        &self,
        environment: Environment<'_>,
        is_encrypted: bool,
    ) -> Result<reqwest::ClientBuilder, Error> {
        let (url, proxy) = match is_encrypted {
            true => (base_url::PRODUCTION, self.proxy.clone()),
            false => ("http://localhost", None),
        };
        let base_url = BaseUrl::parse(url, "the base URL", false)?;
        let http = Self { proxy, ..self.clone() }.http(environment, &base_url, false)?;
        Ok(http.client_builder(is_encrypted))
    }

    /// Returns the settings of the HTTP client. If [`ClientBuilder::http_client`] is set, returns an error for a CA
    /// file or a proxy, because such a setting would have no effect.
    fn http(
        &self,
        environment: Environment<'_>,
        base_url: &BaseUrl,
        allow_insecure_http: bool,
    ) -> Result<HttpConfig, Error> {
        let ca_file = match &self.ca_file {
            Some(file) => Some((file.clone(), "the CA file")),
            None => env::path(environment, "CODAT_CA_FILE")?.map(|file| (file, "the file that CODAT_CA_FILE names")),
        };
        if let Some(client) = &self.http_client {
            let unused = ca_file.map(|(file, place)| format!("{place} ({})", file.display()));
            return match unused.or_else(|| self.proxy.as_ref().map(|_| "the proxy".into())) {
                None => Ok(HttpConfig::Given(Arc::clone(client))),
                Some(setting) => {
                    let what = format!("{setting} is not used with an HTTP client of your own");
                    Err(Error::new(ErrorKind::InvalidInput, what)
                        .with_hint("set it on the reqwest::ClientBuilder that `http_client` returns, and only there"))
                }
            };
        }
        let proxy = match &self.proxy {
            Some(url) => Some(proxy::given(url, base_url, allow_insecure_http)?),
            None => proxy::from_environment(environment, base_url)?,
        };
        let needs_tls = base_url.is_encrypted() || proxy.as_ref().is_some_and(Proxy::is_encrypted);
        Ok(HttpConfig::Own { tls: Tls::new(ca_file, needs_tls)?, proxy })
    }
}

impl Given {
    fn cache(self, limit: Duration) -> Result<CredentialCache, Error> {
        match self {
            Self::Value(credential) => Ok(CredentialCache::fixed(&credential)),
            Self::File(path) => credentials::read_file(KeyFile::given(path), limit),
            Self::Provider(provider) => Ok(CredentialCache::of(provider)),
        }
    }
}
