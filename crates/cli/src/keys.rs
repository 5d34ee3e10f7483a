//! `list`, `show` and `create`.

use codat_keys::{ApiKeyDetails, Client, ErrorKind, KeyId, KeyName};

use crate::args::{Connection, Create, KeyOutput, List, Show};
use crate::failure::Failure;
use crate::output::{KeyJson, plain, print, print_json, print_keys};
use crate::runtime;
use crate::secret_file::SecretFile;

pub(crate) fn list(connection: &Connection, list: &List) -> Result<(), Failure> {
    let client = connection.client()?;
    let keys = match &list.name {
        Some(name) => runtime::read(client.keys().find(name))?,
        None => runtime::read(client.keys().list())?,
    };
    if list.json {
        let keys: Vec<KeyJson<'_>> = keys.iter().map(|key| KeyJson::new(&client, key, list.reveal)).collect();
        print_json("keys", keys)
    } else {
        print_keys(&client, &keys, list.reveal)
    }
}

pub(crate) fn show(connection: &Connection, show: &Show) -> Result<(), Failure> {
    let client = connection.client()?;
    KeyId::parse(&show.key)?;
    let file = reserve(&show.output)?;
    let keys = runtime::read(client.keys().list())?;
    hand_out(&client, resolve(&keys, &show.key)?, &show.output, file)
}

pub(crate) fn create(connection: &Connection, create: &Create) -> Result<(), Failure> {
    let client = connection.client()?;
    let name = KeyName::parse(&create.name)?;
    let file = reserve(&create.output)?;
    let key = runtime::change(client.keys().create(&name))?;
    anstream::eprintln!("created {} ({})", plain(key.id.as_str()), key.api_key.masked());
    if !create.output.reveal && file.is_none() {
        anstream::eprintln!("to fetch its value: codat-keys show {} --out FILE", plain(key.id.as_str()));
    }
    hand_out(&client, &key, &create.output, file)
}

/// The key that a person means: an id, or a name that only one key has.
pub(crate) fn resolve<'a>(keys: &'a [ApiKeyDetails], reference: &str) -> Result<&'a ApiKeyDetails, Failure> {
    if let Some(key) = keys.iter().find(|key| key.id.as_str() == reference) {
        return Ok(key);
    }
    let named: Vec<_> = keys.iter().filter(|key| key.name.as_deref() == Some(reference)).collect();
    match named.as_slice() {
        [key] => Ok(key),
        [] => Err(Failure::new(ErrorKind::NotFound, "no key has this id or name", "codat-keys list shows the keys")),
        several => {
            let ids: Vec<&str> = several.iter().map(|key| key.id.as_str()).collect();
            let hint = format!("give one of their ids: {}", ids.join(", "));
            Err(Failure::new(ErrorKind::InvalidInput, format!("{} keys have this name", several.len()), hint))
        }
    }
}

fn reserve(output: &KeyOutput) -> Result<Option<SecretFile>, Failure> {
    output.out.as_deref().map(|path| SecretFile::reserve(path, output.overwrite)).transpose()
}

fn hand_out(client: &Client, key: &ApiKeyDetails, output: &KeyOutput, file: Option<SecretFile>) -> Result<(), Failure> {
    if let Some(file) = file {
        file.write(&key.api_key)?;
    }
    match output {
        KeyOutput { json: true, reveal, .. } => print_json("key", KeyJson::new(client, key, *reveal)),
        KeyOutput { reveal: true, .. } => print(&format!("{}\n", key.api_key.expose_secret())),
        _ => print_keys(client, std::slice::from_ref(key), false),
    }
}
