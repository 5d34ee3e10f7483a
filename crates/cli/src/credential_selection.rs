//! Selection of the API key of a command. In order of precedence, the sources are the profile that `--profile` names,
//! the environment variables with a key, the profile that `CODAT_PROFILE` names, and the profile that `config.toml`
//! selects. The last profile is called the profile in use.

use std::env;

use codat_keys::ErrorKind;

use crate::config::{Config, Name, Profile};
use crate::failure::Failure;

/// The environment variables that contain a key or the path of a file with a key. If several are set, their keys must
/// be equal. The library `codat-keys` checks this.
const KEY_VARIABLES: [&str; 3] = ["CODAT_API_KEY", "CODAT_AUTH_HEADER", "CODAT_API_KEY_FILE"];

/// The source of a command's key.
pub(crate) enum Selection {
    /// The environment variables `CODAT_API_KEY`, `CODAT_AUTH_HEADER` and `CODAT_API_KEY_FILE`.
    ///
    /// If none of these variables is set and no profile is selected, [`select`] also returns this variant. The client
    /// then reports that there is no key.
    Environment,
    Profile(Profile),
}

/// Selects the source of the key. `option` is the value of `--profile`.
pub(crate) fn select(option: Option<&str>) -> Result<Selection, Failure> {
    if option.is_none() && key_variables().next().is_some() {
        return Ok(Selection::Environment);
    }
    let config = Config::load()?;
    Ok(match named(option, &config)? {
        Some((name, named_by)) => Selection::Profile(config.get(&name, Some(&named_by))?.clone()),
        None => Selection::Environment,
    })
}

/// Returns the names of the [`KEY_VARIABLES`] that are set, even if their values are invalid.
pub(crate) fn key_variables() -> impl Iterator<Item = &'static str> {
    KEY_VARIABLES.into_iter().filter(|name| env::var_os(name).is_some())
}

/// Returns a message such as "the profile `work` is in use". If an environment variable has precedence over the
/// profile, the message says so.
pub(crate) fn in_use(name: &Name) -> String {
    match before_profile_in_use(name) {
        None => format!("the profile `{name}` is in use"),
        Some(variable) => format!(
            "the profile `{name}` is in use, but not here: {variable} is set and comes first; unset it, or add --profile {name}"
        ),
    }
}

/// Returns the environment variable that has precedence over the profile in use. Ignores `CODAT_PROFILE` if its value
/// is `name`.
pub(crate) fn before_profile_in_use(name: &Name) -> Option<&'static str> {
    let profile = || env::var_os("CODAT_PROFILE").filter(|other| other != name.as_str()).map(|_| "CODAT_PROFILE");
    key_variables().next().or_else(profile)
}

/// Returns the name of the selected profile, and the option, variable or file that contains the name. `option` is the
/// value of `--profile`.
pub(crate) fn named(option: Option<&str>, config: &Config) -> Result<Option<(Name, String)>, Failure> {
    if let Some(name) = option {
        return Ok(Some((Name::parse(name, "--profile")?, "--profile".into())));
    }
    if let Some(name) = profile_variable()? {
        return Ok(Some((name, "CODAT_PROFILE".into())));
    }
    Ok(config.in_use().map(|name| (name.clone(), in_config(config))))
}

/// Describes the setting in `config.toml` that names the profile in use.
pub(crate) fn in_config(config: &Config) -> String {
    format!("`profile` in {}", config.path().display())
}

/// Returns the value of `CODAT_PROFILE`. An empty value is an error.
pub(crate) fn profile_variable() -> Result<Option<Name>, Failure> {
    match env::var_os("CODAT_PROFILE") {
        None => Ok(None),
        Some(name) if name.is_empty() => Err(Failure::new(
            ErrorKind::InvalidInput,
            "CODAT_PROFILE is empty",
            "set CODAT_PROFILE to a profile's name, or unset it",
        )),
        Some(name) => Name::parse(&name.to_string_lossy(), "CODAT_PROFILE").map(Some),
    }
}
