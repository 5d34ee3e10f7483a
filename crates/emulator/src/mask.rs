//! Masks secrets: four asterisks and the last four characters.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

const MASK: &str = "****";

/// Four characters of a shorter secret would give too much of it away.
const SHORTEST_WITH_TAIL: usize = 12;

/// `****abcd`, or only `****` for fewer than 12 characters.
pub(crate) fn mask(secret: &str) -> String {
    let length = secret.chars().count();
    let hidden = if length < SHORTEST_WITH_TAIL { length } else { length - 4 };
    MASK.chars().chain(secret.chars().skip(hidden)).collect()
}

/// The secrets to be taken out of whatever is written down.
pub(crate) struct Masks(Vec<(String, String)>);

impl Masks {
    /// `keys` are masked in clear and as Base64; `sent`, the credentials that came with a request, as they are and decoded.
    pub(crate) fn new<'a>(keys: impl Iterator<Item = &'a str>, sent: impl Iterator<Item = &'a str>) -> Masks {
        let mut masks = Masks(Vec::new());
        for key in keys {
            let encoded = STANDARD.encode(key);
            masks.add(key, key);
            masks.add(&encoded, key);
            masks.add(encoded.trim_end_matches('='), key);
        }
        for credential in sent {
            masks.add(credential, credential);
            let value = credential.split_once(' ').map_or(credential, |(_, value)| value.trim());
            masks.add(value, value);
            if let Some(decoded) = STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
                masks.add(&decoded, &decoded);
                masks.add(decoded.trim_end_matches(':'), &decoded);
            }
        }
        // The longest first, so that no part of a secret is left over. The sort is stable: a known key's own mask wins.
        masks.0.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
        masks
    }

    pub(crate) fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (secret, mask)| text.replace(secret, mask))
    }

    /// Part of a URL: a secret is found behind percent signs too. Without one, the part stays as it was sent.
    pub(crate) fn url(&self, part: &str) -> String {
        let decoded = percent_decode_str(part).decode_utf8_lossy();
        let masked = self.text(&decoded);
        if masked == decoded { part.to_owned() } else { masked }
    }

    /// Every string of a JSON value, names of members included.
    pub(crate) fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.text(&text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Value::Object(members) => {
                members.into_iter().map(|(name, value)| (self.text(&name), self.json(value))).collect()
            }
            other => other,
        }
    }

    fn add(&mut self, secret: &str, shown: &str) {
        if !secret.is_empty() {
            self.0.push((secret.to_owned(), mask(shown)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_four_characters_of_a_long_secret_only() {
        assert_eq!(mask("made-up-key-wxyz"), "****wxyz");
        assert_eq!(mask("elevenchars"), "****");
        assert_eq!(mask("ééééééééwxyz"), "****wxyz");
    }

    #[test]
    fn finds_a_key_in_every_form() {
        let masks = Masks::new(["made-up+key/wxyz"].into_iter(), ["Basic unknown-credential"].into_iter());
        let encoded = STANDARD.encode("made-up+key/wxyz");
        assert_eq!(masks.text(&format!("a {encoded} b")), "a ****wxyz b");
        assert_eq!(masks.url("/apiKeys/made-up%2Bkey%2fwxyz"), "/apiKeys/****wxyz");
        assert_eq!(masks.url("name%3Dx"), "name%3Dx");
        assert_eq!(masks.text("unknown-credential"), "****tial");
        assert_eq!(
            masks.json(serde_json::json!({"made-up+key/wxyz": ["made-up+key/wxyz", 1]})),
            serde_json::json!({"****wxyz": ["****wxyz", 1]})
        );
    }
}
