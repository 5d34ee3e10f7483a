//! The data of API keys. `node/src/key-types.ts` creates JavaScript objects from this data.

use codat_keys::{AuthorizationHeader, Timestamp, Untrusted};
use serde::Serialize;

/// An API key with its details and its secret value.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Key<'a> {
    id: &'a str,
    name: Option<&'a str>,
    /// The id of the API key, for display. If the id contains an API key, that part is masked.
    shown_id: String,
    /// The name of the API key, for display. If the name contains an API key, that part is masked.
    shown_name: Option<String>,
    api_key: &'a str,
    created_date: Option<i64>,
}

/// Returns the secret value of the API key that an `Authorization` header contains.
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
