//! Masking of keys in the standard error of a program. In this text, the module also masks the lines that the program
//! printed on its standard output, because such a line can be a key.

use std::cmp::Reverse;

use zeroize::Zeroizing;

use crate::domain::{ApiKey, Credential, MOST_LISTED, mask_credentials};
use crate::lookalikes::{MASK, MIN_SECRET_BYTES};
use crate::needles::Needles;

/// The maximum nesting depth at which JSON strings are decoded. A JSON string can itself contain JSON text.
const MAX_DEPTH: usize = 4;

/// The maximum length in bytes of a text that is also masked in encoded forms, such as Base64. A longer text is masked
/// only in the form in which it was printed, because the search for encoded forms needs much memory. Codat's keys have
/// 40 characters.
const MAX_KEY_BYTES: usize = 128;

type Text = Zeroizing<String>;

/// Masks keys in `message`, the standard error of a program. `output` is the standard output of the program. The lines
/// and JSON strings of `output` are also masked in `message`, because a script with `set -x` can print a key to both
/// streams.
pub fn mask_printed(message: &str, output: &[u8]) -> String {
    let output = Zeroizing::new(String::from_utf8_lossy(output).into_owned());
    let mut texts = Vec::new();
    add_texts(&output, MAX_DEPTH, &mut texts);
    // A text can contain another one, whose masking would hide the longer one from the search.
    texts.sort_unstable_by_key(|text| Reverse(text.len()));
    texts.dedup();
    let keys = texts.iter().filter_map(|text| Some(Credential::read(text).ok()?.api_key().clone()));
    let keys = keys.filter(|key| key.expose_secret().len() <= MAX_KEY_BYTES);
    let keys: Vec<ApiKey> = keys.take(MOST_LISTED).collect();
    let mut masked = Needles::of(keys.iter().map(ApiKey::expose_secret)).redact(message).into_owned();
    for text in texts.iter().filter(|text| !text.is_empty()) {
        masked = masked.replace(text.as_str(), MASK);
    }
    mask_credentials(&masked)
}

/// Adds to `texts` the lines of `text`, and the lines of the JSON strings in `text`. Omits short lines, because they
/// can be ordinary words.
fn add_texts(text: &str, depth: usize, texts: &mut Vec<Text>) {
    let lines = text.lines().map(str::trim).filter(|line| line.len() >= MIN_SECRET_BYTES);
    texts.extend(lines.map(|line| line.to_owned().into()));
    if depth > 0 {
        for string in strings(text) {
            add_texts(&string, depth - 1, texts);
        }
    }
}

/// Splits `text` at its double quotes, and returns the parts with decoded escapes. Also returns the parts outside of
/// JSON strings, because it is unclear after an unpaired quote which parts are JSON strings.
fn strings(text: &str) -> Vec<Text> {
    let (mut parts, mut start, mut is_escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if c == '"' && !is_escaped {
            parts.push(&text[start..at]);
            start = at + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    if !parts.is_empty() {
        parts.push(&text[start..]);
    }
    parts.into_iter().map(decoded).collect()
}

fn decoded(part: &str) -> Text {
    let literal = Zeroizing::new(format!("\"{part}\""));
    serde_json::from_str(&literal).map_or_else(|_| part.to_owned().into(), Text::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "un-Listed+Key/01";

    #[test]
    fn lines_and_json_strings_of_the_output_are_masked() {
        let json = format!(r#"{{"api_key": "{KEY}"}}"#);
        let escaped = KEY.replace('/', r"\/").replace('+', r"\u002b");
        let nested = serde_json::json!({ "SecretString": json, "Version": 1 }).to_string();
        let twice = serde_json::json!([{ "items": [nested] }]).to_string();
        for output in [
            KEY,
            &format!("a note\n  {KEY}  \n"),
            &json,
            &format!("the \"config\" of 5\" disks\n{json}\n{json}"),
            &format!(r#"{{"api_key":"{escaped}"}}"#),
            &nested,
            &twice,
            &serde_json::to_string_pretty(&serde_json::json!({ "key": format!("{KEY}\n") })).unwrap(),
            r#"{"Authorization":"Basic dW4tTGlzdGVkK0tleS8wMQ=="}"#,
            &format!(r#"{{"cut": "{KEY}"#),
        ] {
            assert_eq!(mask_printed(&format!("no {KEY}, sorry"), output.as_bytes()), "no ****, sorry", "{output}");
        }
        assert_eq!(mask_printed("dW4tTGlzdGVkK0tleS8wMQ==", json.as_bytes()), "****==");
        assert_eq!(mask_printed("no key in vault", br#"{"place": "vault"}"#), "no key in vault");
    }

    #[test]
    fn a_long_text_is_masked_as_printed_only() {
        let long = "un-Listed+Key/".repeat(20);
        assert_eq!(mask_printed(&format!("of {long}!"), long.as_bytes()), "of ****!");
    }

    #[test]
    fn json_strings_are_decoded_up_to_a_depth() {
        let mut output = KEY.to_owned();
        for depth in 1..=6 {
            output = serde_json::json!({ "text": output }).to_string();
            let masked = mask_printed(&format!("no {KEY}"), output.as_bytes());
            assert_eq!(masked == "no ****", depth <= MAX_DEPTH, "{depth}: {masked}");
        }
    }

    #[test]
    fn a_text_within_a_longer_one_does_not_hide_it() {
        assert_eq!(mask_printed("of MadeUpKey-2", b"MadeUpKey\n{\"a\":\"MadeUpKey-2\"}"), "of ****");
    }
}
