//! Keys as JSON documents and as rows of a table.

use codat_keys::{ApiKeyDetails, Client, Creation};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::print_rows;

/// Prints keys as a table. If standard output is not a terminal, prints tab-separated lines.
pub(crate) fn print_keys(client: &Client, keys: &[ApiKeyDetails], reveal: bool) -> Result<(), Failure> {
    print_rows(["ID", "NAME", "CREATED", "IN USE", "KEY"], keys.iter().map(|key| row(client, key, reveal)))
}

/// The JSON document of `list`.
#[derive(Serialize)]
pub(crate) struct KeysDocument {
    pub(crate) keys: Vec<KeyJson>,
}

/// The JSON document of `show`, `whoami` and `create`.
#[derive(Serialize)]
pub(crate) struct KeyDocument {
    key: KeyJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<&'static str>,
    /// The ids of other new keys with the same name. `Some(None)` becomes `null`, and means that the keys could not be
    /// listed. Only the command `create` prints this member. For other commands, the field is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    extras: Option<Option<Vec<String>>>,
}

impl KeyDocument {
    pub(crate) fn new(client: &Client, key: &ApiKeyDetails, reveal: bool, made: Option<&Creation>) -> Self {
        let ids = |extras: &Vec<ApiKeyDetails>| extras.iter().map(|extra| extra.id.to_string()).collect();
        Self {
            key: KeyJson::new(client, key, reveal),
            how: made.map(|made| made.how.code()),
            extras: made.map(|made| made.extras.as_ref().map(ids)),
        }
    }
}

/// The JSON of a key. The members have the order that `--help` shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyJson {
    id: String,
    name: Option<String>,
    created: Option<String>,
    in_use: bool,
    key: String,
}

impl KeyJson {
    pub(crate) fn new(client: &Client, key: &ApiKeyDetails, reveal: bool) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.as_ref().map(|name| name.redacted().into_owned()),
            created: key.created_date.map(|date| date.to_string()),
            in_use: client.uses(key),
            key: shown(key, reveal),
        }
    }
}

fn row(client: &Client, key: &ApiKeyDetails, reveal: bool) -> [String; 5] {
    [
        key.id.to_string(),
        key.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        key.created_date.map(|date| date.to_string()).unwrap_or_default(),
        if client.uses(key) { "yes" } else { "no" }.into(),
        shown(key, reveal),
    ]
}

fn shown(key: &ApiKeyDetails, reveal: bool) -> String {
    if reveal { key.api_key.expose_secret().to_owned() } else { key.api_key.masked() }
}
