//! `list`, `show` and `whoami`, and what they share with `create` and `delete`.

use std::path::Path;

use codat_keys::{ApiKeyDetails, Client, Creation, ErrorKind, KeyId};

use crate::args::{KeyOutput, List, Show, Whoami};
use crate::failure::Failure;
use crate::output::{
    KeyDocument, KeyJson, KeysDocument, print, print_json, print_keys, refuse_closed_output, refuse_terminal, say,
};
use crate::runtime::unless_interrupted;
use crate::secret_file::SecretFile;
use crate::survey;

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
    check_reference(&show.key)?;
    let file = reserve(&show.output)?;
    let keys = unless_interrupted(client.keys().list()).await?;
    hand_out(&client, resolve(&keys, &show.key)?, &show.output, file, None)
}

pub(crate) async fn whoami(whoami: &Whoami) -> Result<(), Failure> {
    let client = whoami.connection.client().await?;
    let key = unless_interrupted(client.whoami()).await?;
    say(&survey::summary(whoami.connection.key.profile.as_deref()));
    if whoami.json {
        print_json(&KeyDocument::new(&client, &key, false, None))
    } else {
        print_keys(&client, std::slice::from_ref(&key), false)
    }
}

/// Refuses what could be a path. Checked before anything is sent.
pub(crate) fn check_reference(reference: &str) -> Result<(), Failure> {
    KeyId::parse(reference).map(drop).map_err(|error| {
        Failure::new(
            error.kind(),
            error,
            "give an id as `codat-keys list` shows it: a key of such a name is called by its id",
        )
    })
}

/// The key that a person means: an id, or a name that only one key has.
pub(crate) fn resolve<'a>(keys: &'a [ApiKeyDetails], reference: &str) -> Result<&'a ApiKeyDetails, Failure> {
    if let Some(key) = keys.iter().find(|key| key.id == *reference) {
        return Ok(key);
    }
    let named: Vec<_> = keys.iter().filter(|key| key.is_named(reference)).collect();
    match named.as_slice() {
        [key] => Ok(key),
        [] => Err(Failure::new(ErrorKind::NotFound, "no key has this id or name", "codat-keys list shows the keys")),
        several => {
            let ids: Vec<String> = several.iter().map(|key| key.id.to_string()).collect();
            let hint = format!("give one of their ids: {}", ids.join(", "));
            Err(Failure::new(ErrorKind::InvalidInput, format!("{} keys have this name", several.len()), hint))
        }
    }
}

/// Checks the destination of a key before the key is created, and reserves its file.
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

pub(crate) fn hand_out(
    client: &Client,
    key: &ApiKeyDetails,
    output: &KeyOutput,
    file: Option<SecretFile>,
    made: Option<&Creation>,
) -> Result<(), Failure> {
    let hint = format!("the key exists: fetch it with `codat-keys show {} --out FILE`", key.id);
    if let Some(file) = file {
        file.write(key.api_key.expose_secret(), &hint)?;
    }
    let printed = match output {
        KeyOutput { json: true, reveal, .. } => print_json(&KeyDocument::new(client, key, *reveal, made)),
        _ if output.is_printed() => print(&format!("{}\n", key.api_key.expose_secret())),
        _ => return print_keys(client, std::slice::from_ref(key), false),
    };
    match output.is_printed() {
        true => printed.map_err(|failure| failure.even_if_nobody_reads().with_hint(hint)),
        false => printed,
    }
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
