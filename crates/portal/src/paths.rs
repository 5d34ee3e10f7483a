//! The URL paths of the portal.

use codat_keys::KeyId;

/// The URL path of the API keys page.
pub const PATH: &str = "/developers/api-keys";

/// Returns the URL path of an action, such as `revoke`, on an API key.
pub(crate) fn key_path(id: &KeyId, action: &str) -> String {
    let id = percent_encoding::utf8_percent_encode(id.as_str(), percent_encoding::NON_ALPHANUMERIC);
    format!("{PATH}/keys/{id}/{action}")
}
