//! The command `login`: sends a request with a key, and stores the key in a profile if Codat accepts it.

use clap::Args;
use codat_keys::{ApiKey, ApiKeyDetails};

use crate::config::{Config, Name, Place};
use crate::connection::Connection;
use crate::credential_selection;
use crate::failure::Failure;
use crate::key_storage::{self, check_is_stored_here};
use crate::redact::keep_secret;
use crate::runtime::unless_interrupted;
use crate::secret_input;
use crate::stderr::eprint_line;

/// The name of the profile if the user gives no name and no profile is in use.
const FIRST: &str = "default";

#[derive(Args)]
#[command(after_help = "Example: codat-keys login --profile work")]
pub(crate) struct Login {
    /// Where to store the key [default: keyring, or file if there is no keyring]
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
        check_is_stored_here(&config, profile)?;
    }
    let builder = match &known {
        // Only the option `--base-url` changes the origin of a profile. A variable does not.
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

    // Loads the configuration again, because another process may have changed it while the user typed the key.
    let mut config = Config::lock()?;
    replace(login, &mut config, &name, client.base_url(), &key).await?;
    print_result(&config, &name, &own);
    Ok(())
}

/// Stores a new key in a profile. If the old key is stored in a different place than the new key, this function first
/// saves the profile, and then removes the old key. Keys for different origins are always stored in different places.
/// Therefore the profile never combines the old key with a new origin.
async fn replace(login: &Login, config: &mut Config, name: &Name, base_url: &str, key: &ApiKey) -> Result<(), Failure> {
    let limit = login.connection.key.keyring_timeout();
    let known = config.find(name).cloned();
    if let Some(profile) = &known {
        check_is_stored_here(config, profile)?;
    }
    let is_new = known.is_none();
    let is_used = config.in_use().is_none_or(|used| used == name);
    let place = key_storage::store(login.store, config, (name, base_url), key, limit).await?;
    let now = config.put(name, base_url, place);
    let before = known.filter(|before| before.source != now.source || before.origin() != now.origin());
    if is_used {
        config.use_profile(name);
    }
    if let Err(failure) = config.save() {
        if is_new || before.is_some() {
            // Removes the stored key, because no profile refers to it.
            key_storage::remove(&now, limit).await?;
        }
        return Err(failure);
    }
    if let Some(before) = before {
        // Reports a failure only as a note, because the new key is already stored.
        if let Err(failure) = key_storage::remove(&before, limit).await {
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
