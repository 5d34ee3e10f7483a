//! The options for the connection and the key. All commands that send requests to the API have these options.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use codat_keys::internal::{process_environment, sanitize};
use codat_keys::{Client, ClientBuilder, Credential, ErrorKind};
use url::Url;

use crate::config::{Config, Profile, Source};
use crate::credential_selection::{self, Selection};
use crate::failure::Failure;
use crate::keyring::{self, KeyringError};
use crate::redact::{keep_secret, without_secrets};
use crate::runtime::unless_interrupted;
use crate::signals;

/// The default timeout of an operation on a journal that is stored in a bucket.
#[cfg(feature = "object-store")]
const BUCKET_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    #[command(flatten)]
    pub(crate) key: KeyOptions,
    /// A PEM file of certificates to trust in addition to the bundled roots [default: CODAT_CA_FILE, or none]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The proxy for all requests [default: HTTPS_PROXY for https, except for hosts in NO_PROXY]
    #[arg(long, value_name = "URL", value_parser = proxy)]
    proxy: Option<String>,
}

/// The options that select the key and its base URL.
#[derive(Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct KeyOptions {
    /// Use the key of this profile, even if the environment contains a key [default: CODAT_PROFILE, or the profile in use]
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(profile_candidates))]
    pub(crate) profile: Option<String>,
    /// The base URL of the API [default: CODAT_BASE_URL, the base URL of the profile, or https://api.codat.io]
    #[arg(long, value_name = "URL", value_parser = base_url)]
    pub(crate) base_url: Option<String>,
    /// The timeout of an operation with its retries, and of a request to the keyring [default: 30, for create 60]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<u64>,
    /// Allow http:// URLs of other machines: the key is then sent unencrypted [default: CODAT_ALLOW_INSECURE_HTTP]
    #[arg(long)]
    allow_insecure_http: bool,
}

impl Connection {
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        self.key.client_of(self.builder()).await
    }

    /// Returns a client builder that has all options of this struct except the API key and the base URL.
    pub(crate) fn builder(&self) -> ClientBuilder {
        let mut builder = self.key.builder();
        if let Some(file) = &self.ca_file {
            builder = builder.ca_file(file);
        }
        if let Some(url) = &self.proxy {
            builder = builder.proxy(url);
        }
        builder
    }

    /// Returns the options that select the key and the server. Messages that name the next command contain these
    /// options. The option `--proxy` is omitted, because its URL may contain a password.
    pub(crate) fn arguments(&self) -> Vec<(&'static str, String)> {
        let file = self.ca_file.as_ref().map(|file| file.display().to_string());
        let options =
            [("--profile", self.key.profile.clone()), ("--base-url", self.key.base_url.clone()), ("--ca-file", file)];
        options.into_iter().filter_map(|(option, value)| Some((option, value?))).collect()
    }

    /// Returns the path of the certificate file, and the option or variable that contains this path.
    pub(crate) fn ca_file_source(&self) -> Option<String> {
        let given = self.ca_file.as_ref().map(|file| format!("{} (--ca-file)", file.display()));
        given.or_else(|| std::env::var_os("CODAT_CA_FILE").map(|file| format!("{} (CODAT_CA_FILE)", file.display())))
    }
}

impl KeyOptions {
    /// Returns options that select the key of the profile `name`. `base_url` is the value of `--base-url`.
    pub(crate) fn of_profile(name: &str, base_url: Option<&str>) -> Self {
        let base_url = base_url.map(ToOwned::to_owned);
        Self { profile: Some(name.to_owned()), base_url, timeout: None, allow_insecure_http: true }
    }

