//! The report of `doctor` and `whoami` on the source of the API key. The module [`credential_selection`] selects the
//! source.

use std::path::Path;

use codat_keys::internal::{KeySelector, is_pipe, is_readable_by_all, process_environment, profile_variable};
use codat_keys::{Credential, CredentialSource};

use crate::config::{self, Config, Name};
use crate::credential_selection;
use crate::failure::Failure;

const KEY_FILE: &str = "CODAT_API_KEY_FILE";
const PROFILE_IN_USE: &str = "profile in use";

/// A line of the report: the name of a source, such as `CODAT_API_KEY`, and its state, such as "not set".
type Entry = (&'static str, String);

/// Describes each source of the API key, in order of precedence. `option` is the value of `--profile`.
pub(crate) fn places(option: Option<&str>) -> Vec<Entry> {
    let mut places = Vec::new();
    if let Some(name) = option {
        places.push(("--profile", profile(Name::parse(name, "--profile").map_err(Failure::from), "--profile")));
    }
    places.extend(variables(option.map(|_| "--profile")));
    let first_before = |selector| {
        let before = credential_selection::selectors(option, true).take_while(|it| *it != selector);
        before.map(label).next()
    };
    let first = first_before(KeySelector::ProfileVariable);
    let named = profile_variable(&process_environment).map_err(Failure::from).transpose();
    let state = match (named, first) {
        (None, _) => "not set".into(),
        (Some(_), Some(first)) => passed_over(first),
        (Some(name), None) => profile(name, "CODAT_PROFILE"),
    };
    places.extend([("CODAT_PROFILE", state), (PROFILE_IN_USE, in_use(first_before(KeySelector::ProfileInUse)))]);
    places
}

/// Returns one line that names the source of the API key and the ignored sources. `option` is the value of `--profile`.
///
/// This function does not read the key. The client has already read the key, and the source of the key may be a pipe,
/// which cannot be read twice.
pub(crate) fn summary(option: Option<&str>) -> String {
    let is_any_in_use = Config::load().is_ok_and(|config| config.in_use().is_some());
    let places: Vec<_> = credential_selection::selectors(option, is_any_in_use).map(label).collect();
    match places.as_slice() {
        [used, rest @ ..] if !rest.is_empty() => {
            format!("the key comes from {used}; passed over: {}", rest.join(", "))
        }
        used => format!("the key comes from {}", used.concat()),
    }
}

/// Returns a warning if every user of the machine can read the key file, and otherwise an empty text. The library
/// `codat-keys` accepts such a file only if it is a mounted secret or belongs to another user.
fn readers_warning(path: &Path) -> &'static str {
    if is_readable_by_all(path) { "; every user of this machine can read the file" } else { "" }
}

fn label(selector: KeySelector) -> &'static str {
    match selector {
        KeySelector::ProfileOption => "--profile",
        KeySelector::KeyVariable(variable) => variable,
        KeySelector::ProfileVariable => "CODAT_PROFILE",
        KeySelector::ProfileInUse => "the profile in use",
    }
}

fn passed_over(first: &str) -> String {
    format!("passed over: {first} comes first")
}

/// Describes the profile with this name. `place` is the option, variable or file that selects the profile.
fn profile(name: Result<Name, Failure>, place: &str) -> String {
    let state = name.and_then(|name| {
        let config = Config::load()?;
        let profile = config.get(&name, Some(place))?;
        let readers = match &profile.source {
            config::Source::File(path) => readers_warning(path),
            _ => "",
        };
        Ok(format!("in use: `{name}`, whose key comes from {}{readers}", profile.source))
    });
    state.unwrap_or_else(|failure| failure.to_string())
}

/// Describes the profile in use. `first` is the source that has precedence over this profile, if there is one.
fn in_use(first: Option<&str>) -> String {
    match (Config::load(), first) {
        (Ok(config), first) => match (config.in_use(), first) {
            (None, _) => format!("none, in {}", config.path().display()),
            (Some(_), Some(first)) => passed_over(first),
            (Some(name), None) => profile(Ok(name.clone()), &credential_selection::in_config(&config)),
        },
        (Err(_), Some(first)) => passed_over(first),
        (Err(failure), None) => failure.to_string(),
    }
}

/// Describes the environment variables that can contain a key or the path of a key file. `before` is
/// `Some("--profile")` if the user gave this option. The option has precedence over the variables.
///
/// If a variable is invalid, or two variables contain different keys, no variable is described as used. A variable that
/// names a pipe does not count as invalid. This function cannot check the pipe, because only the client reads it.
fn variables(before: Option<&str>) -> Vec<Entry> {
    let sources = codat_keys::credential_chain();
    let keys = || {
        sources.iter().filter_map(|source| match &source.credential {
            Ok(Some(credential)) => Some((source.variable, credential)),
            _ => None,
        })
    };
    let first = keys().next();
    let agree = keys().all(|(_, other)| first.is_some_and(|(_, first)| first.api_key() == other.api_key()));
    let is_used = agree && !sources.iter().any(|source| source.credential.is_err() && !names_pipe(source));
    let state = |source: &CredentialSource| match (&source.credential, before, first) {
        (Ok(None), ..) => "not set".to_owned(),
        (_, Some(before), _) => passed_over(before),
        (Err(error), ..) => error.to_string(),
        (Ok(Some(credential)), _, Some((first, other))) if first != source.variable => {
            let same = credential.api_key() == other.api_key();
            format!("passed over: it holds {} {first}", if same { "the same key as" } else { "another key than" })
        }
        (Ok(Some(credential)), ..) => {
            let form = match credential {
                Credential::ApiKey(_) => "a raw key",
                Credential::Header(_) => "a whole header",
            };
            let use_of_it = if is_used { "in use: " } else { "not used: " };
            let path = std::env::var_os(source.variable).filter(|_| source.variable == KEY_FILE);
            let readers = path.map(|path| readers_warning(Path::new(&path))).unwrap_or_default();
            format!("{use_of_it}{form}, {}{readers}", credential.api_key().masked())
        }
    };
    sources.iter().map(|source| (source.variable, state(source))).collect()
}

fn names_pipe(source: &CredentialSource) -> bool {
    source.variable == KEY_FILE && std::env::var_os(KEY_FILE).is_some_and(|path| is_pipe(Path::new(&path)))
}
