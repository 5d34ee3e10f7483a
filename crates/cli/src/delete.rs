//! `delete`.

use std::io::{IsTerminal, stderr, stdin};

use codat_keys::{ApiKeyDetails, ErrorKind, KeyId};

use crate::args::{Connection, Delete};
use crate::failure::Failure;
use crate::keys::resolve;
use crate::output::plain;
use crate::runtime;

pub(crate) fn delete(connection: &Connection, delete: &Delete) -> Result<(), Failure> {
    let client = connection.client()?;
    KeyId::parse(&delete.key)?;
    let nobody_to_ask = !(stdin().is_terminal() && stderr().is_terminal());
    if !delete.yes && nobody_to_ask {
        return Err(Failure::new(
            ErrorKind::InvalidInput,
            "there is no terminal to ask on whether to delete",
            "add --yes to delete without being asked; nothing was sent",
        ));
    }
    let keys = runtime::read(client.keys().list())?;
    let key = resolve(&keys, &delete.key)?;
    if !delete.yes && !confirmed(key)? {
        return Err(Failure::new(ErrorKind::Cancelled, "not confirmed", "nothing was deleted"));
    }
    let mut call = client.keys().delete(&key.id).until(runtime::interrupted());
    if delete.allow_key_in_use {
        call = call.allow_key_in_use();
    }
    runtime::change(call)?;
    anstream::eprintln!("deleted {}", describe(key));
    Ok(())
}

fn confirmed(key: &ApiKeyDetails) -> Result<bool, Failure> {
    anstream::eprint!("Delete {} for good? Whatever uses it stops working. [y/N] ", describe(key));
    let mut answer = String::new();
    stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::local(format!("the terminal cannot be read: {error}"), "add --yes"))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn describe(key: &ApiKeyDetails) -> String {
    let name = key.name.as_deref().unwrap_or("no name");
    format!("{} ({}, {})", plain(key.id.as_str()), plain(name), key.api_key.masked())
}
