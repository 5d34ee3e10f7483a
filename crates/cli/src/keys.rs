//! `list`, `show` and `create`.

use codat_keys::{ApiKeyDetails, Client, Creation, ErrorKind, How, KeyId, KeyName};

use crate::args::{Connection, Create, KeyOutput, List, Show};
use crate::failure::Failure;
use crate::output::{KeyDocument, KeyJson, KeysDocument, plain, print, print_json, print_keys};
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
        print_json(&KeysDocument { keys })
    } else {
        print_keys(&client, &keys, list.reveal)
    }
}

pub(crate) fn show(connection: &Connection, show: &Show) -> Result<(), Failure> {
    let client = connection.client()?;
    KeyId::parse(&show.key)?;
    let file = reserve(&show.output)?;
    let keys = runtime::read(client.keys().list())?;
    hand_out(&client, resolve(&keys, &show.key)?, &show.output, file, None)
}

pub(crate) fn create(connection: &Connection, create: &Create) -> Result<(), Failure> {
    let client = connection.client()?;
    let name = KeyName::parse(&create.name)?;
    let file = reserve(&create.output)?;
    let mut call = client.keys().create(&name).adopt(create.adopt).until(runtime::interrupted());
    if let Some(key) = &create.idempotency_key {
        call = call.idempotency_key(key);
    }
    let made = runtime::change(call)?;
    tell(&made, create.output.reveal || file.is_some());
    hand_out(&client, &made.key, &create.output, file, Some(&made))
}

/// What came of it, for a person.
fn tell(made: &Creation, handed_out: bool) {
    let id = plain(made.key.id.as_str());
    let how = match made.how {
        How::Created => "",
        How::Replayed => ", told by a repeated request",
        How::Adopted => ", the one new key of this name",
    };
    anstream::eprintln!("created {id} ({}){how}", made.key.api_key.masked());
    match made.extras.as_deref() {
        None => anstream::eprintln!("note: whether other keys of this name are new could not be seen"),
        Some(extras) => extras.iter().for_each(|extra| {
            anstream::eprintln!("note: this key of the same name is new too: {}", plain(extra.id.as_str()));
        }),
    }
    if !handed_out {
        anstream::eprintln!("to fetch its value: codat-keys show {id} --out FILE");
    }
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

fn hand_out(
    client: &Client,
    key: &ApiKeyDetails,
    output: &KeyOutput,
    file: Option<SecretFile>,
    made: Option<&Creation>,
) -> Result<(), Failure> {
    if let Some(file) = file {
        file.write(&key.api_key)?;
    }
    match output {
        KeyOutput { json: true, reveal, .. } => print_json(&KeyDocument::new(client, key, *reveal, made)),
        KeyOutput { reveal: true, .. } => print(&format!("{}\n", key.api_key.expose_secret())),
        _ => print_keys(client, std::slice::from_ref(key), false),
    }
}
