//! The keyring of the operating system: Keychain, the Credential Manager, or the Secret Service on D-Bus. A command
//! accesses the keyring only if the keyring is the place for the key of the command's profile.

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

/// The default timeout of a request to the keyring. A locked keyring may show a prompt for its password. If the user
/// does not see the prompt, the request does not complete.
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
