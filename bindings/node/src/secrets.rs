//! Keys and headers, read and written by the core. They are kept in the classes of `node/src/secrets.ts`.

use codat_keys::{ApiKey, AuthorizationHeader};
use napi_derive::napi;

use crate::errors::raise;

/// A raw key.
pub(crate) fn api_key(text: &str) -> napi::Result<ApiKey> {
    ApiKey::parse(text).map_err(raise)
}

/// A whole header.
pub(crate) fn header(text: &str) -> napi::Result<AuthorizationHeader> {
    AuthorizationHeader::parse(text).map_err(raise)
}

/// Refuses what is no raw key.
#[napi]
pub fn check_key(text: String) -> napi::Result<()> {
    api_key(&text).map(drop)
}

/// Refuses what cannot be sent.
#[napi]
pub fn check_verbatim(text: String) -> napi::Result<()> {
    verbatim(&text).map(drop)
}

/// The header of a key, whatever its form.
#[napi]
pub fn header_of(key: String) -> napi::Result<String> {
    Ok(AuthorizationHeader::from(&verbatim(&key)?).expose_secret().to_owned())
}

/// The key that a header carries.
#[napi]
pub fn key_of(text: String) -> napi::Result<String> {
    Ok(header(&text)?.api_key().expose_secret().to_owned())
}

/// The last four characters, at the most.
#[napi]
pub fn masked(key: String) -> napi::Result<String> {
    Ok(verbatim(&key)?.masked())
}

/// Whether two keys are the same, in constant time.
#[napi]
pub fn same(key: String, other: String) -> napi::Result<bool> {
    Ok(verbatim(&key)? == verbatim(&other)?)
}

pub(crate) fn verbatim(text: &str) -> napi::Result<ApiKey> {
    ApiKey::verbatim(text).map_err(raise)
}
