//! What gives a command its key: a profile that `--profile` names; else the variables; else the profile that `CODAT_PROFILE`
//! names; else the profile in use.

use std::env;

use codat_keys::ErrorKind;

use crate::config::{Config, Name, Profile};
use crate::failure::Failure;

/// The variables that hold a key, or say where one is. They must agree, which the core sees to.
const KEY_VARIABLES: [&str; 3] = ["CODAT_API_KEY", "CODAT_AUTH_HEADER", "CODAT_API_KEY_FILE"];

pub(crate) enum Choice {
    /// The variables, or nothing at all.
    Environment,
    Profile(Profile),
}

pub(crate) fn choose(option: Option<&str>) -> Result<Choice, Failure> {
    if option.is_none() && key_variables().next().is_some() {
        return Ok(Choice::Environment);
    }
    let config = Config::load()?;
    Ok(match named(option, &config)? {
        Some((name, named_by)) => Choice::Profile(config.get(&name, Some(&named_by))?.clone()),
        None => Choice::Environment,
    })
}

/// Those that are set, even if what they hold is wrong.
pub(crate) fn key_variables() -> impl Iterator<Item = &'static str> {
    KEY_VARIABLES.into_iter().filter(|name| env::var_os(name).is_some())
}

/// A message that this profile is in use, and which variable takes precedence, if any.
pub(crate) fn in_use(name: &Name) -> String {
    match before_profile_in_use(name) {
        None => format!("the profile `{name}` is in use"),
        Some(variable) => format!(
            "the profile `{name}` is in use, but not here: {variable} is set and comes first; unset it, or add --profile {name}"
        ),
    }
}

/// The variable that takes precedence over the profile in use, unless it names the same profile.
pub(crate) fn before_profile_in_use(name: &Name) -> Option<&'static str> {
    let profile = || env::var_os("CODAT_PROFILE").filter(|other| other != name.as_str()).map(|_| "CODAT_PROFILE");
    key_variables().next().or_else(profile)
}

/// The name of the profile that comes first, and what named it.
pub(crate) fn named(option: Option<&str>, config: &Config) -> Result<Option<(Name, String)>, Failure> {
    if let Some(name) = option {
        return Ok(Some((Name::parse(name, "--profile")?, "--profile".into())));
    }
    if let Some(name) = profile_variable()? {
        return Ok(Some((name, "CODAT_PROFILE".into())));
    }
    Ok(config.in_use().map(|name| (name.clone(), in_config(config))))
}

/// What to call the place that names the profile in use.
pub(crate) fn in_config(config: &Config) -> String {
    format!("`profile` in {}", config.path().display())
}

/// What `CODAT_PROFILE` names. An empty one is a mistake, not a default.
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
