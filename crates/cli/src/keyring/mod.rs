//! The keyring of the operating system: Keychain, the Credential Manager, or the Secret Service on D-Bus. Commands
//! access the keyring only for a profile whose key is in the keyring or is to be stored there.

#[cfg(not(feature = "keyring"))]
mod absent;
#[cfg(feature = "keyring")]
mod system;

use std::time::Duration;

#[cfg(not(feature = "keyring"))]
pub(crate) use absent::{fetch, remove, store};
#[cfg(feature = "keyring")]
pub(crate) use system::{fetch, remove, store};

use crate::failure::Failure;

/// The default timeout of a request to the keyring. A request to a locked keyring may wait for a password in a prompt
/// that the user does not see.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// The reason why the keyring did not complete a request.
#[cfg_attr(not(feature = "keyring"), expect(dead_code, reason = "`absent` returns only `Absent`"))]
pub(crate) enum KeyringError {
    /// This machine, or this session, has no keyring.
    Absent(String),
    /// The keyring has no entry for the profile.
    NoEntry,
    Other(Failure),
}
