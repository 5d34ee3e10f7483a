//! The paths of the page.

use codat_keys::KeyId;

/// The path of the page on its server.
pub const PATH: &str = "/developers/api-keys";

/// Returns the path of an action on a key.
pub(crate) fn key_path(id: &KeyId, action: &str) -> String {
    let id = percent_encoding::utf8_percent_encode(id.as_str(), percent_encoding::NON_ALPHANUMERIC);
    format!("{PATH}/keys/{id}/{action}")
}
