//! The profiles in `config.toml`, in the configuration folder of the platform. The file states where the key of each
//! profile is stored, and contains no key.

mod lock;
mod profile;
mod read;

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{ErrorKind as Io, Read};
use std::path::{Path, PathBuf};

use codat_keys::ErrorKind;
use codat_keys::internal::{NotText, OpenError, check_trusted_folder, decode, open_trusted};
use etcetera::BaseStrategy;
use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

pub(crate) use profile::{Command, Name, Place, Profile, Source};

use crate::atomic_file::AtomicFile;
use crate::failure::Failure;

/// The name of the folder for keys that `login` stores in files. The folder is next to `config.toml`. The name of each
/// file is the name of a profile.
const KEYS: &str = "keys";

pub(crate) struct Config {
    path: PathBuf,
    /// The TOML document of `config.toml`. Saving this document keeps the user's comments and formatting.
    document: DocumentMut,
    in_use: Option<Name>,
    profiles: Vec<Profile>,
    /// The lock file, held from [`lock`](Self::lock) until this value is dropped. `None` after [`load`](Self::load).
    _lock: Option<File>,
}

impl Config {
    /// Locks and loads the configuration in order to change it. Waits until no other process holds the lock. The
    /// returned value holds the lock until it is dropped.
    pub(crate) fn lock() -> Result<Self, Failure> {
        let folder = folder()?;
        private_folder(&folder)?;
        let lock = lock::acquire(&folder.join("config.lock"))?;
        Ok(Self { _lock: Some(lock), ..Self::load()? })
    }

    /// Loads the configuration. A missing file counts as empty.
    ///
    /// Returns an error if another user can change the file. The file determines where keys are sent and which commands
    /// run.
    pub(crate) fn load() -> Result<Self, Failure> {
        let path = folder()?.join("config.toml");
        let mut bytes = Vec::new();
        match open_trusted(&path).and_then(|mut file| Ok(file.read_to_end(&mut bytes)?)) {
            Err(OpenError::Io(error)) if matches!(error.kind(), Io::NotFound | Io::NotADirectory) => {}
            read => {
                read.map_err(|error| refuse(&path, &error, &error.hint("make it a text file that is yours")))?;
            }
        }
        Self::parse(&path, &bytes)
    }

    /// Parses the contents of `config.toml`. Errors contain `path`.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Failure> {
        let text = decode(bytes).map_err(|what| refuse(path, &what, NotText::HINT))?;
        read::config(path, path.parent().unwrap_or(path), &text)
    }

    /// Returns the contents of `config.toml`.
    pub(crate) fn text(&self) -> String {
        self.document.to_string()
    }

    /// Returns the path of `config.toml`, for the manual page.
    pub(crate) fn path_for_manual() -> String {
        folder().map_or("config.toml".into(), |folder| folder.join("config.toml").display().to_string())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// Returns the name of the profile in use. Commands use this profile if neither `--profile` nor the environment
    /// selects a key.
    pub(crate) fn in_use(&self) -> Option<&Name> {
        self.in_use.as_ref()
    }

    pub(crate) fn find(&self, name: &Name) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == *name)
    }

    /// Returns the profile with this name. The error for an unknown name mentions `named_by`: the option, variable or
    /// file that contains the name.
    pub(crate) fn get(&self, name: &Name, named_by: Option<&str>) -> Result<&Profile, Failure> {
        self.find(name).ok_or_else(|| {
            let names: Vec<&str> = self.profiles.iter().map(|profile| profile.name.as_str()).collect();
            let there =
                if names.is_empty() { "there is none".into() } else { format!("there is {}", names.join(", ")) };
            let path = self.path.display();
            Failure::new(
                ErrorKind::InvalidInput,
                match named_by {
                    Some(named_by) => format!("{named_by} names the profile `{name}`, which is not in {path}"),
                    None => format!("there is no profile `{name}` in {path}"),
                },
                format!("{there}; `codat-keys login --profile {name}` makes it"),
            )
        })
    }

    /// Returns the path of the file in which `login` stores the key of a profile. The key is in this file only if it is
    /// not in the keyring.
    pub(crate) fn key_file(&self, name: &Name) -> PathBuf {
        self.path.with_file_name(KEYS).join(name.as_str())
    }

    pub(crate) fn use_profile(&mut self, name: &Name) {
        self.document["profile"] = value(name.as_str());
        self.in_use = Some(name.clone());
    }

    /// Adds or replaces a profile. `place` is where `login` stores the key of the profile.
    pub(crate) fn put(&mut self, name: &Name, base_url: &str, place: Place) -> Profile {
        let (source, written_source) = match place {
            Place::Keyring => (Source::Keyring, value("keyring")),
            Place::File => {
                let file = value(InlineTable::from_iter([("file", format!("{KEYS}/{name}"))]));
                (Source::File(self.key_file(name)), file)
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
        self.profiles.retain(|other| other.name != *name);
        let profile = Profile { name: name.clone(), base_url: base_url.to_owned(), source };
        self.profiles.push(profile.clone());
        profile
    }

    pub(crate) fn remove(&mut self, name: &Name) {
        if let Some(profiles) = self.document.get_mut("profiles").and_then(Item::as_table_like_mut) {
            profiles.remove(name.as_str());
        }
        if self.in_use.as_ref() == Some(name) {
            self.document.remove("profile");
            self.in_use = None;
        }
        self.profiles.retain(|profile| profile.name != *name);
    }

    /// Replaces `config.toml` atomically. If the path is a symbolic link, replaces the target of the link.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
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

fn refuse(path: &Path, what: &dyn Display, hint: &str) -> Failure {
    Failure::new(ErrorKind::InvalidInput, format!("{} {what}", path.display()), hint)
}

/// Creates a folder that only its owner can read, unless the folder exists. Returns an error if another user can
/// replace files in the folder.
pub(crate) fn private_folder(folder: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder).map_err(|error| cannot_be_written(folder, &error))?;
    check_trusted_folder(folder).map_err(|error| {
        Failure::local(format!("{} {error}", folder.display()), error.hint("check that the folder above it is yours"))
    })
}

fn cannot_be_written(path: &Path, error: &std::io::Error) -> Failure {
    Failure::local(format!("{} cannot be written: {error}", path.display()), "check that its folder is yours")
}

fn folder() -> Result<PathBuf, Failure> {
    // Ignores a relative path, which is another folder in each working directory. The XDG specification calls relative
    // paths invalid.
    let named = ["XDG_CONFIG_HOME", "HOME"].into_iter().find_map(|name| {
        let path = std::env::var_os(name).filter(|path| cfg!(unix) && !path.is_empty())?;
        Some((name, PathBuf::from(path)))
    });
    if let Some((name, path)) = named.filter(|(_, path)| !path.is_absolute()) {
        return Err(Failure::local(
            format!("the folder for configuration is unknown: {name} is a relative path, {}", path.display()),
            format!("set {name} to an absolute path, or give the key in CODAT_API_KEY"),
        ));
    }
    let base = etcetera::choose_base_strategy().map_err(|error| {
        Failure::local(
            format!("the folder for configuration is unknown: {error}"),
            "set HOME, or give the key in CODAT_API_KEY",
        )
    })?;
    Ok(base.config_dir().join("codat-keys"))
}
