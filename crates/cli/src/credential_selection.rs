//! Selection of the API key of a command. The library `codat-keys` defines the precedence of the sources. The setting
//! `profile` of `config.toml` selects the profile in use. The library ignores this setting.

use std::env;

use codat_keys::internal::{KeySelector, key_selectors, process_environment, profile_variable};

use crate::config::{Config, Name, Profile};
use crate::failure::Failure;

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
    if let Some(KeySelector::KeyVariable(_)) = selectors(option, true).next() {
        return Ok(Selection::Environment);
    }
    let config = Config::load()?;
    Ok(match named(option, &config)? {
        Some((name, named_by)) => Selection::Profile(config.get(&name, Some(&named_by))?.clone()),
        None => Selection::Environment,
    })
}

/// Returns the settings that select a key and have a value, in order of precedence. `option` is the value of
/// `--profile`. `is_any_in_use` is true if `config.toml` names a profile for commands without `--profile`.
pub(crate) fn selectors(option: Option<&str>, is_any_in_use: bool) -> impl Iterator<Item = KeySelector> {
    key_selectors(option.is_some(), &process_environment, is_any_in_use)
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

/// Returns the environment variable that has precedence over the profile in use. `name` is the name of this profile.
/// Ignores `CODAT_PROFILE` if its value is `name`.
pub(crate) fn before_profile_in_use(name: &Name) -> Option<&'static str> {
    let names_it =
        |variable: &str| variable == "CODAT_PROFILE" && env::var_os(variable).is_some_and(|it| it == name.as_str());
    selectors(None, false).filter_map(KeySelector::variable).find(|variable| !names_it(variable))
}

/// Returns the name of the selected profile, and the option, variable or file that contains the name. Ignores the
/// variables that can contain an API key. `option` is the value of `--profile`.
pub(crate) fn named(option: Option<&str>, config: &Config) -> Result<Option<(Name, String)>, Failure> {
    let is_any_in_use = config.in_use().is_some();
    let selector = selectors(option, is_any_in_use).find(|selector| !matches!(selector, KeySelector::KeyVariable(_)));
    Ok(match (selector, option) {
        (Some(KeySelector::ProfileOption), Some(name)) => {
            Some((Name::parse(name, "--profile")?, "--profile".to_owned()))
        }
        (Some(KeySelector::ProfileVariable), _) => {
            profile_variable(&process_environment)?.map(|name| (name, "CODAT_PROFILE".into()))
        }
        _ => config.in_use().map(|name| (name.clone(), in_config(config))),
    })
}

/// Describes the setting in `config.toml` that names the profile in use.
pub(crate) fn in_config(config: &Config) -> String {
    format!("`profile` in {}", config.path().display())
}
