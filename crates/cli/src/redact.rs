//! Masking of keys in messages.

use std::fmt::Display;
use std::sync::OnceLock;

use codat_keys::internal::{configured_keys, mask_credentials, mask_key};
use codat_keys::{ApiKey, Client};

/// The client whose key is masked in all messages.
static CLIENT: OnceLock<Client> = OnceLock::new();

/// Masks the key of a client in all later messages.
pub(crate) fn keep_secret(client: &Client) {
    // Setting the client cannot fail, because a command has one client.
    let _ = CLIENT.set(client.clone());
}

/// Returns whether a text contains a [known](without_known_keys) API key, or a word that looks like an API key. A word
/// of 40 or more hexadecimal digits in lower case does not count, because such a word is usually a digest, such as the
/// id of a commit in a path.
pub(crate) fn holds_secret(text: &str) -> bool {
    let is_digest = |word: &str| word.len() >= 40 && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_known = without_known_keys(text) != text;
    let is_separator = |c: char| !c.is_ascii_alphanumeric();
    let words = text.split_inclusive(is_separator);
    let without_digests: String =
        words.map(|word| if is_digest(word.trim_end_matches(is_separator)) { "-" } else { word }).collect();
    is_known || mask_credentials(&without_digests) != without_digests
}

/// Masks the API keys in a message. A message may contain an API key that a user has given as a path, a name or a
/// command by mistake.
pub(crate) fn without_secrets(message: impl Display) -> String {
    // Masks the client's key first: if a part of the key were masked as a credential, the rest would not be recognized.
    mask_credentials(&without_known_keys(&message.to_string()))
}

/// Masks the known API keys in a message. These are the API keys that the client has used or listed. Before the command
/// has a client, these are the API keys in the environment, and in the files that the environment and the profiles
/// name.
pub(crate) fn without_known_keys(message: &str) -> String {
    static CONFIGURED: OnceLock<Vec<ApiKey>> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return client.redact(message);
    }
    let keys = CONFIGURED.get_or_init(configured_keys);
    keys.iter().fold(message.to_owned(), |message, key| mask_key(&message, key))
}
