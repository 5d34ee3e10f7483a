//! The commands `list`, `show` and `whoami`, and the code that they share with `create` and `delete`.

use std::path::Path;

use codat_keys::reference::{References, Unresolved};
use codat_keys::{ApiKeyDetails, Client, Creation, ErrorKind, KeyId};

use crate::args::{KeyOutput, KeyReference, List, Show, Whoami};
use crate::credential_report;
use crate::failure::Failure;
use crate::key_display::{KeyDocument, KeyJson, KeysDocument, print_keys};
use crate::output::{print, print_json, refuse_closed_output, refuse_terminal};
use crate::runtime::unless_interrupted;
use crate::secret_file::SecretFile;
use crate::stderr::eprint_line;

pub(crate) async fn list(list: &List) -> Result<(), Failure> {
    let client = list.connection.client().await?;
    let keys = match &list.name {
        Some(name) => unless_interrupted(client.keys().find(name)).await?,
        None => unless_interrupted(client.keys().list()).await?,
    };
    if list.json {
        let keys: Vec<KeyJson> = keys.iter().map(|key| KeyJson::new(&client, key, list.reveal)).collect();
        print_json(&KeysDocument { keys })
    } else {
        print_keys(&client, &keys, list.reveal)
    }
}

pub(crate) async fn show(show: &Show) -> Result<(), Failure> {
    let client = show.connection.client().await?;
    show.key.check()?;
    let file = reserve(&show.output)?;
    let keys = unless_interrupted(client.keys().list()).await?;
    write_secret(&client, show.key.resolve(&keys)?, &show.output, file, None)
}

pub(crate) async fn whoami(whoami: &Whoami) -> Result<(), Failure> {
    let client = whoami.connection.client().await?;
    let key = unless_interrupted(client.whoami()).await?;
    eprint_line(&credential_report::summary(whoami.connection.key.profile.as_deref()));
    if whoami.json {
        print_json(&KeyDocument::new(&client, &key, false, None))
    } else {
        print_keys(&client, std::slice::from_ref(&key), false)
    }
}

impl KeyReference {
    /// Rejects an invalid id, such as a path, before a request is sent.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let hint = "give an id as `codat-keys list` shows it; if this is the name of a key, use --name NAME";
        let checked = self.id.as_ref().or(self.either.as_ref()).map(|id| KeyId::parse(id)).transpose();
        checked.map(drop).map_err(|error| Failure::new(error.kind(), error, hint))
    }

    /// Returns the key that the arguments name.
    pub(crate) fn resolve<'a>(&self, keys: &'a [ApiKeyDetails]) -> Result<&'a ApiKeyDetails, Failure> {
        let keys = References::new(keys);
        let (found, called) = match self {
            Self { id: Some(id), .. } => (keys.id(id), "id"),
            Self { name: Some(name), .. } => (keys.name(name), "name"),
            Self { either, .. } => (keys.either(either.as_deref().unwrap_or_default()), "id or name"),
        };
        found.map_err(|unresolved| match unresolved {
            Unresolved::NotFound => {
                Failure::new(ErrorKind::NotFound, format!("no key has this {called}"), "codat-keys list shows the keys")
            }
            Unresolved::IdOrName => Failure::new(
                ErrorKind::InvalidInput,
                "this is the name of a key and may also be the id of another key",
                "use --id ID or --name NAME",
            ),
            Unresolved::Several(ids) => {
                let listed: Vec<String> = ids.iter().map(ToString::to_string).collect();
                let hint = format!("give one of their ids: {}", listed.join(", "));
                Failure::new(ErrorKind::InvalidInput, format!("{} keys have this name", ids.len()), hint)
            }
        })
    }
}

/// Checks the destination of a key before a request is sent, and reserves its file.
pub(crate) fn reserve(output: &KeyOutput) -> Result<Option<SecretFile>, Failure> {
    if output.is_dash() {
        if output.json {
            let what = "--json and --out - both go to standard output";
            return Err(Failure::new(
                ErrorKind::InvalidInput,
                what,
                "use --json --reveal, or --out FILE; nothing was sent",
            ));
        }
        refuse_terminal(false, "name a file: --out FILE, or use --reveal")?;
    }
    if output.is_printed() {
        refuse_closed_output("name a file: --out FILE")?;
        return Ok(None);
    }
    output.out.as_deref().map(|path| SecretFile::reserve(path, output.overwrite)).transpose()
}

/// Writes a key to its destination: in clear to the reserved file or to standard output, or masked.
pub(crate) fn write_secret(
    client: &Client,
    key: &ApiKeyDetails,
    output: &KeyOutput,
    file: Option<SecretFile>,
    made: Option<&Creation>,
) -> Result<(), Failure> {
    let hint = fetch_hint(key);
    if let Some(file) = file {
        file.write(key.api_key.expose_secret(), &hint)?;
    }
    let printed = match output {
        KeyOutput { json: true, reveal, .. } => print_json(&KeyDocument::new(client, key, *reveal, made)),
        _ if output.is_printed() => print(&format!("{}\n", key.api_key.expose_secret())),
        _ => return print_keys(client, std::slice::from_ref(key), false),
    };
    match output.is_printed() {
        true => printed.map_err(|failure| failure.even_on_closed_pipe().with_hint(hint)),
        false => printed,
    }
}

/// Returns the hint for a key whose value could not be written.
pub(crate) fn fetch_hint(key: &ApiKeyDetails) -> String {
    format!("the key exists: fetch it with `codat-keys show --id {} --out FILE`", key.id)
}

impl KeyOutput {
    /// Whether the key is written to standard output in clear.
    pub(crate) fn is_printed(&self) -> bool {
        self.reveal || self.is_dash()
    }

    fn is_dash(&self) -> bool {
        self.out.as_deref().is_some_and(|path| path == Path::new("-"))
    }
}
