//! The data of API keys. `node/src/key-types.ts` creates JavaScript objects from this data.

use codat_keys::{ApiKeyDetails, AuthorizationHeader, Timestamp, Untrusted};
use napi_derive::napi;
use serde::Serialize;

/// The details and the secret value of an API key.
#[napi(object, object_from_js = false, use_nullable = true)]
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyData {
    pub id: String,
    pub name: Option<String>,
    /// The id of the API key, for display. If the id contains an API key, that part is masked.
    pub shown_id: String,
    /// The name of the API key, for display. If the name contains an API key, that part is masked.
    pub shown_name: Option<String>,
    pub api_key: String,
    pub created_date: Option<i64>,
}

/// Returns the secret value of the API key that an `Authorization` header contains.
pub(crate) fn key_in(header: &AuthorizationHeader) -> String {
    header.api_key().expose_secret().to_owned()
}

pub(crate) fn keys(keys: &[ApiKeyDetails]) -> Vec<KeyData> {
    keys.iter().map(KeyData::from).collect()
}

impl From<&ApiKeyDetails> for KeyData {
    fn from(key: &ApiKeyDetails) -> Self {
        Self {
            id: key.id.as_str().to_owned(),
            name: key.name.as_ref().map(|name| Untrusted::unredacted(name).to_owned()),
            shown_id: key.id.to_string(),
            shown_name: key.name.as_ref().map(ToString::to_string),
            api_key: key.api_key.expose_secret().to_owned(),
            created_date: key.created_date.map(Timestamp::as_millisecond),
        }
    }
}
