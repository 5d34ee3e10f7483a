//! Masking of secrets. A mask consists of four asterisks and, for secrets that are long enough, the last four
//! characters of the secret.

use std::cmp::Reverse;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
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

/// Masks secrets in texts. [`Masker::new`] receives the secrets.
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
        masker.0.sort_by_key(|(secret, _)| Reverse(secret.len()));
        masker
    }

    pub(crate) fn text(&self, text: &str) -> String {
        self.start_of(text, text.len())
    }

    /// Masks secrets in the first `max` bytes of a text, and omits the rest. A secret that begins in these bytes and
    /// ends after them is also masked.
    pub(crate) fn start_of(&self, text: &str, max: usize) -> String {
        let max = text.floor_char_boundary(max);
        let longest = self.0.first().map_or(0, |(secret, _)| secret.len());
        let searched = &text[..text.floor_char_boundary(max.saturating_add(longest))];
        let mut parts = vec![Part { offset: 0, text: searched, is_mask: false }];
        for (secret, mask) in &self.0 {
            if searched.contains(secret) {
                parts = parts.into_iter().flat_map(|part| part.masked(secret, mask)).collect();
            }
        }
        parts.iter().filter(|part| part.offset < max).map(|part| part.until(max)).collect()
    }

    /// Masks secrets in a part of a URL, including percent-encoded secrets. Returns the part unchanged if it contains
    /// no secret.
    pub(crate) fn url(&self, part: &str) -> String {
        let decoded = percent_decode_str(part).decode_utf8_lossy();
        let masked = self.text(&decoded);
        if masked == decoded { part.to_owned() } else { masked }
    }

    /// Masks secrets in all strings of a JSON value, including field names. The strings are masked when the returned
    /// value is serialized. If a string value has more than `max` bytes, the serialization writes the first `max` bytes
    /// of this string and then fails.
    pub(crate) fn json<'a>(&'a self, value: &'a Value, max: usize) -> MaskedJson<'a> {
        MaskedJson { value, masker: self, max }
    }

    fn add(&mut self, secret: &str, shown_as: &str) {
        if !secret.is_empty() {
            self.0.push((secret.to_owned(), mask(shown_as)));
        }
    }
}

/// A part of a text that is searched for secrets.
struct Part<'a> {
    /// The offset of this part in the text. If this part is a mask, this is the offset of the masked secret.
    offset: usize,
    text: &'a str,
    /// Whether this part is a mask. A mask is not searched, because a short secret such as `*` could occur in the mask.
    is_mask: bool,
}

impl<'a> Part<'a> {
    /// Splits this part at each occurrence of `secret`, and replaces `secret` with `mask`.
    fn masked(self, secret: &str, mask: &'a str) -> Vec<Part<'a>> {
        if self.is_mask {
            return vec![self];
        }
        let (mut parts, mut end) = (Vec::new(), 0);
        for (start, _) in self.text.match_indices(secret) {
            parts.push(Part { offset: self.offset + end, text: &self.text[end..start], is_mask: false });
            parts.push(Part { offset: self.offset + start, text: mask, is_mask: true });
            end = start + secret.len();
        }
        parts.push(Part { offset: self.offset + end, text: &self.text[end..], is_mask: false });
        parts
    }

    /// Returns the text of this part before the offset `max`. If this part is a mask, returns the whole mask.
    fn until(&self, max: usize) -> &'a str {
        if self.is_mask { self.text } else { &self.text[..self.text.len().min(max - self.offset)] }
    }
}

/// A JSON value that is serialized with secrets masked. [`Masker::json`] creates it.
#[derive(Clone, Copy)]
pub(crate) struct MaskedJson<'a> {
    value: &'a Value,
    masker: &'a Masker,
    max: usize,
}

impl Serialize for MaskedJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let masked = |value| MaskedJson { value, ..*self };
        match self.value {
            Value::String(text) => {
                let serialized = serializer.serialize_str(&self.masker.start_of(text, self.max))?;
                if text.len() > self.max { Err(S::Error::custom("the string is too long")) } else { Ok(serialized) }
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(masked)),
            Value::Object(fields) => serializer
                .collect_map(fields.iter().map(|(name, value)| (self.masker.start_of(name, self.max), masked(value)))),
            other => other.serialize(serializer),
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
        let json = serde_json::json!({"made-up+key/wxyz": ["made-up+key/wxyz", 1]});
        assert_eq!(serde_json::to_string(&masker.json(&json, 100)).unwrap(), r#"{"****wxyz":["****wxyz",1]}"#);
    }

    #[test]
    fn a_mask_is_not_masked_again() {
        let masker = Masker::new(std::iter::empty(), ["*", "Basic *", "Basic *"].into_iter());
        assert_eq!(masker.text("a * b"), "a **** b");
    }

    #[test]
    fn a_secret_at_the_end_of_the_start_is_masked_entirely() {
        let masker = Masker::new(["made-up+key/wxyz"].into_iter(), std::iter::empty());
        let text = "é made-up+key/wxyz, made-up+key/wxyz";
        for (max, start) in [(1, ""), (2, "é"), (3, "é "), (4, "é ****wxyz"), (19, "é ****wxyz"), (20, "é ****wxyz,")]
        {
            assert_eq!(masker.start_of(text, max), start);
        }
        assert_eq!(masker.start_of(text, 1000), "é ****wxyz, ****wxyz");
    }
}
