//! Masking of secrets. A mask consists of four asterisks and, for secrets that are long enough, the last four
//! characters of the secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

const MASK: &str = "****";

/// The minimum length of a secret whose mask shows the last four characters. For a shorter secret, these characters
/// would reveal too much.
const MIN_LENGTH_WITH_SUFFIX: usize = 12;

/// Returns the mask of a secret: `****abcd`, or `****` if the secret has fewer than 12 characters.
pub(crate) fn mask(secret: &str) -> String {
    let length = secret.chars().count();
    let hidden = if length < MIN_LENGTH_WITH_SUFFIX { length } else { length - 4 };
    MASK.chars().chain(secret.chars().skip(hidden)).collect()
}

/// Replaces known secrets in texts with their masks.
pub(crate) struct Masker(Vec<(String, String)>);

impl Masker {
    /// Creates a masker for API keys and `Authorization` header values. `sent` contains the header values. For each API
    /// key, the masker replaces the API key and its Base64 encoding. For each header value, the masker replaces the
    /// header value and its Base64 decoding.
    pub(crate) fn new<'a>(keys: impl Iterator<Item = &'a str>, sent: impl Iterator<Item = &'a str>) -> Masker {
        let mut masker = Masker(Vec::new());
        for key in keys {
            let encoded = STANDARD.encode(key);
            masker.add(key, key);
            masker.add(&encoded, key);
            masker.add(encoded.trim_end_matches('='), key);
        }
        for credential in sent {
            masker.add(credential, credential);
            let value = credential.split_once(' ').map_or(credential, |(_, value)| value.trim());
            masker.add(value, value);
            if let Some(decoded) = STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
                masker.add(&decoded, &decoded);
                masker.add(decoded.trim_end_matches(':'), &decoded);
            }
        }
        // Longer secrets are replaced first, so that no part of a secret remains. The sort is stable: if a header value
        // equals a key, the mask of the key applies.
        masker.0.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
        masker
    }

    pub(crate) fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (secret, mask)| text.replace(secret, mask))
    }

    /// Masks secrets in a part of a URL, including percent-encoded secrets. Returns the part unchanged if it contains
    /// no secret.
    pub(crate) fn url(&self, part: &str) -> String {
        let decoded = percent_decode_str(part).decode_utf8_lossy();
        let masked = self.text(&decoded);
        if masked == decoded { part.to_owned() } else { masked }
    }

    /// Masks secrets in all strings of a JSON value, including field names.
    pub(crate) fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.text(&text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(name, value)| (self.text(&name), self.json(value))).collect()
            }
            other => other,
        }
    }

    fn add(&mut self, secret: &str, shown_as: &str) {
        if !secret.is_empty() {
            self.0.push((secret.to_owned(), mask(shown_as)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_secrets_are_masked_entirely() {
        assert_eq!(mask("made-up-key-wxyz"), "****wxyz");
        assert_eq!(mask("elevenchars"), "****");
        assert_eq!(mask("ééééééééwxyz"), "****wxyz");
    }

    #[test]
    fn all_encodings_of_a_key_are_masked() {
        let masker = Masker::new(["made-up+key/wxyz"].into_iter(), ["Basic unknown-credential"].into_iter());
        let encoded = STANDARD.encode("made-up+key/wxyz");
        assert_eq!(masker.text(&format!("a {encoded} b")), "a ****wxyz b");
        assert_eq!(masker.url("/apiKeys/made-up%2Bkey%2fwxyz"), "/apiKeys/****wxyz");
        assert_eq!(masker.url("name%3Dx"), "name%3Dx");
        assert_eq!(masker.text("unknown-credential"), "****tial");
        assert_eq!(
            masker.json(serde_json::json!({"made-up+key/wxyz": ["made-up+key/wxyz", 1]})),
            serde_json::json!({"****wxyz": ["****wxyz", 1]})
        );
    }
}
