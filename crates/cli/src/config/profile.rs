//! Profiles. A profile has a name, the source of its key, and the base URL of the API.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf, is_separator};
use std::time::Duration;

use codat_keys::{ErrorKind, KeyCommand};
use serde::Deserialize;

use crate::failure::Failure;
use crate::redact::without_secrets;

const MAX_NAME_CHARS: usize = 32;

#[derive(Clone)]
pub(crate) struct Profile {
    pub(crate) name: Name,
    pub(crate) base_url: String,
    pub(crate) source: Source,
}

/// The source of a profile's key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Keyring,
    File(PathBuf),
    Command(Command),
}

/// The place where `login` stores a key.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(fuzzing), derive(clap::ValueEnum))]
pub(crate) enum Place {
    /// The keyring of the operating system
    Keyring,
    /// A file that only you can read
    File,
}

/// An external program that prints a key, with its arguments.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) argv: Vec<OsString>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) cached_for: Option<Duration>,
}

impl Command {
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

    pub(crate) fn provider(&self) -> KeyCommand {
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

impl Display for Source {
    /// Formats the source without the arguments of a command, which may contain secrets. Masks a key that was given as
    /// a path or a program by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match self {
            Self::Keyring => "the keyring".into(),
            Self::File(path) => format!("the file {}", path.display()),
            Self::Command(command) => format!("the command `{}`", command.argv[0].display()),
        };
        f.write_str(&without_secrets(shown))
    }
}

/// The name of a profile.
///
/// The name is also a file name. Some file systems ignore case, so capital letters are rejected.
///
/// A user may give an API key as the name by mistake. An API key is too long for a name, and error messages do not
/// quote an invalid name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn parse(text: &str, place: &str) -> Result<Self, Failure> {
        Self::try_from(text.to_owned()).map_err(|_| {
            Failure::new(
                ErrorKind::InvalidInput,
                format!("{place} is no name of a profile"),
                "write it with at most 32 lower-case letters, digits, `-` and `_`: work, staging-eu",
            )
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_name = text.starts_with(is_letter)
            && text.len() <= MAX_NAME_CHARS
            && text.chars().all(|c| is_letter(c) || matches!(c, '-' | '_'));
        is_name.then_some(Self(text)).ok_or("the name of a profile must be like work or staging-eu")
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
