//! Parses and formats API keys and `Authorization` headers for the classes in `node/src/secrets.ts`.

use codat_keys::{ApiKey, AuthorizationHeader};
use napi_derive::napi;

use crate::errors::raise;

/// Parses an API key.
pub(crate) fn api_key(text: &str) -> napi::Result<ApiKey> {
    ApiKey::parse(text).map_err(raise)
}

/// Parses the value of an `Authorization` header.
pub(crate) fn header(text: &str) -> napi::Result<AuthorizationHeader> {
    AuthorizationHeader::parse(text).map_err(raise)
}

/// Returns an error if the text cannot be an API key.
#[napi]
pub fn check_key(text: String) -> napi::Result<()> {
    api_key(&text).map(drop)
}

/// Returns an error if the text cannot be sent in an HTTP header.
#[napi]
pub fn check_verbatim(text: String) -> napi::Result<()> {
    verbatim(&text).map(drop)
}

/// Returns the `Authorization` header for an API key, without checking the form of the API key.
#[napi]
pub fn header_of(key: String) -> napi::Result<String> {
    Ok(AuthorizationHeader::from(&verbatim(&key)?).expose_secret().to_owned())
}

/// Returns the API key that an `Authorization` header contains.
#[napi]
pub fn key_of(text: String) -> napi::Result<String> {
    Ok(header(&text)?.api_key().expose_secret().to_owned())
}

/// Returns four asterisks and the last four characters of an API key. For an API key of fewer than twelve characters,
/// returns only the asterisks.
#[napi]
pub fn masked(key: String) -> napi::Result<String> {
    Ok(verbatim(&key)?.masked())
}

/// Compares two API keys in constant time.
#[napi]
pub fn same(key: String, other: String) -> napi::Result<bool> {
    Ok(verbatim(&key)? == verbatim(&other)?)
}

/// Creates an API key without checking its form.
pub(crate) fn verbatim(text: &str) -> napi::Result<ApiKey> {
    ApiKey::verbatim(text).map_err(raise)
}
