//! Descriptions of responses, without secrets.

use codat_keys::Response;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The maximum number of characters of an error message that a description contains. A longer message is cut.
const MAX_CHARS: usize = 80;

/// Parses the body of a response. Returns `None` if the body is not the JSON that was expected.
pub(super) fn json<T: DeserializeOwned>(response: &Response) -> Option<T> {
    response.json().ok()
}

/// Returns the status of a response, and the first words of an error. Masks the API keys.
pub(super) fn describe(response: &Response) -> String {
    let status = format!("HTTP {}", response.status().as_u16());
    // API keys are masked before the text is cut, so that no part of a key remains.
    let body = response.redacted();
    let text = String::from_utf8_lossy(&body);
    if response.status().is_success() || text.trim().is_empty() {
        return status;
    }
    let error = serde_json::from_str::<Value>(&text).ok().and_then(|body| Some(body["error"].as_str()?.to_owned()));
    let words = error.unwrap_or_else(|| text.into_owned()).split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{status}: {}", words.chars().take(MAX_CHARS).collect::<String>())
}
