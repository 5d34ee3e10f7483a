//! The data of keys, from which `node/src/key-types.ts` creates objects.

use codat_keys::{AuthorizationHeader, Timestamp, Untrusted};
use serde::Serialize;

/// A key with its secret.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Key<'a> {
    id: &'a str,
    name: Option<&'a str>,
    /// The id with every known key masked, for display.
    shown_id: String,
    /// The name with every known key masked, for display.
    shown_name: Option<String>,
    api_key: &'a str,
    created_date: Option<i64>,
}

/// Returns the API key that a header contains.
pub(crate) fn key_in(header: &AuthorizationHeader) -> String {
    header.api_key().expose_secret().to_owned()
}

pub(crate) fn keys(keys: &[codat_keys::ApiKeyDetails]) -> Vec<Key<'_>> {
    keys.iter().map(Key::from).collect()
}

impl<'a> From<&'a codat_keys::ApiKeyDetails> for Key<'a> {
    fn from(key: &'a codat_keys::ApiKeyDetails) -> Self {
        Self {
            id: key.id.as_str(),
            name: key.name.as_ref().map(Untrusted::unredacted),
            shown_id: key.id.to_string(),
            shown_name: key.name.as_ref().map(ToString::to_string),
            api_key: key.api_key.expose_secret(),
            created_date: key.created_date.map(Timestamp::as_millisecond),
        }
    }
}
