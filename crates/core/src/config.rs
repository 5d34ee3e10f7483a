//! How a client is set up.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::AuthorizationHeader;
use crate::base_url::{self, BaseUrl};
use crate::blocking;
use crate::blueprint::Blueprint;
use crate::client::Client;
use crate::credential::Credential;
use crate::credentials::{self, Environment};
use crate::error::{Error, ErrorKind};
use crate::retry::{ONE_ATTEMPT, POLICY, Real, Surroundings};
use crate::secret::ApiKey;
use crate::transport::{Closed, LatestRateLimit};
use crate::{proxy, tls};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULTS: Limits = Limits {
    read: Timeouts { attempt: Duration::from_secs(10), call: Duration::from_secs(30) },
    delete: Timeouts { attempt: Duration::from_secs(10), call: Duration::from_secs(30) },
    create: Timeouts { attempt: Duration::from_secs(15), call: Duration::from_secs(60) },
};

/// Sets up a [`Client`]. What is not given comes from the environment, then from the defaults named at each method.
///
/// ```
/// use codat_keys::{ApiKey, Client};
///
/// let client = Client::builder().api_key(ApiKey::parse("example")?).build()?;
/// assert_eq!(client.base_url(), "https://api.codat.io");
/// # Ok::<(), codat_keys::Error>(())
/// ```
#[must_use]
#[derive(Clone, Default)]
pub struct ClientBuilder {
    credential: Option<Credential>,
    base_url: Option<String>,
    connect_timeout: Option<Duration>,
    timeout: Option<Duration>,
    ca_file: Option<PathBuf>,
    proxy: Option<String>,
    allow_insecure_http: bool,
    only_once: bool,
    surroundings: Option<Arc<dyn Surroundings>>,
}

/// How long one attempt, and a call with all its attempts, may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) attempt: Duration,
    pub(crate) call: Duration,
}

/// The time-outs by kind of call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) read: Timeouts,
    pub(crate) delete: Timeouts,
    pub(crate) create: Timeouts,
}

impl Limits {
    /// A time given is for a whole call. An attempt of a change takes a third, so that time is left to find out how it ended.
    pub(crate) fn given(time: Option<Duration>) -> Result<Self, Error> {
        let Some(time) = time else { return Ok(DEFAULTS) };
        let call = positive(time)?;
        let change = Timeouts { attempt: call / 3, call };
        Ok(Self { read: Timeouts { attempt: call, call }, delete: change, create: change })
    }

    fn shortest_attempt(&self) -> Duration {
        self.read.attempt.min(self.delete.attempt).min(self.create.attempt)
    }
}

impl ClientBuilder {
    /// Authenticates with a raw key. Default: the key or header in `CODAT_API_KEY`, `CODAT_AUTH_HEADER` or the file that
    /// `CODAT_API_KEY_FILE` names. Replaces an earlier `auth_header`.
    pub fn api_key(mut self, key: ApiKey) -> Self {
        self.credential = Some(Credential::ApiKey(key));
        self
    }

    /// Authenticates with a whole header. Default and precedence as for `api_key`.
    pub fn auth_header(mut self, header: AuthorizationHeader) -> Self {
        self.credential = Some(Credential::Header(header));
        self
    }

