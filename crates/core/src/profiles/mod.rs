//! The profiles in `config.toml`. The file states where the key of each profile is stored, and contains no key. The
//! command line writes the file. This module only reads it.

mod folder;
mod keyring;
mod profile;
mod read;

use std::fmt::Display;
use std::io::{ErrorKind as Io, Read};
use std::path::{Path, PathBuf};

use toml_edit::Document;

pub use folder::config_path;
pub use profile::{Profile, ProfileCommand, ProfileName, ProfileSource};

use crate::credentials::{KeySelector, key_selectors};
use crate::domain::mask_credentials;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind};
use crate::text::{NotText, decode};
use crate::trusted_file::{OpenError, open_trusted};

/// The contents of `config.toml`.
///
/// ```
/// use std::path::Path;
/// use codat_keys::internal::{ConfigFile, ProfileName};
///
/// let text = "[profiles.work]\nbase_url = \"https://api.codat.io\"\nsource = \"keyring\"\n";
/// let config = ConfigFile::parse(Path::new("/home/config.toml"), text.as_bytes())?;
/// let name = ProfileName::parse("work", "the name")?;
/// assert_eq!(config.get(&name, None)?.base_url, "https://api.codat.io");
/// # Ok::<(), codat_keys::Error>(())
/// ```
#[derive(Clone)]
pub struct ConfigFile {
    /// The path of the file.
    pub path: PathBuf,
    /// The TOML document. Empty if the file does not exist.
    pub document: Document<String>,
    /// The name of the profile that commands use if no option and no environment variable selects a key.
    pub in_use: Option<ProfileName>,
    /// The profiles, sorted by name.
    pub profiles: Vec<Profile>,
}

impl ConfigFile {
    /// Reads the file. A missing file counts as empty.
    ///
    /// Returns an error if another user can change the file, because the file determines where keys are sent and which
    /// commands run.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        match open_trusted(path).and_then(|mut file| Ok(file.read_to_end(&mut bytes)?)) {
            Err(OpenError::Io(error)) if matches!(error.kind(), Io::NotFound | Io::NotADirectory) => {}
            read => {
                read.map_err(|error| refuse(path, &error, error.hint("make it a text file that is yours")))?;
            }
        }
        Self::parse(path, &bytes)
    }

    /// Parses the contents of the file. Errors contain `path`.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let text = decode(bytes).map_err(|what| refuse(path, &what, NotText::HINT.to_owned()))?;
        read::config(path, path.parent().unwrap_or(path), &text)
    }

    /// Returns the profile with this name. The error for an unknown name mentions `named_by`: the option, variable or
    /// file that contains the name.
    pub fn get(&self, name: &ProfileName, named_by: Option<&str>) -> Result<&Profile, Error> {
        self.profiles.iter().find(|profile| profile.name == *name).ok_or_else(|| {
            let names: Vec<&str> = self.profiles.iter().map(|profile| profile.name.as_str()).collect();
            let there =
                if names.is_empty() { "there is none".into() } else { format!("there is {}", names.join(", ")) };
            let path = mask_credentials(&self.path.to_string_lossy());
            let what = match named_by {
                Some(named_by) => format!("{named_by} names the profile `{name}`, which is not in {path}"),
                None => format!("there is no profile `{name}` in {path}"),
            };
            Error::new(ErrorKind::InvalidInput, what)
                .with_hint(format!("{there}; `codat-keys login --profile {name}` makes it"))
        })
    }
}

/// Returns the profile whose key a client uses. `option` is the profile name in the option `profile` of the client.
/// Returns `None` if neither this option nor `CODAT_PROFILE` names a profile. Also returns `None` if an environment
/// variable with a key has precedence.
pub(crate) fn selected(option: Option<&str>, environment: Environment<'_>) -> Result<Option<Profile>, Error> {
    let (name, named_by) = match (key_selectors(option.is_some(), environment, false).next(), option) {
        (Some(KeySelector::ProfileOption), Some(name)) => (ProfileName::parse(name, "the option `profile`")?, None),
        (Some(KeySelector::ProfileVariable), _) => match profile_variable(environment)? {
            Some(name) => (name, Some("CODAT_PROFILE")),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let config = ConfigFile::load(&config_path(environment)?)?;
    config.get(&name, named_by).cloned().map(Some)
}

/// Returns the value of `CODAT_PROFILE`. An empty value is an error.
pub fn profile_variable(environment: Environment<'_>) -> Result<Option<ProfileName>, Error> {
    match environment("CODAT_PROFILE") {
        None => Ok(None),
        Some(name) if name.is_empty() => Err(Error::new(ErrorKind::InvalidInput, "CODAT_PROFILE is empty")
            .with_hint("set CODAT_PROFILE to a profile's name, or unset it")),
        Some(name) => ProfileName::parse(&name.to_string_lossy(), "CODAT_PROFILE").map(Some),
    }
}

fn refuse(path: &Path, what: &dyn Display, hint: String) -> Error {
    let text = mask_credentials(&format!("{} {what}", path.display()));
    Error::new(ErrorKind::InvalidInput, text).with_hint(mask_credentials(&hint))
}
