//! The replacement for the module `system` in a program without the feature `keyring`. All functions return an error.

use std::time::Duration;

use codat_keys::ApiKey;
use zeroize::Zeroizing;

use super::KeyringError;
use crate::config::{Name, Profile};

pub(crate) async fn store(_: &Name, _: &str, _: &ApiKey, _: Duration) -> Result<(), KeyringError> {
    Err(absent())
}

pub(crate) async fn fetch(_: &Profile, _: Duration) -> Result<Zeroizing<String>, KeyringError> {
    Err(absent())
}

pub(crate) async fn remove(_: &Profile, _: Duration) -> Result<(), KeyringError> {
    Err(absent())
}

fn absent() -> KeyringError {
    KeyringError::Absent("this program was built without the feature `keyring`".into())
}
