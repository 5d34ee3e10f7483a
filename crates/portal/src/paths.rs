//! The URL paths of the portal.

use codat_keys::KeyId;

/// The path of the API keys page on its server.
pub const PATH: &str = "/developers/api-keys";

/// Returns the path of an action on a key, such as its revocation.
pub(crate) fn key_path(id: &KeyId, action: &str) -> String {
    let id = percent_encoding::utf8_percent_encode(id.as_str(), percent_encoding::NON_ALPHANUMERIC);
    format!("{PATH}/keys/{id}/{action}")
}
