//! The command `login`: checks a key with a call, and only then stores it in a profile.

use std::fs;

use clap::Args;
use codat_keys::{ApiKey, ApiKeyDetails, ErrorKind, plain};

use crate::config::{Config, Name, Place, Profile, Source, private_folder};
use crate::connection::Connection;
use crate::credential_selection;
use crate::failure::Failure;
use crate::keyring::{self, KeyringError};
use crate::redact::keep_secret;
use crate::runtime::unless_interrupted;
use crate::secret_file::SecretFile;
use crate::secret_input;
use crate::stderr::eprint_line;

/// The name of the profile if no name is given and no profile is in use.
const FIRST: &str = "default";

#[derive(Args)]
#[command(after_help = "Example: codat-keys login --profile work")]
pub(crate) struct Login {
    /// Where to keep the key [default: the keyring; where there is none, a file]
    #[arg(long, value_name = "PLACE")]
    store: Option<Place>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn login(login: &Login) -> Result<(), Failure> {
    let options = &login.connection.key;
    let config = Config::load()?;
    let name = match credential_selection::named(options.profile.as_deref(), &config)? {
        Some((name, _)) => name,
        None => Name::parse(FIRST, "the name")?,
    };
    let known = config.find(&name).cloned();
    if let Some(profile) = &known {
        check_is_kept_here(&config, profile)?;
    }
    let builder = match &known {
        // Only `--base-url` moves a profile to another origin. A variable does not.
        Some(profile) if options.base_url.is_none() => {
            login.connection.builder().base_url(options.base_url_for(profile)?)
        }
        _ => options.with_base_url(login.connection.builder()),
    };

    let again = format!("codat-keys login --profile {name}");
    let credential = secret_input::read(&format!("API key of the profile `{name}` (not shown): "), &again).await?;
    let key = credential.api_key().clone();
    let client = builder.api_key(key.clone()).build()?;
    keep_secret(&client);
    let own = unless_interrupted(client.whoami()).await?;

    // Another process may have changed the configuration while the user typed the key.
    let mut config = Config::lock()?;
    replace(login, &mut config, &name, client.base_url(), &key).await?;
    print_result(&config, &name, &own);
    Ok(())
}

/// Stores the key. A failure never leaves a key in a profile with a base URL at which the key was not checked.
async fn replace(login: &Login, config: &mut Config, name: &Name, base_url: &str, key: &ApiKey) -> Result<(), Failure> {
    let limit = login.connection.key.keyring_timeout();
    let known = config.find(name).cloned();
    if let Some(profile) = &known {
        check_is_kept_here(config, profile)?;
    }
    let is_used = config.in_use().is_none_or(|used| used == name);
    let moved = known.as_ref().filter(|profile| profile.base_url != base_url);
    if let Some(profile) = moved {
        config.remove(name);
        config.save()?;
        forget(profile, limit).await?;
    }

    let place = keep(login, config, name, key).await?;
    let now = config.put(name, base_url, place);
    if is_used {
        config.use_profile(name);
    }
    if let Err(failure) = config.save() {
        if known.is_none() || moved.is_some() {
            // No profile refers to the stored key.
            forget(&now, limit).await?;
        }
        return Err(failure);
    }
    if let Some(before) = known.filter(|before| before.source != now.source) {
        // The new key is stored already, so that a failure is only a note.
        if let Err(failure) = forget(&before, limit).await {
            eprint_line(&format!("note: the key before it is still in {}: {failure}", before.source));
        }
    }
    Ok(())
}

fn print_result(config: &Config, name: &Name, own: &ApiKeyDetails) {
    let called = own.name.as_ref().map_or("no name".into(), ToString::to_string);
    let source = config.find(name).map(|profile| profile.source.to_string()).unwrap_or_default();
    eprint_line(&format!("the key {} ({called}, {}) is kept in {source}", own.id, own.api_key.masked()));
    if config.in_use() == Some(name) {
        eprint_line(&credential_selection::in_use(name));
    } else {
        let others = match credential_selection::before_profile_in_use(name) {
            None => format!("or `codat-keys profile use {name}`"),
            Some(variable) => format!("since {variable} is set and comes first"),
        };
        eprint_line(&format!("to use it: --profile {name}, {others}"));
    }
}

/// Stores the key in the keyring, or in a file if `--store file` is given or there is no keyring.
async fn keep(login: &Login, config: &Config, name: &Name, key: &ApiKey) -> Result<Place, Failure> {
    if login.store != Some(Place::File) {
        match keyring::store(name, key, login.connection.key.keyring_timeout()).await {
            Ok(()) => return Ok(Place::Keyring),
            Err(KeyringError::Absent(why)) if login.store.is_none() => eprint_line(&format!(
                "note: there is no keyring here ({}), so that the key is kept in a file that only you can read: {}",
                plain(&why),
                config.key_file(name).display()
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
    let path = config.key_file(name);
    let folder = path.parent().unwrap_or(&path);
    private_folder(folder)?;
    SecretFile::reserve(&path, true)?.write(key.expose_secret(), "check the disk, and log in again")?;
    Ok(Place::File)
}

/// Fails if the key of the profile is stored by something other than `login`, which must also replace and remove it.
pub(crate) fn check_is_kept_here(config: &Config, profile: &Profile) -> Result<(), Failure> {
    let path = config.path().display();
    match &profile.source {
        Source::Keyring => Ok(()),
        Source::File(file) if *file == config.key_file(&profile.name) => Ok(()),
        source => Err(Failure::new(
            ErrorKind::InvalidInput,
            format!("the key of the profile `{}` comes from {source}, which others keep", profile.name),
            format!("replace the key there, or take [profiles.{}] out of {path}", profile.name),
        )),
    }
}

/// Removes the stored key of a profile.
pub(crate) async fn forget(profile: &Profile, limit: std::time::Duration) -> Result<(), Failure> {
    match &profile.source {
        Source::File(path) => match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::local(format!("{} cannot be removed: {error}", path.display()), "remove it by hand"))
            }
            _ => Ok(()),
        },
        Source::Keyring => match keyring::remove(&profile.name, limit).await {
            Ok(()) | Err(KeyringError::NoEntry) => Ok(()),
            Err(KeyringError::Absent(why)) => {
                Err(Failure::local(format!("there is no keyring here: {why}"), "remove the key where you logged in"))
            }
            Err(KeyringError::Other(failure)) => Err(failure),
        },
        Source::Command(_) => Ok(()),
    }
}
