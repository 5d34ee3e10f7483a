//! Storage of the keys that `login` stores: in the keyring, or in a file.

use std::fs;
use std::time::Duration;

use codat_keys::internal::sanitize;
use codat_keys::{ApiKey, ErrorKind};

use crate::config::{Config, Name, Place, Profile, Source, private_folder};
use crate::failure::Failure;
use crate::keyring::{self, KeyringError};
use crate::secret_file::{Denial, SecretFile};
use crate::stderr::eprint_line;

/// Stores `key` at `place` for the profile with this name and base URL, and returns the place. If `place` is `None`,
/// stores the key in the keyring, or in a file if there is no keyring.
pub(crate) async fn store(
    place: Option<Place>,
    config: &Config,
    (name, base_url): (&Name, &str),
    key: &ApiKey,
    limit: Duration,
) -> Result<Place, Failure> {
    if place != Some(Place::File) {
        match keyring::store(name, base_url, key, limit).await {
            Ok(()) => return Ok(Place::Keyring),
            Err(KeyringError::Absent(why)) if place.is_none() => eprint_line(&format!(
                "note: there is no keyring here ({}), so that the key is kept in a file that only you can read: {}",
                sanitize(&why),
                config.key_file(name, base_url).display()
            )),
            Err(KeyringError::Absent(why)) => {
                let what = format!("there is no keyring here: {why}");
                return Err(Failure::local(what, "keep the key in a file: --store file"));
            }
            Err(KeyringError::NoEntry) => {
                return Err(Failure::local("the keyring did not keep the key", "use --store file"));
            }
            Err(KeyringError::Other(failure)) => return Err(failure),
        }
    }
    let path = config.key_file(name, base_url);
    let folder = path.parent().unwrap_or(&path);
    private_folder(folder)?;
    let file = SecretFile::reserve(&path, true).map_err(Denial::after_requests)?;
    file.write(key.expose_secret(), "check the disk, and log in again")?;
    Ok(Place::File)
}

/// Removes the stored key of a profile.
pub(crate) async fn remove(profile: &Profile, limit: Duration) -> Result<(), Failure> {
    match &profile.source {
        Source::File(path) => match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::local(format!("{} cannot be removed: {error}", path.display()), "remove it by hand"))
            }
            _ => Ok(()),
        },
        Source::Keyring => match keyring::remove(profile, limit).await {
            Ok(()) | Err(KeyringError::NoEntry) => Ok(()),
            Err(KeyringError::Absent(why)) => {
                Err(Failure::local(format!("there is no keyring here: {why}"), "remove the key where you logged in"))
            }
            Err(KeyringError::Other(failure)) => Err(failure),
        },
        Source::Command(_) => Ok(()),
    }
}

/// Returns an error if the key of the profile is in a place where `login` does not store keys. Another program stores
/// such a key, so `codat-keys` does not replace or remove it.
pub(crate) fn check_is_stored_here(config: &Config, profile: &Profile) -> Result<(), Failure> {
    let path = config.path().display();
    match &profile.source {
        Source::Keyring => Ok(()),
        Source::File(file) if *file == config.key_file(&profile.name, &profile.base_url) => Ok(()),
        source => Err(Failure::new(
            ErrorKind::InvalidInput,
            format!("the key of the profile `{}` comes from {source}, which others keep", profile.name),
            format!("replace the key there, or take [profiles.{}] out of {path}", profile.name),
        )),
    }
}
