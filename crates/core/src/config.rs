//! How a client is set up. Together with `transport.rs` the only module that knows reqwest.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::auth::AuthorizationHeader;
use crate::base_url::{self, BaseUrl};
use crate::client::Client;
use crate::credential::Credential;
use crate::credentials::{self, Environment};
use crate::error::{Error, ErrorKind};
use crate::secret::ApiKey;
use crate::transport::Transport;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READING: Timeouts = Timeouts { attempt: Duration::from_secs(10), call: Duration::from_secs(30) };
const CREATING: Timeouts = Timeouts { attempt: Duration::from_secs(15), call: Duration::from_secs(60) };

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
    pub(crate) create: Timeouts,
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

    /// How long making a connection may take. Default: 5 s.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = Some(time);
        self
    }

    /// How long a call may take, from its start to the last byte of its answer. Default: 30 s, with 10 s for each
    /// request within it; for `create` 60 s and 15 s. A time given here is for the whole call and for each request.
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

    /// Makes the client. Nothing is sent.
    ///
    /// # Errors
    /// `NoCredential` where no key is given or found; `InvalidCredential` where what is found cannot be a key, or two
    /// variables disagree; `InvalidInput` for a base URL, CA file or proxy that cannot be used, and for a time of zero.
    pub fn build(self) -> Result<Client, Error> {
        self.build_in(&credentials::process_environment)
    }

    fn build_in(self, environment: Environment<'_>) -> Result<Client, Error> {
        let base_url = match self.base_url {
            Some(url) => url,
            None => credentials::variable(environment, "CODAT_BASE_URL")?.unwrap_or(base_url::PRODUCTION.to_owned()),
        };
        let base_url = BaseUrl::parse(&base_url, self.allow_insecure_http)?;
        let ca_file = match self.ca_file {
            Some(file) => Some(file),
            None => credentials::variable(environment, "CODAT_CA_FILE")?.map(PathBuf::from),
        };
        let limits = limits(self.timeout)?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(ca_file.as_deref())?)
            .connect_timeout(positive(self.connect_timeout.unwrap_or(CONNECT_TIMEOUT))?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("codat-keys/", env!("CARGO_PKG_VERSION")));
        let http = match self.proxy {
            Some(url) => http.no_proxy().proxy(proxy(&url, &base_url, self.allow_insecure_http)?),
            None if base_url.is_encrypted() => http,
            None => http.no_proxy(),
        };
        let credential = match self.credential {
            Some(credential) => credential,
            None => credentials::from_environment(environment)?,
        };
        let transport = Transport {
            http: http.build().map_err(|source| {
                Error::new(ErrorKind::Internal, "the HTTP client could not be set up").caused_by(source.without_url())
            })?,
            authorization: credential.header().to_header_value(),
            key: credential.api_key().clone(),
        };
        Ok(Client::new(transport, base_url, limits))
    }
}

impl fmt::Debug for ClientBuilder {
    /// Without the proxy's URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("credential", &self.credential)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

fn limits(given: Option<Duration>) -> Result<Limits, Error> {
    let Some(time) = given else {
        return Ok(Limits { read: READING, create: CREATING });
    };
    let time = positive(time)?;
    let both = Timeouts { attempt: time, call: time };
    Ok(Limits { read: both, create: both })
}

fn positive(time: Duration) -> Result<Duration, Error> {
    if time.is_zero() {
        return Err(Error::new(ErrorKind::InvalidInput, "a time-out is zero").hint_is("give a time-out above zero"));
    }
    Ok(time)
}

/// Ring and the bundled roots, in a configuration of this client alone: two bindings may share a process.
fn tls(ca_file: Option<&Path>) -> Result<rustls::ClientConfig, Error> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = ca_file {
        for certificate in certificates(file)? {
            roots
                .add(certificate)
                .map_err(|source| unusable_ca_file("holds a certificate that is not valid", source))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| Error::new(ErrorKind::Internal, "TLS could not be set up").caused_by(source))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| unusable_ca_file("cannot be read as PEM", source))?;
    if certificates.is_empty() {
        return Err(unusable_ca_file("holds no certificate", "no BEGIN CERTIFICATE line"));
    }
    Ok(certificates)
}

fn unusable_ca_file(what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("the CA file {what}"))
        .hint_is("give the path of a PEM file with the certificate of the authority that signs for your proxy")
        .caused_by(source)
}

fn proxy(text: &str, base_url: &BaseUrl, allow_insecure_http: bool) -> Result<reqwest::Proxy, Error> {
    let example = "write it like http://proxy.example:8080";
    let url = url::Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the proxy is not an http or https URL").hint_is(example))?;
    if !base_url.is_encrypted() && !base_url::is_loopback(&url) && !allow_insecure_http {
        return Err(Error::new(ErrorKind::InvalidInput, "the proxy would see the key unencrypted")
            .hint_is("use an https base URL with a proxy, or allow insecure HTTP if the network is trusted"));
    }
    reqwest::Proxy::all(url).map_err(|source| {
        Error::new(ErrorKind::InvalidInput, "the proxy cannot be used").hint_is(example).caused_by(source.without_url())
    })
}
