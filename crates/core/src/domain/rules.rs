//! The rules for creating and deleting keys, as pure functions of a list of keys.

use std::collections::HashSet;

use super::api_key::ApiKey;
use super::key::{ApiKeyDetails, KeyId};
use crate::error::{Error, ErrorKind};

/// The maximum number of API keys in an account. The number comes from Codat's documentation.
pub const MAX_KEYS: usize = 10;

/// Returns the number of listed keys. A key that is listed twice counts once.
pub fn count_keys(keys: &[ApiKeyDetails]) -> usize {
    keys.iter().map(|key| &key.id).collect::<HashSet<_>>().len()
}

/// Returns whether an account with this number of keys has reached Codat's limit. No further key can then be created.
pub(crate) fn is_full(keys: usize) -> bool {
    keys >= MAX_KEYS
}

/// Returns an error if the key with this id must not be deleted. The error `LastKey` takes precedence over `KeyInUse`:
/// the caller can allow the deletion of the key in use, but not of the last key.
pub(crate) fn may_delete(
    keys: &[ApiKeyDetails],
    id: &KeyId,
    in_use: Option<&ApiKey>,
    allow_key_in_use: bool,
) -> Result<(), Error> {
    find(keys, id)?;
    // Two listed entries with the same id or the same API key describe the same key.
    let targets: HashSet<_> = keys.iter().filter(|key| key.id == *id).map(|key| key.api_key.expose_secret()).collect();
    let is_target = |secret: &ApiKey| targets.contains(secret.expose_secret());
    if !keys.iter().any(|key| key.id != *id && !is_target(&key.api_key)) {
        return Err(Error::of(ErrorKind::LastKey));
    }
    if !keys.iter().any(|key| Some(&key.api_key) == in_use) {
        return Err(Error::new(ErrorKind::KeyInUse, "the key that makes the call is not in the list of keys")
            .with_hint("the list may be stale: try again in a minute; nothing was deleted"));
    }
    if in_use.is_some_and(is_target) && !allow_key_in_use {
        return Err(Error::of(ErrorKind::KeyInUse));
    }
    Ok(())
}

pub(crate) fn find<'a>(keys: &'a [ApiKeyDetails], id: &KeyId) -> Result<&'a ApiKeyDetails, Error> {
    keys.iter().find(|key| key.id == *id).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "no key has this id").with_hint("list the keys to see their ids")
    })
}
