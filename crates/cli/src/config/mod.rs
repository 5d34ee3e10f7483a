//! `config.toml` in the platform's folder for configuration: the profiles. It names where each key is, and never holds one.

mod profile;
mod read;

use std::fs::{self, File};
use std::io::{ErrorKind as Io, Write};
use std::path::{Path, PathBuf};

use codat_keys::{ErrorKind, NotText, decode};
use etcetera::BaseStrategy;
use tempfile::NamedTempFile;
use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

pub(crate) use profile::{Command, Name, Place, Profile, Source};

use crate::failure::Failure;

/// Beside `config.toml`: the keys that are in no keyring, each in a file of its profile's name.
const KEYS: &str = "keys";

pub(crate) struct Config {
    path: PathBuf,
    /// As people wrote it, so that their comments stay.
    document: DocumentMut,
    in_use: Option<Name>,
    profiles: Vec<Profile>,
    /// Held by who is going to write.
    _lock: Option<File>,
}

impl Config {
    /// As [`load`](Self::load), for who is going to write: waits until nobody else is, and keeps others waiting.
    pub(crate) fn lock() -> Result<Self, Failure> {
        let path = folder()?.join("config.lock");
        let lock = path.parent().map_or(Ok(()), private_folder).and_then(|()| {
            let lock = File::options().write(true).create(true).truncate(false).open(&path)?;
            lock.lock().map(|()| lock)
        });
        let lock = lock.map_err(|error| {
            Failure::local(format!("{} cannot be written: {error}", path.display()), "check that its folder is yours")
        })?;
        Ok(Self { _lock: Some(lock), ..Self::load()? })
    }

    pub(crate) fn load() -> Result<Self, Failure> {
        let folder = folder()?;
        let path = folder.join("config.toml");
        let refuse =
            |what: String, hint| Failure::new(ErrorKind::InvalidInput, format!("{} {what}", path.display()), hint);
        let bytes = match fs::read(&path) {
            Err(error) if matches!(error.kind(), Io::NotFound | Io::NotADirectory) => Vec::new(),
            read => {
                read.map_err(|error| refuse(format!("cannot be read: {error}"), "make it a text file that is yours"))?
            }
        };
        let text = decode(&bytes).map_err(|what| refuse(what.to_string(), NotText::HINT))?;
        if others_can_write(&path) {
            let what = "can be changed by every user of this machine, who could send your keys elsewhere";
            return Err(refuse(what.into(), "let its owner alone change it: chmod 600"));
        }
        read::config(&path, &folder, &text)
    }

    /// The path of the configuration, for the manual page.
    pub(crate) fn path_for_show() -> String {
        folder().map_or("config.toml".into(), |folder| folder.join("config.toml").display().to_string())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// The profile that is used where nothing else is named.
    pub(crate) fn in_use(&self) -> Option<&Name> {
        self.in_use.as_ref()
    }

    pub(crate) fn find(&self, name: &Name) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == *name)
    }

    /// Returns the profile of a name. Errors mention `named_by`, the source of the name, if any.
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

    /// Where `login` keeps the key of a profile that is in no keyring.
    pub(crate) fn key_file(&self, name: &Name) -> PathBuf {
        self.path.with_file_name(KEYS).join(name.as_str())
    }

    pub(crate) fn use_profile(&mut self, name: &Name) {
        self.document["profile"] = value(name.as_str());
        self.in_use = Some(name.clone());
    }

    /// Adds a profile whose key `login` keeps, or replaces what it says.
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

    /// Nobody ever reads half of it, and a link to it stays one.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let written = path.parent().map_or_else(
            || Err(Io::InvalidInput.into()),
            |folder| {
                private_folder(folder)?;
                let mut temporary = NamedTempFile::new_in(folder)?;
                temporary.write_all(self.document.to_string().as_bytes())?;
                temporary.as_file().sync_all()?;
                temporary.persist(&path).map_err(|error| error.error)
            },
        );
        written.map(drop).map_err(|error| {
            Failure::local(format!("{} cannot be written: {error}", path.display()), "check that its folder is yours")
        })
    }
}

/// Makes a folder that only its owner can look into, unless it exists.
pub(crate) fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn others_can_write(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o002 != 0)
    }
    #[cfg(windows)]
    {
        // A folder of a user's own is closed to others there.
        let _ = path;
        false
    }
}

fn folder() -> Result<PathBuf, Failure> {
    let base = etcetera::choose_base_strategy().map_err(|error| {
        Failure::local(
            format!("the folder for configuration is unknown: {error}"),
            "set HOME, or give the key in CODAT_API_KEY",
        )
    })?;
    Ok(base.config_dir().join("codat-keys"))
}
