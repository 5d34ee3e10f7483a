//! The profiles in `config.toml`. The file states where the key of each profile is stored, and contains no key. The
//! command line writes the file. This module only reads it.

mod folder;
mod keyring;
mod profile;
mod read;

use std::fmt::Display;
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};

use toml_edit::Document;

pub use folder::config_path;
pub use profile::{Profile, ProfileCommand, ProfileName, ProfileSource};

use crate::credentials::{KeyFile, KeySelector, credential_chain, key_selectors};
use crate::domain::{ApiKey, mask_credentials};
use crate::environment::{Environment, process_environment};
use crate::error::{Error, ErrorKind};
use crate::text::{NotText, decode};
use crate::trusted_file::{OpenError, read_trusted};

/// The maximum size of `config.toml` in MiB.
const MAX_MIB: u64 = 1;

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
    /// commands run. Also returns an error if the file is larger than 1 MiB.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = match read_trusted(path, MAX_MIB) {
            Err(OpenError::Io(error)) if matches!(error.kind(), Io::NotFound | Io::NotADirectory) => Vec::new(),
            read => read.map_err(|error| refuse(path, &error, error.hint("make it a text file that is yours")))?,
        };
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

/// Returns the profile whose key a client uses, or `None` if the client uses no profile. `option` is the profile name
/// in the option `profile` of the client. If `option` is `None`, the environment variable `CODAT_PROFILE` names the
/// profile, unless another environment variable selects a key.
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

/// Returns the keys in environment variables, in the file whose path is in `CODAT_API_KEY_FILE`, and in the key files
/// of the profiles. Omits keys that cannot be read. Does not read a pipe, because a pipe can be read only once. A
/// program that has not built a client yet uses this function to mask keys in its messages.
pub fn configured_keys() -> Vec<ApiKey> {
    let of_variables = credential_chain().into_iter().filter_map(|source| source.credential.ok().flatten());
    let config = config_path(&process_environment).and_then(|path| ConfigFile::load(&path));
    let profiles = config.map_or_else(|_| Vec::new(), |config| config.profiles);
    let of_profiles = profiles.into_iter().filter_map(|profile| match profile.source {
        ProfileSource::File(path) => KeyFile::given(path).read_unless_pipe().ok(),
        ProfileSource::Keyring | ProfileSource::Command(_) => None,
    });
    of_variables.chain(of_profiles).map(|credential| credential.api_key().clone()).collect()
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
