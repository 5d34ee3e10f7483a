//! Masking of keys in messages.

use std::fmt::Display;
use std::sync::OnceLock;

use codat_keys::Client;
use codat_keys::internal::mask_credentials;

/// The client whose key is masked in all messages.
static CLIENT: OnceLock<Client> = OnceLock::new();

/// Masks the key of a client in all later messages.
pub(crate) fn keep_secret(client: &Client) {
    // Setting the client cannot fail, because a command has one client.
    let _ = CLIENT.set(client.clone());
}

/// Masks the API keys in a message. A message may contain an API key that a user has given as a path, a name or a
/// command by mistake.
pub(crate) fn without_secrets(message: impl Display) -> String {
    let message = message.to_string();
    // Masks the client's key first: if a part of the key were masked as a credential, the rest would not be recognized.
    mask_credentials(&CLIENT.get().map_or_else(|| message.clone(), |client| client.redact(&message)))
}
