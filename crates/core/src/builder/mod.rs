//! The builder of clients.

mod check;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::credentials::{KeyCommand, KeyProvider};
use crate::domain::{ApiKey, AuthorizationHeader, Credential, mask_credentials};
use crate::environment;
use crate::error::Error;
use crate::handle::Handle;
use crate::retry::Rng;
use crate::timeouts::Clock;
use crate::transport::{GivenClient, LatestRateLimit};

/// Builds a [`Client`]. If a setting is not given, its environment variable applies. If the variable is not set either,
/// the default in the documentation of the setting applies.
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
    key: Option<Given>,
    /// The name of a profile. `None` if [`key`](Self::key) is set.
    profile: Option<String>,
    base_url: Option<String>,
    connect_timeout: Option<Duration>,
    timeout: Option<Duration>,
    ca_file: Option<PathBuf>,
    proxy: Option<String>,
    http_client: Option<GivenClient>,
    allow_insecure_http: Option<bool>,
    max_response_bytes: Option<u64>,
    only_once: bool,
    clock: Option<Arc<dyn Clock>>,
    rng: Option<Arc<dyn Rng>>,
}

/// A credential that was set on the builder. It replaces the credential in the environment variables.
#[derive(Clone)]
enum Given {
    Value(Credential),
    File(PathBuf),
    Provider(Arc<dyn KeyProvider>),
}

impl Client {
    /// Builds a client with default settings and with the API key from the environment.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Returns a builder with default settings.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }
}

impl ClientBuilder {
    /// Authenticates with a raw API key. Default: the key or header in the variable `CODAT_API_KEY` or
    /// `CODAT_AUTH_HEADER`, or in the file that `CODAT_API_KEY_FILE` names. If several of these variables are set, they
    /// must contain the same key. If none of them is set, the default is the key of the [`profile`](Self::profile) that
    /// `CODAT_PROFILE` names.
    ///
    /// `api_key`, `auth_header`, `api_key_file`, `api_key_command`, `api_key_from` and `profile` replace each other:
    /// the last call applies. These settings take precedence over the environment variables.
    pub fn api_key(self, key: ApiKey) -> Self {
        self.given(Given::Value(Credential::ApiKey(key)))
    }

    /// Authenticates with a whole `Authorization` header. By default, the client uses the sources that
    /// [`api_key`](Self::api_key) describes.
    pub fn auth_header(self, header: AuthorizationHeader) -> Self {
        self.given(Given::Value(Credential::Header(header)))
    }

    /// Authenticates with the API key or whole header in a file. The client checks the file at most once a second. It
    /// reads the file again if the file has changed or if Codat rejects the key. `CODAT_API_KEY_FILE` has the same
    /// effect.
    ///
    /// The file contains UTF-8, or UTF-16 with a byte order mark. One line break at its end is ignored. To change the
    /// key, write a new file and rename it over the old one: the client then never reads a partly written file.
    /// Kubernetes replaces mounted secrets in this way. A pipe is read only once.
    ///
    /// On Unix, the client rejects a file that users other than its owner can write. If the user of this process owns
    /// the file, the client also rejects a file that every user of the machine can read. Mounted secrets are exempt
    /// from this second check: files below `/run/secrets`, and files in a folder with a link `..data`.
    pub fn api_key_file(self, path: impl Into<PathBuf>) -> Self {
        self.given(Given::File(path.into()))
    }

    /// Authenticates with the API key or whole header that a command prints. [`KeyCommand`] documents the timeout of
    /// the command and how often it runs.
    pub fn api_key_command(self, argv: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.api_key_from(KeyCommand::new(argv))
    }

    /// Authenticates with the credential from a custom provider. A [`KeyCommand`] is also a provider. The credential is
    /// read before the first request.
    pub fn api_key_from(self, provider: impl KeyProvider + 'static) -> Self {
        self.given(Given::Provider(Arc::new(provider)))
    }

