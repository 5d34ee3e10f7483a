//! Parses and formats keys and headers for the classes of `node/src/secrets.ts`.

use codat_keys::{ApiKey, AuthorizationHeader};
use napi_derive::napi;

use crate::errors::raise;

/// Parses a key.
pub(crate) fn api_key(text: &str) -> napi::Result<ApiKey> {
    ApiKey::parse(text).map_err(raise)
}

/// Parses the value of an `Authorization` header.
pub(crate) fn header(text: &str) -> napi::Result<AuthorizationHeader> {
    AuthorizationHeader::parse(text).map_err(raise)
}

/// Returns an error for a text that cannot be a raw key, which is a key without Base64 encoding.
#[napi]
pub fn check_key(text: String) -> napi::Result<()> {
    api_key(&text).map(drop)
}

/// Returns an error for a text that cannot be sent in a header.
#[napi]
pub fn check_verbatim(text: String) -> napi::Result<()> {
    verbatim(&text).map(drop)
}

/// Returns the header for a key, without checking the form of the key.
#[napi]
pub fn header_of(key: String) -> napi::Result<String> {
    Ok(AuthorizationHeader::from(&verbatim(&key)?).expose_secret().to_owned())
}

/// Returns the key that a header contains.
#[napi]
pub fn key_of(text: String) -> napi::Result<String> {
    Ok(header(&text)?.api_key().expose_secret().to_owned())
}

/// Returns four asterisks and at most the last four characters of a key.
#[napi]
pub fn masked(key: String) -> napi::Result<String> {
    Ok(verbatim(&key)?.masked())
}

/// Compares two keys in constant time.
#[napi]
pub fn same(key: String, other: String) -> napi::Result<bool> {
    Ok(verbatim(&key)? == verbatim(&other)?)
}

/// Creates a key without checking its form.
pub(crate) fn verbatim(text: &str) -> napi::Result<ApiKey> {
    ApiKey::verbatim(text).map_err(raise)
}
