//! Profiles. A profile has a name, the source of its key, and the base URL of the API.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf, is_separator};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use url::{Origin, Url};

use super::keyring;
use crate::credentials::{self, CredentialCache, KeyCommand, KeyFile};
use crate::domain::mask_credentials;
use crate::environment::{self, Environment};
use crate::error::{Error, ErrorKind};

const MAX_NAME_CHARS: usize = 32;

/// A profile of `config.toml`.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name of the profile.
    pub name: ProfileName,
    /// The base URL of the API. The key is sent only to the origin of this URL.
    pub base_url: String,
    /// The source of the key.
    pub source: ProfileSource,
}

/// The source of a profile's key.
#[derive(Clone, PartialEq, Eq)]
pub enum ProfileSource {
    /// The keyring of the operating system.
    Keyring,
    /// A file that contains an API key or the value of an `Authorization` header.
    File(PathBuf),
    /// A program that prints a key.
    Command(ProfileCommand),
}

/// An external program that prints a key, and the arguments of the program.
#[derive(Clone, PartialEq, Eq)]
pub struct ProfileCommand {
    pub(super) argv: Vec<OsString>,
    pub(super) timeout: Option<Duration>,
    pub(super) cached_for: Option<Duration>,
}

/// The name of a profile.
///
/// The name is also used as a file name. Some file systems ignore case, so a name must not contain capital letters.
///
/// A user may give an API key as the name by mistake. An API key has 40 characters, and a name has at most 32, so an
/// API key is rejected. Error messages do not quote a rejected name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ProfileName(String);

impl Profile {
    /// Returns the base URL for requests with the key of this profile. `given` is a base URL from a setting, and the
    /// name of this setting. If `given` is `None`, returns the value of `CODAT_BASE_URL`. If `CODAT_BASE_URL` is not
    /// set either, returns the base URL of the profile.
    ///
    /// Returns an error if the base URL and the profile have different origins, because the key of a profile is sent
    /// only to the origin of the profile.
    pub fn base_url_for(&self, given: Option<(&str, &str)>, environment: Environment<'_>) -> Result<String, Error> {
        let (url, named_by) = match given {
            Some((url, named_by)) => (url.to_owned(), named_by),
            None => match environment::variable(environment, "CODAT_BASE_URL")? {
                Some(url) => (url, "CODAT_BASE_URL"),
                None => return Ok(self.base_url.clone()),
            },
        };
        let own = self.origin();
        match origin(&url) {
            Some(given) if Some(&given) != own.as_ref() => {
                let what = format!(
                    "{named_by} names {}, but the key of the profile `{}` is for {}",
                    given.ascii_serialization(),
                    self.name,
                    own.map_or("no URL".into(), |own| own.ascii_serialization())
                );
                Err(Error::new(ErrorKind::InvalidInput, mask_credentials(&what))
                    .with_hint(format!("leave {named_by} out, or use another profile: the key goes nowhere else")))
            }
            // The builder of the client rejects an invalid URL.
            _ => Ok(url),
        }
    }

    /// Returns the origin of the base URL. The key is sent only to this origin. Returns `None` if the base URL is
    /// invalid.
    pub fn origin(&self) -> Option<Origin> {
        origin(&self.base_url)
    }

    /// Returns a cache for the key of this profile. If the key file is a pipe, waits up to `limit` for the key.
    pub(crate) fn credentials(&self, environment: Environment<'_>, limit: Duration) -> Result<CredentialCache, Error> {
        match &self.source {
            ProfileSource::Keyring => {
                let command = keyring::provider(self.name.as_str(), &self.base_url, environment)?;
                Ok(CredentialCache::of(Arc::new(command)))
            }
            ProfileSource::File(path) => credentials::read_file(KeyFile::given(path.clone()), limit),
            ProfileSource::Command(command) => Ok(CredentialCache::of(Arc::new(command.provider()))),
        }
    }
}

impl ProfileCommand {
    /// Resolves the path of the program against a folder. A program name without a path separator stays unchanged,
    /// because the system searches for it in `PATH`.
    pub(super) fn in_folder(mut self, folder: &Path) -> Self {
        if let Some(program) = self.argv.first_mut()
            && program.to_string_lossy().contains(is_separator)
        {
            *program = folder.join(&*program).into();
        }
        self
    }

    /// Returns a credential provider that runs the program.
    pub fn provider(&self) -> KeyCommand {
        let mut command = KeyCommand::new(&self.argv);
        if let Some(time) = self.timeout {
            command = command.timeout(time);
        }
        if let Some(time) = self.cached_for {
            command = command.cached_for(time);
        }
        command
    }
}

impl Display for ProfileSource {
    /// Formats the source without the arguments of a command, which may contain secrets. Masks a key that was given as
    /// a path or a program by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match self {
            Self::Keyring => "the keyring".into(),
            Self::File(path) => format!("the file {}", path.display()),
            Self::Command(command) => format!("the command `{}`", command.argv[0].display()),
        };
        f.write_str(&mask_credentials(&shown))
    }
}

impl fmt::Debug for ProfileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl fmt::Debug for ProfileCommand {
    /// Omits the program and its arguments, because the arguments may contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileCommand").finish_non_exhaustive()
    }
}

impl ProfileName {
    /// Parses a name. The error mentions `place`, the setting that contains the name.
    pub fn parse(text: &str, place: &str) -> Result<Self, Error> {
        Self::try_from(text.to_owned()).map_err(|_| {
            Error::new(ErrorKind::InvalidInput, format!("{place} is no name of a profile"))
                .with_hint("write it with at most 32 lower-case letters, digits, `-` and `_`: work, staging-eu")
        })
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProfileName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_name = text.starts_with(is_letter)
            && text.len() <= MAX_NAME_CHARS
            && text.chars().all(|c| is_letter(c) || matches!(c, '-' | '_'));
        is_name.then_some(Self(text)).ok_or("the name of a profile must be like work or staging-eu")
    }
}

impl Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn origin(url: &str) -> Option<Origin> {
    Url::parse(url).ok().map(|url| url.origin())
}
