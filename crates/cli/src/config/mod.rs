//! The configuration in `config.toml`. This module changes the profiles. The library `codat-keys` parses the file.

mod lock;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use codat_keys::internal::{ConfigFile, check_trusted_folder, config_path, process_environment};
pub(crate) use codat_keys::internal::{Profile, ProfileName as Name, ProfileSource as Source};
use toml_edit::{DocumentMut, InlineTable, Item, Table, value};
use url::Url;

use crate::atomic_file::AtomicFile;
use crate::failure::Failure;

/// The name of the folder for keys that `login` stores in files. The folder is next to `config.toml`. [`file_name`]
/// returns the name of each file.
const KEYS: &str = "keys";

/// The place where `login` stores a key.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(fuzzing), derive(clap::ValueEnum))]
pub(crate) enum Place {
    /// The keyring of the operating system
    Keyring,
    /// A file that only you can read
    File,
}

pub(crate) struct Config {
    file: ConfigFile,
    /// The TOML document of `config.toml`. Saving this document keeps the user's comments and formatting.
    document: DocumentMut,
    /// The lock file, held from [`lock`](Self::lock) until this value is dropped. `None` if [`load`](Self::load)
    /// created this value.
    _lock: Option<File>,
}

impl Config {
    /// Locks and loads the configuration in order to change it. Waits until no other process holds the lock. The
    /// returned value holds the lock until it is dropped.
    pub(crate) fn lock() -> Result<Self, Failure> {
        let path = path()?;
        let folder = path.parent().unwrap_or(&path);
        private_folder(folder)?;
        let lock = lock::acquire(&folder.join("config.lock"))?;
        Ok(Self { _lock: Some(lock), ..Self::load()? })
    }

    /// Loads the configuration. A missing file counts as empty.
    pub(crate) fn load() -> Result<Self, Failure> {
        Ok(Self::new(ConfigFile::load(&path()?)?))
    }

    /// Parses the contents of `config.toml`. Errors contain `path`.
    #[cfg(any(fuzzing, test))]
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Failure> {
        Ok(Self::new(ConfigFile::parse(path, bytes)?))
    }

    fn new(file: ConfigFile) -> Self {
        Self { document: file.document.clone().into_mut(), file, _lock: None }
    }

    /// Returns the contents of `config.toml`.
    pub(crate) fn text(&self) -> String {
        self.document.to_string()
    }