    /// Where the API is. Default: `CODAT_BASE_URL`, else `https://api.codat.io`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// How long making a connection may take, with its name look-up and TLS. Default: 5 s, and in any case at most three
    /// quarters of what one request may take.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = Some(time);
        self
    }

    /// How long a call may take, from its start to the last byte of its answer, retries and waits included. Default: 30 s,
    /// with 10 s for each request within it; for `create` 60 s and 15 s. With a time given here, a single request of
    /// `create` and `delete` may take a third of it, so that time is left to find out how it ended.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// A file with PEM certificates to trust beside the bundled roots, for a proxy that opens TLS. Default:
    /// `CODAT_CA_FILE`, else none.
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(file.into());
        self
    }

    /// The proxy for every request, `http://proxy.example:8080`. Default: for an `https` base URL what `HTTPS_PROXY`,
    /// `ALL_PROXY` and `NO_PROXY` say, for `http` none.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// Lets the key go unencrypted to other machines. Default: `http://` reaches this machine alone.
    pub fn allow_insecure_http(mut self, allow: bool) -> Self {
        self.allow_insecure_http = allow;
        self
    }

    /// Whether what fails in passing is tried again. Without, every request is sent once: `create` and `delete` still look
    /// before and after, but end with `OutcomeUnknown` at the first doubt. Default: it is, at most 4 attempts in all.
    pub fn retry(mut self, retry: bool) -> Self {
        self.only_once = !retry;
        self
    }

    /// Replaces the clock and the dice.
    #[cfg(test)]
    pub(crate) fn surroundings(mut self, surroundings: Box<dyn Surroundings>) -> Self {
        self.surroundings = Some(surroundings.into());
        self
    }

    /// Makes the client. Nothing is sent.
    ///
    /// # Errors
    /// `NoCredential` where no key is given or found; `InvalidCredential` where what is found cannot be a key, or two
    /// variables disagree; `InvalidInput` for a base URL, CA file or proxy that cannot be used, and for a time of zero.
    pub fn build(self) -> Result<Client, Error> {
        self.build_in(&credentials::process_environment)
    }

    /// Makes the client with the variables of another environment than this process's. Nothing is sent.
    ///
    /// ```
    /// let variable = |name: &str| (name == "CODAT_API_KEY").then(|| "example".into());
    /// let client = codat_keys::Client::builder().build_in(&variable)?;
    /// assert_eq!(client.authorization_for(client.base_url())?.expose_secret(), "Basic ZXhhbXBsZQ==");
    /// # Ok::<(), codat_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn build_in(self, environment: &dyn Fn(&str) -> Option<OsString>) -> Result<Client, Error> {
        self.blueprint(environment)?.client(&LatestRateLimit::default())
    }

    /// Makes a client that blocks the calling thread instead of returning futures. Nothing is sent.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn build_blocking(self) -> Result<blocking::Client, Error> {
        blocking::Client::new(self.blueprint(&credentials::process_environment)?)
    }

    fn blueprint(self, environment: Environment<'_>) -> Result<Blueprint, Error> {
        let base_url = match self.base_url {
            Some(url) => url,
            None => credentials::variable(environment, "CODAT_BASE_URL")?.unwrap_or(base_url::PRODUCTION.to_owned()),
        };
        let base_url = BaseUrl::parse(&base_url, self.allow_insecure_http)?;
        let ca_file = match self.ca_file {
            Some(file) => Some((file, "the CA file")),
            None => {
                credentials::path(environment, "CODAT_CA_FILE")?.map(|file| (file, "the file that CODAT_CA_FILE names"))
            }
        };
        let limits = Limits::given(self.timeout)?;
        let connect_timeout =
            positive(self.connect_timeout.unwrap_or(CONNECT_TIMEOUT))?.min(limits.shortest_attempt() * 3 / 4);
        let proxy = match self.proxy {
            Some(url) => Some(proxy::given(&url, &base_url, self.allow_insecure_http)?),
            None => proxy::from_environment(environment, &base_url)?,
        };
        let credential = match self.credential {
            Some(credential) => credential,
            None => credentials::from_environment(environment)?,
        };
        Ok(Blueprint {
            tls: tls::config(ca_file)?,
            proxy,
            connect_timeout,
            key: credential.api_key().clone(),
            base_url,
            limits,
            policy: if self.only_once { ONE_ATTEMPT } else { POLICY },
            closed: Closed::default(),
            surroundings: self.surroundings.unwrap_or_else(|| Arc::new(Real)),
        })
    }
}

impl fmt::Debug for ClientBuilder {
    /// Without the URLs, which may hold a password as long as they are not checked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("credential", &self.credential)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

fn positive(time: Duration) -> Result<Duration, Error> {
    if time.is_zero() {
        return Err(
            Error::new(ErrorKind::InvalidInput, "a time-out is not above zero").hint_is("give a time-out above zero")
        );
    }
    Ok(time)
}

/// What a number of seconds is for every client: what is no time is none, which is refused; what is too long for the clock
/// is as long as it can be.
#[doc(hidden)]
pub fn seconds(time: f64) -> Duration {
    let longest = if time > 0.0 { Duration::MAX } else { Duration::ZERO };
    Duration::try_from_secs_f64(time).unwrap_or(longest)
}