    /// Returns a client for commands that read the API key and send no request. Such a client needs no certificates and
    /// no proxy.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        self.client_of(self.builder()).await
    }

    pub(crate) async fn client_of(&self, builder: ClientBuilder) -> Result<Client, Failure> {
        let client = match credential_selection::select(self.profile.as_deref())? {
            Selection::Environment => self.with_base_url(builder).build()?,
            Selection::Profile(profile) => {
                let builder = builder.base_url(self.base_url_for(&profile)?);
                let client = self.client_for(builder, &profile).await;
                client
                    .map_err(|failure| failure.with_note(format!("it is the key of the profile `{}`", profile.name)))?
            }
        };
        keep_secret(&client);
        Ok(client)
    }

    async fn client_for(&self, builder: ClientBuilder, profile: &Profile) -> Result<Client, Failure> {
        let builder = match &profile.source {
            Source::Keyring => builder.api_key(self.key_in_keyring(profile).await?.api_key().clone()),
            Source::File(path) => builder.api_key_file(path),
            Source::Command(command) => {
                let command = command.provider();
                signals::with_state(|state| state.abort_at_end(command.abort_handle()));
                builder.api_key_from(command)
            }
        };
        let client = builder.build()?;
        // Reads the key from its source now, so that a failure is reported as an error of the source and not of a
        // request.
        unless_interrupted(client.reload_key()).await?;
        Ok(client)
    }

    async fn key_in_keyring(&self, profile: &Profile) -> Result<Credential, Failure> {
        let again = format!("codat-keys login --profile {}", profile.name);
        let fetched = keyring::fetch(profile, self.keyring_timeout()).await;
        let text = fetched.map_err(|error| match error {
            KeyringError::Absent(why) => Failure::new(
                ErrorKind::InvalidCredential,
                format!("there is no keyring here: {why}"),
                format!("work where you logged in, or keep the key in a file: {again} --store file"),
            ),
            KeyringError::NoEntry => {
                let what = "the keyring has no key of this profile";
                Failure::new(ErrorKind::InvalidCredential, what, format!("store it again: {again}"))
            }
            KeyringError::Other(failure) => failure,
        })?;
        Ok(Credential::parse(&text)?)
    }

    /// Returns the base URL for requests with the key of a profile. The key of a profile is sent only to the origin of
    /// the profile. Therefore this function returns an error if an option or variable gives a base URL with another
    /// origin.
    pub(crate) fn base_url_for(&self, profile: &Profile) -> Result<String, Failure> {
        let given = self.base_url.as_deref().map(|url| (url, "--base-url"));
        Ok(profile.base_url_for(given, &process_environment)?)
    }

    /// Returns where the base URL comes from: an option, a variable, the profile or the default.
    pub(crate) fn base_url_source(&self) -> Result<&'static str, Failure> {
        Ok(
            match (
                &self.base_url,
                std::env::var_os("CODAT_BASE_URL"),
                credential_selection::select(self.profile.as_deref())?,
            ) {
                (Some(_), ..) => "--base-url",
                (None, Some(_), _) => "CODAT_BASE_URL",
                (None, None, Selection::Profile(_)) => "the profile",
                (None, None, Selection::Environment) => "the default",
            },
        )
    }

    pub(crate) fn with_base_url(&self, builder: ClientBuilder) -> ClientBuilder {
        match &self.base_url {
            Some(url) => builder.base_url(url),
            None => builder,
        }
    }

    fn builder(&self) -> ClientBuilder {
        let mut builder = Client::builder();
        if self.allow_insecure_http {
            builder = builder.allow_insecure_http(true);
        }
        match self.timeout {
            Some(seconds) => builder.timeout(Duration::from_secs(seconds)),
            None => builder,
        }
    }

    /// Returns the timeout of an operation on a journal that is stored in a bucket.
    #[cfg(feature = "object-store")]
    pub(crate) fn bucket_timeout(&self) -> Duration {
        self.timeout.map_or(BUCKET_TIMEOUT, Duration::from_secs)
    }

    /// Returns the timeout of a request to the keyring.
    pub(crate) fn keyring_timeout(&self) -> Duration {
        self.timeout.map_or(keyring::TIMEOUT, Duration::from_secs)
    }
}

/// Returns the names of the profiles, for completions.
pub(crate) fn profile_candidates() -> Vec<CompletionCandidate> {
    let profiles = Config::load().map(|config| config.profiles().to_vec()).unwrap_or_default();
    let candidate = |profile: &Profile| {
        CompletionCandidate::new(profile.name.as_str()).help(Some(sanitize(&without_secrets(&profile.base_url)).into()))
    };
    profiles.iter().map(candidate).collect()
}

/// Checks the value of `--base-url`. The error of this function names the option. The error of the client's builder
/// would name only the URL.
pub(crate) fn base_url(text: &str) -> Result<String, String> {
    Url::parse(text).map(|_| text.to_owned()).map_err(|_| "not a URL like https://api.codat.io".into())
}

fn proxy(text: &str) -> Result<String, String> {
    Url::parse(text).map(|_| text.to_owned()).map_err(|_| "not a URL like http://proxy.example:8080".into())
}

fn seconds(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|seconds| *seconds > 0).ok_or_else(|| "not a whole number of seconds, 1 or more".into())
}
