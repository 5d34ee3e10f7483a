//! The arguments that name a key: `KEY`, `--id` and `--name`.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use codat_keys::internal::{References, Unresolved};
use codat_keys::{ApiKeyDetails, ErrorKind, KeyId};

use crate::completion;
use crate::failure::Failure;

/// The arguments that select a key by its id or its name.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct KeyReference {
    /// The id or the unique name of a key; if it is the name of one key and may be the id of another, use --id or
    /// --name
    #[arg(value_name = "KEY", add = ArgValueCompleter::new(completion::keys))]
    either: Option<String>,
    /// The id of the key
    #[arg(long, add = ArgValueCompleter::new(completion::ids))]
    id: Option<String>,
    /// The name of the key; an error if several keys have this name
    #[arg(long, add = ArgValueCompleter::new(completion::names))]
    name: Option<String>,
}

impl KeyReference {
    /// Returns an error if the value of `KEY` or `--id` does not have the form of a key id. Commands call this function
    /// before they send a request. A slash in the id, for example, would change the path of the request.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let hint = "give an id as `codat-keys list` shows it; if this is the name of a key, use --name NAME";
        let checked = self.id.as_ref().or(self.either.as_ref()).map(|id| KeyId::parse(id)).transpose();
        checked.map(drop).map_err(|error| Failure::new(error.kind(), error, hint))
    }

    /// Returns the listed key that the arguments name.
    pub(crate) fn resolve<'a>(&self, keys: &'a [ApiKeyDetails]) -> Result<&'a ApiKeyDetails, Failure> {
        let keys = References::new(keys);
        let (found, called) = match self {
            Self { id: Some(id), .. } => (keys.id(id), "id"),
            Self { name: Some(name), .. } => (keys.name(name), "name"),
            Self { either, .. } => (keys.either(either.as_deref().unwrap_or_default()), "id or name"),
        };
        found.map_err(|unresolved| failure(unresolved, called, "use --id ID or --name NAME"))
    }
}

/// Returns the listed key with this id or unique name.
pub(crate) fn find<'a>(keys: &'a [ApiKeyDetails], text: &str) -> Result<&'a ApiKeyDetails, Failure> {
    let found = References::new(keys).either(text);
    found.map_err(|unresolved| failure(unresolved, "id or name", "give the id of the key"))
}

fn failure(unresolved: Unresolved<'_>, called: &str, hint: &str) -> Failure {
    match unresolved {
        Unresolved::NotFound => {
            Failure::new(ErrorKind::NotFound, format!("no key has this {called}"), "codat-keys list shows the keys")
        }
        Unresolved::IdOrName => Failure::new(
            ErrorKind::InvalidInput,
            "this is the name of a key and may also be the id of another key",
            hint,
        ),
        Unresolved::Several(ids) => {
            let listed: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let hint = format!("give one of their ids: {}", listed.join(", "));
            Failure::new(ErrorKind::InvalidInput, format!("{} keys have this name", ids.len()), hint)
        }
    }
}
