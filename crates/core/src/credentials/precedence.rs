//! The precedence of the settings that select a key.

use crate::environment::Environment;

const KEY_FILE: &str = "CODAT_API_KEY_FILE";
const PROFILE: &str = "CODAT_PROFILE";

/// The environment variables that contain an API key, an `Authorization` header, or the path of a key file, in order of
/// precedence.
pub(crate) const KEY_VARIABLES: [&str; 3] = ["CODAT_API_KEY", "CODAT_AUTH_HEADER", KEY_FILE];

/// The environment variables for credentials. They contain an API key, an `Authorization` header, the path of a key
/// file, or the name of a profile.
pub const CREDENTIAL_VARIABLES: [&str; 4] = ["CODAT_API_KEY", "CODAT_AUTH_HEADER", KEY_FILE, PROFILE];

/// A setting that selects a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySelector {
    /// The name of a profile, given in code or with the option `--profile` of the command line.
    ProfileOption,
    /// An environment variable that contains an API key, an `Authorization` header, or the path of a key file.
    KeyVariable(&'static str),
    /// `CODAT_PROFILE`.
    ProfileVariable,
    /// The setting `profile` of `config.toml`. Only the command line uses this setting.
    ProfileInUse,
}

impl KeySelector {
    /// Returns the name of the environment variable. Returns `None` if this setting is not an environment variable.
    pub fn variable(self) -> Option<&'static str> {
        match self {
            Self::KeyVariable(variable) => Some(variable),
            Self::ProfileVariable => Some(PROFILE),
            Self::ProfileOption | Self::ProfileInUse => None,
        }
    }
}

/// Returns the settings that select a key, in order of precedence. Omits settings that are not set. The first setting
/// applies. The others are ignored, even if their values are invalid. However, if several environment variables contain
/// a key, the keys must be equal.
///
/// `option` is true if the code or the option `--profile` names a profile. `is_any_in_use` is true if `config.toml`
/// names a profile.
///
/// ```
/// use codat_keys::internal::{KeySelector, key_selectors};
///
/// let variable = |name: &str| (name == "CODAT_PROFILE").then(|| "work".into());
/// let selectors: Vec<_> = key_selectors(false, &variable, true).collect();
/// assert_eq!(selectors, [KeySelector::ProfileVariable, KeySelector::ProfileInUse]);
/// ```
pub fn key_selectors(
    option: bool,
    environment: Environment<'_>,
    is_any_in_use: bool,
) -> impl Iterator<Item = KeySelector> {
    let variables = KEY_VARIABLES.map(KeySelector::KeyVariable).into_iter().chain([KeySelector::ProfileVariable]);
    let is_set = move |selector: &KeySelector| selector.variable().and_then(environment).is_some();
    let before = option.then_some(KeySelector::ProfileOption);
    before.into_iter().chain(variables.filter(is_set)).chain(is_any_in_use.then_some(KeySelector::ProfileInUse))
}
