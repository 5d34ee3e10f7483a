//! The options of a client as data.

use std::path::PathBuf;
use std::time::Duration;

use codat_keys::{ApiKey, AuthorizationHeader, Client, ClientBuilder, KeyCommand};

use crate::key_callback::KeyCallback;

/// The options of a client. For an option that is `None`, the client uses the default. The values are validated when
/// the client is built.
#[derive(Default)]
pub struct ClientOptions {
    /// The source of the API key.
    pub key: Option<KeySource>,
    /// The base URL.
    pub base_url: Option<String>,
    /// The timeout of a call with its retries.
    pub timeout: Option<Duration>,
    /// Whether requests are retried.
    pub retry: Option<bool>,
    /// The path of a file with PEM certificates that the client trusts in addition to its bundled root certificates.
    pub ca_file: Option<PathBuf>,
    /// The URL of the proxy.
    pub proxy: Option<String>,
    /// Whether `http` URLs of other machines are allowed.
    pub allow_insecure_http: Option<bool>,
    /// The maximum size of a response body in bytes.
    pub max_response_bytes: Option<u64>,
}

/// The source of an API key.
pub enum KeySource {
    /// An API key.
    Key(ApiKey),
    /// The value of an `Authorization` header.
    Header(AuthorizationHeader),
    /// The path of a file that contains an API key or the value of an `Authorization` header.
    File(PathBuf),
    /// A command that prints an API key or the value of an `Authorization` header.
    Command(KeyCommandOptions),
    /// The name of a profile in `config.toml`.
    Profile(String),
    /// A Python or JavaScript function that returns the API key.
    Callback(KeyCallback),
}

/// A command and its options. The command prints the API key.
#[derive(Clone)]
pub struct KeyCommandOptions {
    /// The program and its arguments.
    pub argv: Vec<PathBuf>,
    /// The time limit of one run.
    pub timeout: Option<Duration>,
    /// How long the client uses the API key before it runs the command again.
    pub cached_for: Option<Duration>,
}

impl ClientOptions {
    /// Returns the builder of the client.
    pub fn builder(self) -> ClientBuilder {
        let mut builder = Client::builder();
        builder = match self.key {
            Some(KeySource::Key(key)) => builder.api_key(key),
            Some(KeySource::Header(header)) => builder.auth_header(header),
            Some(KeySource::File(path)) => builder.api_key_file(path),
            Some(KeySource::Command(command)) => builder.api_key_from(KeyCommand::from(command)),
            Some(KeySource::Profile(name)) => builder.profile(name),
            Some(KeySource::Callback(callback)) => builder.api_key_from(callback),
            None => builder,
        };
        if let Some(url) = self.base_url {
            builder = builder.base_url(url);
        }
        if let Some(time) = self.timeout {
            builder = builder.timeout(time);
        }
        if let Some(retry) = self.retry {
            builder = builder.retry(retry);
        }
        if let Some(file) = self.ca_file {
            builder = builder.ca_file(file);
        }
        if let Some(url) = self.proxy {
            builder = builder.proxy(url);
        }
        if let Some(allow) = self.allow_insecure_http {
            builder = builder.allow_insecure_http(allow);
        }
        if let Some(bytes) = self.max_response_bytes {
            builder = builder.max_response_bytes(bytes);
        }
        builder
    }
}

impl From<KeyCommandOptions> for KeyCommand {
    fn from(KeyCommandOptions { argv, timeout, cached_for }: KeyCommandOptions) -> Self {
        let command = Self::new(argv);
        let command = if let Some(time) = timeout { command.timeout(time) } else { command };
        if let Some(time) = cached_for { command.cached_for(time) } else { command }
    }
}

/// Returns the name and the value of the only option that has a value. Returns `None` if no option has a value.
/// `sources` contains the name and the value of each client option that can provide the API key.
///
/// # Errors
/// The message of the error if more than one option is given.
pub fn at_most_one<T>(
    sources: impl IntoIterator<Item = (&'static str, Option<T>)>,
) -> Result<Option<(&'static str, T)>, String> {
    let mut given = sources.into_iter().filter_map(|(name, value)| Some((name, value?)));
    match (given.next(), given.next()) {
        (Some((one, _)), Some((other, _))) => Err(format!("give {one} or {other}, not both")),
        (one, _) => Ok(one),
    }
}
