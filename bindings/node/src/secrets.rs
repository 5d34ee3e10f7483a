//! Parses and formats API keys and `Authorization` headers for the classes in `node/src/secrets.ts`.

use codat_keys::{ApiKey, AuthorizationHeader};
use napi::Env;
use napi_derive::napi;

use crate::errors::raise;
use crate::key_types::key_in;

/// Fails if the text cannot be an API key.
#[napi]
pub fn check_key(env: Env, text: String) -> napi::Result<()> {
    ApiKey::parse(&text).map(drop).map_err(raise(env))
}

/// Returns an error if the text cannot be sent in an HTTP header.
#[napi]
pub fn check_verbatim(env: Env, text: String) -> napi::Result<()> {
    verbatim(env, &text).map(drop)
}

/// Returns the `Authorization` header for an API key, without checking the form of the API key.
#[napi]
pub fn header_of(env: Env, key: String) -> napi::Result<String> {
    Ok(AuthorizationHeader::from(&verbatim(env, &key)?).expose_secret().to_owned())
}

/// Returns the API key that an `Authorization` header contains.
#[napi]
pub fn key_of(env: Env, header: String) -> napi::Result<String> {
    AuthorizationHeader::parse(&header).map(|header| key_in(&header)).map_err(raise(env))
}

/// Returns four asterisks and the last four characters of an API key. For an API key of fewer than twelve characters,
/// returns only the asterisks.
#[napi]
pub fn masked(env: Env, key: String) -> napi::Result<String> {
    Ok(verbatim(env, &key)?.masked())
}

/// Compares two API keys in constant time.
#[napi]
pub fn same(env: Env, key: String, other: String) -> napi::Result<bool> {
    Ok(verbatim(env, &key)? == verbatim(env, &other)?)
}

/// Creates an API key without checking its form.
pub(crate) fn verbatim(env: Env, text: &str) -> napi::Result<ApiKey> {
    ApiKey::verbatim(text).map_err(raise(env))
}
