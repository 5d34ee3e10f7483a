//! The sink `profile:NAME`: the key that `login` stored for a profile, in the keyring or in a file.

use std::path::PathBuf;
use std::time::Duration;

use codat_keys::{ApiKey, ErrorKind};
use codat_keys_rotate::{Content, Sink, SinkError, SinkFuture};
use url::Url;

use super::{Form, SinkContext, content, invalid, stored_file};
use crate::config::{Config, Name, Place, Profile, Source};
use crate::failure::Failure;
use crate::key_storage::{self, check_is_stored_here};
use crate::keyring::{self, KeyringError};

pub(super) struct ProfileSink {
    name: Name,
    /// The base URL of the rotation. The base URL of the profile must have the same origin.
    base_url: String,
    keyring_timeout: Duration,
}

/// Returns the file that contains the key of a profile. Returns `None` if the key is in the keyring, or if the profile
/// cannot be read.
pub(super) fn file(name: &str) -> Option<PathBuf> {
    let (name, config) = (Name::parse(name, "a sink profile:").ok()?, Config::load().ok()?);
    match &config.find(&name)?.source {
        Source::File(path) => Some(path.clone()),
        _ => None,
    }
}

impl ProfileSink {
    pub(super) fn new(context: &SinkContext<'_>, place: &str, form: Form) -> Result<Self, Failure> {
        if form == Form::Header {
            return Err(invalid("a profile stores the raw key, not a header", "write the sink as profile:NAME"));
        }
        let sink = Self {
            name: Name::parse(place, "a sink profile:")?,
            base_url: context.base_url.to_owned(),
            keyring_timeout: context.keyring_timeout,
        };
        sink.profile(&Config::load()?)?;
        Ok(sink)
    }

    /// Returns the profile. Called before each access, because another process may have changed the configuration.
    fn profile(&self, config: &Config) -> Result<Profile, Failure> {
        let profile = config.get(&self.name, Some("a sink"))?;
        if profile.origin() != Url::parse(&self.base_url).ok().map(|url| url.origin()) {
            let what = format!("the profile `{}` is for {}, not for {}", self.name, profile.base_url, self.base_url);
            return Err(invalid(what, format!("use a profile with the base URL {}", self.base_url)));
        }
        check_is_stored_here(config, profile)?;
        Ok(profile.clone())
    }

    async fn read_now(&self) -> Result<Content, SinkError> {
        let profile = Config::load().and_then(|config| self.profile(&config)).map_err(permanent)?;
        match &profile.source {
            Source::File(path) => stored_file::read(path)?.map_or(Ok(Content::Nothing), |file| {
                file.check_own()?;
                Ok(content(&file.bytes))
            }),
            Source::Keyring => match keyring::fetch(&profile, self.keyring_timeout).await {
                Ok(text) => Ok(content(text.as_bytes())),
                Err(KeyringError::NoEntry) => Ok(Content::Nothing),
                Err(KeyringError::Absent(why)) => Err(SinkError::permanent(format!("there is no keyring here: {why}"))),
                Err(KeyringError::Other(failure)) => Err(sink_error(failure).await),
            },
            Source::Command(_) => Err(SinkError::permanent(
                "its key comes from a command, so it cannot be written: name the place that the command reads as the sink",
            )),
        }
    }

    async fn write_now(&self, key: &ApiKey) -> Result<(), SinkError> {
        // Waits on another thread, so that a signal can stop the rotation meanwhile.
        let locked = tokio::task::spawn_blocking(Config::lock).await;
        let config = locked.map_err(|error| SinkError::permanent(error.to_string()))?.map_err(permanent)?;
        let profile = self.profile(&config).map_err(permanent)?;
        let place = if matches!(profile.source, Source::Keyring) { Place::Keyring } else { Place::File };
        let named = (&profile.name, &*profile.base_url);
        let stored = key_storage::store(Some(place), &config, named, key, self.keyring_timeout).await;
        match stored {
            Ok(_) => Ok(()),
            Err(failure) => Err(sink_error(failure).await),
        }
    }
}

impl Sink for ProfileSink {
    fn describe(&self) -> String {
        format!("profile:{}", self.name)
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        Box::pin(self.read_now())
    }

    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
        Box::pin(self.write_now(key))
    }

    fn timeout(&self) -> Duration {
        // The keyring has its own timeout, and `Config::lock` waits for up to 10 s.
        self.keyring_timeout + Duration::from_secs(15)
    }
}

/// Converts a failure of the keyring or of the file to a sink error. If a signal has caused the failure, the returned
/// future never completes. The signal ends the whole rotation, and must not be reported as a failure of the sink.
async fn sink_error(failure: Failure) -> SinkError {
    if failure.is_of(ErrorKind::Cancelled) {
        std::future::pending::<()>().await;
    }
    if failure.is_retryable() { SinkError::temporary(failure.to_string()) } else { permanent(failure) }
}

fn permanent(failure: Failure) -> SinkError {
    SinkError::permanent(failure.to_string())
}