    /// Authenticates with the key of a profile, and sends requests to the base URL of the profile. The command
    /// `codat-keys login` creates profiles. With this setting, the environment variables that
    /// [`api_key`](Self::api_key) lists are ignored. Without this setting, a client that is given no key uses the
    /// profile that `CODAT_PROFILE` names. Only the command line uses the profile that `codat-keys profile use`
    /// selects.
    ///
    /// The profile is read from `codat-keys/config.toml` in the configuration folder of the user: `XDG_CONFIG_HOME`,
    /// else `~/.config`, or `%APPDATA%` on Windows. [`api_key_file`](Self::api_key_file) documents how a key in a file
    /// is read, and [`api_key_command`](Self::api_key_command) how a key is read from a command. A key in the keyring
    /// is read by the program `codat-keys`, which must be in a folder of `PATH`.
    ///
    /// The key is sent only to the origin of the profile. Another origin in [`base_url`](Self::base_url) or
    /// `CODAT_BASE_URL` is an error. On Unix, the rules of [`ca_file`](Self::ca_file) apply to `config.toml`. They also
    /// apply to the program `codat-keys` if the client runs it.
    ///
    /// ```no_run
    /// let client = codat_keys::Client::builder().profile("work").build()?;
    /// # Ok::<(), codat_keys::Error>(())
    /// ```
    ///
    /// [`build`](Self::build) returns `InvalidInput` if there is no such profile or `config.toml` is invalid, and
    /// `InvalidCredential` if the key is in the keyring and `codat-keys` is missing.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.key = None;
        self.profile = Some(name.into());
        self
    }

    fn given(mut self, key: Given) -> Self {
        self.key = Some(key);
        self.profile = None;
        self
    }

    /// Sets the base URL of the API. Default: the value of `CODAT_BASE_URL`, else the base URL of the profile, else
    /// `https://api.codat.io`.
    ///
    /// The host must have the normal form of the URL standard. For another form, such as `api%2ecodat.io` or `127.1`,
    /// [`build`](Self::build) returns `InvalidInput`, because some HTTP libraries would connect to another host.
    /// Upper-case letters are accepted.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sets the timeout for connecting, including name resolution and TLS. Default: 5 s. The timeout is limited to
    /// three quarters of the timeout of an attempt.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = Some(time);
        self
    }

    /// Sets the timeout of every operation, including retries and waits. With this setting, an attempt of `create` or
    /// `delete` can take a third of the timeout, so that time remains to determine the outcome of the attempt. Any
    /// other attempt can take the whole timeout.
    ///
    /// Without this setting, the timeout is 30 s (60 s for `create`), and an attempt can take 10 s (15 s for `create`).
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// Trusts the PEM certificates in a file in addition to the bundled root certificates, for a proxy that intercepts
    /// TLS. Default: the file that `CODAT_CA_FILE` names. If the variable is not set, only the bundled root
    /// certificates are trusted.
    ///
    /// On Unix, the file and each folder above it must belong to root or to the user of this process. Other users must
    /// not be able to write to them. For a file in the home folder, only the folders up to the home folder are checked.
    /// A folder with the sticky bit or on a read-only file system is accepted, even if other users have write
    /// permission. The maximum size of the file is 16 MiB.
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(file.into());
        self
    }

    /// Sets the URL of a proxy for all requests, such as `http://proxy.example:8080`. With a proxy and an `http` base
    /// URL, [`build`](Self::build) returns `InvalidInput`, because the proxy could read the API key.
    /// [`allow_insecure_http`](Self::allow_insecure_http) permits this combination.
    ///
    /// Default for an `https` base URL: the proxy in `HTTPS_PROXY` or `ALL_PROXY`, unless `NO_PROXY` excludes the host.
    /// Default for an `http` base URL: no proxy.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// Sends requests with your own reqwest client: with its TLS, proxies, name resolution and connection pool.
    /// Default: a reqwest client with the settings of this crate.
    ///
    /// The function `client` returns the settings of the reqwest client. It is called several times, because a blocking
    /// client and a child process after a fork need separate reqwest clients. The following settings are always
    /// replaced, because they decide where an API key is sent, or whether a request is repeated:
    /// - The reqwest client follows no redirect, retries nothing and sends no `Referer` header.
    /// - It uses HTTP/1.1 without compression, and does not log the bytes of its connections.
    /// - [`timeout`](Self::timeout) and [`connect_timeout`](Self::connect_timeout) replace the timeouts of reqwest.
    /// - It uses no proxy for an `http` base URL, because the proxy could read the key.
    ///
    /// All other settings apply. Others can get access to the key through any certificate that the reqwest client
    /// trusts, any proxy that decrypts TLS, and any layer of `connector_layer`. The headers of `default_headers` are
    /// sent, unless this crate sets a header of the same name.
    ///
    /// ```
    /// # rustls::crypto::ring::default_provider().install_default().ok();
    /// let client = codat_keys::Client::builder()
    ///     .api_key(codat_keys::ApiKey::parse("example")?)
    ///     .http_client(|| reqwest::Client::builder().pool_max_idle_per_host(2))
    ///     .build()?;
    /// # Ok::<(), codat_keys::Error>(())
    /// ```
    ///
    /// [`build`](Self::build) returns `InvalidInput` if [`ca_file`](Self::ca_file), `CODAT_CA_FILE` or
    /// [`proxy`](Self::proxy) is also set, or if the reqwest client cannot be built.
    ///
    /// # Panics
    /// With the cargo feature `ring` and without `rustls`, [`build`](Self::build) can panic, because reqwest then needs
    /// a rustls provider. Install a provider, or give the reqwest client a TLS configuration.
    pub fn http_client(mut self, client: impl Fn() -> reqwest::ClientBuilder + Send + Sync + 'static) -> Self {
        self.http_client = Some(Arc::new(client));
        self
    }

    /// Allows an `http://` base URL on another machine. The API key is then sent unencrypted. Default: the value of
    /// `CODAT_ALLOW_INSECURE_HTTP`. If the variable is not set, an `http://` base URL must name this machine.
    pub fn allow_insecure_http(mut self, allow: bool) -> Self {
        self.allow_insecure_http = Some(allow);
        self
    }

    /// Sets the maximum size of a response body in bytes, for [`request`](crate::Client::request) and
    /// [`pages`](crate::Client::pages). A larger body is an error of kind `TooLarge`. The client stops reading such a
    /// body at the limit. Default: 64 MiB (67,108,864). [`build`](Self::build) returns `InvalidInput` for zero.
    /// `u64::MAX` means no limit.
    ///
    /// The operations on keys have a fixed limit of 8 MiB. The client reads at most 64 KiB of an error response.
    pub fn max_response_bytes(mut self, bytes: u64) -> Self {
        self.max_response_bytes = Some(bytes);
        self
    }

    /// Sets whether requests are retried after transient errors. Without retries, every request is sent once. `create`
    /// and `delete` then return `OutcomeUnknown` more often, because no retry shows whether the first attempt took
    /// effect. Default: `true`, with at most 4 attempts.
    pub fn retry(mut self, retry: bool) -> Self {
        self.only_once = !retry;
        self
    }

    /// Replaces the clock and the source of random numbers, for tests.
    #[cfg(test)]
    pub(crate) fn clock_and_rng(mut self, fake: Arc<impl Clock + Rng + 'static>) -> Self {
        self.clock = Some(fake.clone());
        self.rng = Some(fake);
        self
    }

    /// Builds the client. Sends nothing.
    ///
    /// # Errors
    /// `NoCredential` if no credential is set on the builder or in the environment. `InvalidCredential` if the
    /// credential is invalid or cannot be read, or if two environment variables contain different keys. `InvalidInput`
    /// for an invalid base URL, profile, CA file or proxy, and for a timeout of zero.
    pub fn build(self) -> Result<Client, Error> {
        self.build_in(&environment::process_environment)
    }

    /// Builds the client. The function `environment` replaces the environment variables of this process. Sends nothing.
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
        let config = self.config(environment)?;
        Handle::new(config, &LatestRateLimit::default()).map(Client::new)
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(credential) => credential.fmt(f),
            Self::File(path) => shown(path).fmt(f),
            Self::Provider(provider) => f.write_str(provider.source()),
        }
    }
}

/// Returns a builder of HTTP clients for services other than Codat. The clients use the CA file and the proxy of these
/// settings or of the environment. They follow no redirects and repeat no requests. If `is_encrypted` is false, the
/// clients are for `http` URLs, and use no proxy.
///
/// # Errors
/// `InvalidInput` if the CA file or the proxy cannot be used.
pub fn http_client_builder(settings: &ClientBuilder, is_encrypted: bool) -> Result<reqwest::ClientBuilder, Error> {
    settings.other_http_client(&environment::process_environment, is_encrypted)
}

impl fmt::Debug for ClientBuilder {
    /// Omits the base URL and the proxy URL, because they may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ca_file = self.ca_file.as_deref().map(shown);
        f.debug_struct("ClientBuilder").field("key", &self.key).field("ca_file", &ca_file).finish_non_exhaustive()
    }
}

/// Returns a path for messages. Masks an API key that was given as a path by mistake.
fn shown(path: &Path) -> String {
    mask_credentials(&path.to_string_lossy())
}
