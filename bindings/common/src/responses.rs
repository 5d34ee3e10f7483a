//! HTTP responses.

use codat_keys::HeaderMap;

/// Returns the HTTP headers of a response as text, with names in lower case. The values of headers with the same name are joined
/// by commas.
pub fn headers(headers: &HeaderMap) -> Vec<(&str, String)> {
    let joined = headers.keys().map(|name| {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (name.as_str(), values.join(", "))
    });
    joined.collect()
}