    /// Returns the path of `config.toml`, for the manual page.
    pub(crate) fn path_for_manual() -> String {
        path().map_or("config.toml".into(), |path| path.display().to_string())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    pub(crate) fn profiles(&self) -> &[Profile] {
        &self.file.profiles
    }

    /// Returns the name of the profile in use. Commands use this profile if neither `--profile` nor the environment
    /// selects a key.
    pub(crate) fn in_use(&self) -> Option<&Name> {
        self.file.in_use.as_ref()
    }

    pub(crate) fn find(&self, name: &Name) -> Option<&Profile> {
        self.file.profiles.iter().find(|profile| profile.name == *name)
    }

    /// Returns the profile with this name. The error for an unknown name mentions `named_by`: the option, variable or
    /// file that contains the name.
    pub(crate) fn get(&self, name: &Name, named_by: Option<&str>) -> Result<&Profile, Failure> {
        Ok(self.file.get(name, named_by)?)
    }

    /// Returns the path of the file for the key of a profile. `login` stores the key in this file or in the keyring.
    pub(crate) fn key_file(&self, name: &Name, base_url: &str) -> PathBuf {
        self.file.path.with_file_name(KEYS).join(file_name(name, base_url))
    }

    pub(crate) fn use_profile(&mut self, name: &Name) {
        self.document["profile"] = value(name.as_str());
        self.file.in_use = Some(name.clone());
    }

    /// Adds or replaces a profile, and returns it. `place` is where `login` stores the key of the profile.
    pub(crate) fn put(&mut self, name: &Name, base_url: &str, place: Place) -> Profile {
        let (source, written_source) = match place {
            Place::Keyring => (Source::Keyring, value("keyring")),
            Place::File => {
                let path = format!("{KEYS}/{}", file_name(name, base_url));
                (Source::File(self.key_file(name, base_url)), value(InlineTable::from_iter([("file", path)])))
            }
        };
        let profiles = self.document.entry("profiles").or_insert_with(|| {
            let mut profiles = Table::new();
            profiles.set_implicit(true);
            Item::Table(profiles)
        });
        let written = &mut profiles[name.as_str()];
        if written.is_none() {
            *written = Item::Table(Table::new());
        }
        written["base_url"] = value(base_url);
        written["source"] = written_source;
        self.file.profiles.retain(|other| other.name != *name);
        let profile = Profile { name: name.clone(), base_url: base_url.to_owned(), source };
        self.file.profiles.push(profile.clone());
        profile
    }

    pub(crate) fn remove(&mut self, name: &Name) {
        if let Some(profiles) = self.document.get_mut("profiles").and_then(Item::as_table_like_mut) {
            profiles.remove(name.as_str());
        }
        if self.file.in_use.as_ref() == Some(name) {
            self.document.remove("profile");
            self.file.in_use = None;
        }
        self.file.profiles.retain(|profile| profile.name != *name);
    }

    /// Replaces `config.toml` atomically. If the path is a symbolic link, replaces the target of the link.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let path = fs::canonicalize(&self.file.path).unwrap_or_else(|_| self.file.path.clone());
        let folder = path.parent().unwrap_or(&path);
        private_folder(folder)?;
        let write = || {
            let mut file = AtomicFile::new_in(folder)?;
            file.write(self.text().as_bytes())?;
            file.persist(&path)
        };
        write().map_err(|error| cannot_be_written(&path, &error))
    }
}

/// Returns the identifier under which `login` stores the key of a profile. The identifier contains the origin of the
/// base URL. Therefore a client for one origin never reads a key that was stored for another origin.
pub(crate) fn key_id(name: &Name, base_url: &str) -> String {
    let origin = Url::parse(base_url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    format!("{name}@{origin}")
}

/// Returns the [`key_id`] as a file name. Replaces `://` and `:` by `@`, because Windows allows no `:` and no `/` in
/// file names. A host name contains no `@`, so different ids have different file names.
fn file_name(name: &Name, base_url: &str) -> String {
    key_id(name, base_url).replace("://", "@").replace(':', "@")
}

/// Creates a folder that only its owner can read, unless the folder exists. Returns an error if another user can
/// replace files in the folder.
pub(crate) fn private_folder(folder: &Path) -> Result<(), Failure> {
    let check = |folder: &Path| {
        check_trusted_folder(folder).map_err(|error| {
            let hint = error.hint("check that the folder above it is yours");
            Failure::local(format!("{} {error}", folder.display()), hint)
        })
    };
    // Nothing is created in a folder of another user.
    check(folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder))?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder).map_err(|error| cannot_be_written(folder, &error))?;
    check(folder)
}

fn cannot_be_written(path: &Path, error: &std::io::Error) -> Failure {
    Failure::local(format!("{} cannot be written: {error}", path.display()), "check that its folder is yours")
}

fn path() -> Result<PathBuf, Failure> {
    config_path(&process_environment).map_err(|error| Failure::local(&error, error.hint()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_panics(text in "(profiles?|a|base_url|source|file|\"keyring\"|\"http://a\"|\\[|\\]|\\{|\\}|=|\\.|,|\n| ){0,30}") {
            if let Ok(mut config) = Config::parse(Path::new("/home/config.toml"), text.as_bytes()) {
                let name = Name::try_from("work".to_owned()).map_err(TestCaseError::fail)?;
                config.put(&name, "https://api.codat.io", Place::File);
                prop_assert!(config.find(&name).is_some());
                config.remove(&name);
                prop_assert!(config.find(&name).is_none());
            }
        }
    }
}
