//! Escaping of text for terminals and logs.

use std::borrow::Cow;
use std::fmt::Write;

/// Escapes control characters and invisible characters. These characters could move the cursor of a terminal, break a
/// line, or hide other characters. Three invisible characters are not escaped if they follow a visible non-ASCII
/// character: the joiners U+200C and U+200D, and the emoji variation selector U+FE0F.
pub fn sanitize(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        let joins = matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0f}') && !before.is_ascii() && !is_unseen(before);
        if c.is_control() || (is_unseen(c) && !joins) {
            shown.extend(c.escape_unicode());
            before = '}';
        } else {
            shown.push(c);
            before = c;
        }
    }
    shown
}

/// Escapes invisible characters, format characters, and the control characters U+007F to U+009F in a JSON document. The
/// escapes have the form `\uXXXX`. JSON allows these characters only in strings, so the value of the document does not
/// change.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| c >= '\u{7f}' && (c.is_control() || is_unseen(c) || is_format(c));
    if !json.contains(is_escaped) {
        return json.into();
    }
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match is_escaped(c) {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(escaped, "\\u{unit:04x}");
            }),
            false => escaped.push(c),
        }
    }
    escaped.into()
}

/// Returns whether a character is a visible format character (general category Cf). Examples are the number, verse and
/// abbreviation signs of Arabic, and the controls of Egyptian hieroglyphs.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1345f}')
}

/// Returns whether a character is invisible. Invisible characters are Unicode's default-ignorable characters, direction
/// marks, line separators, and blank characters other than spaces.
pub(crate) fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}'
        | '\u{16fe4}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn json_has_its_unseen_characters_escaped() {
        for (json, escaped) in [
            ("{\"a\":\t\"\u{9b}2J\u{7f}\"}\n", r#"{"a":#TAB"\u009b2J\u007f"}#LINE"#),
            (
                "\"\u{202e}\u{200b}\u{2028}\u{feff}\u{e0001}\\\\\u{ad}\"",
                r#""\u202e\u200b\u2028\ufeff\udb40\udc01\\\u00ad""#,
            ),
            ("\"\u{e9}\u{682a}\"", "\"\u{e9}\u{682a}\""),
        ] {
            assert_eq!(escape_json(json), escaped.replace("#TAB", "\t").replace("#LINE", "\n"));
        }
    }

    proptest! {
        #[test]
        fn escaped_json_is_equal_when_parsed(
            texts in prop::collection::vec(r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}a\\]{0,20}", 0..4),
        ) {
            for json in [serde_json::to_string(&texts), serde_json::to_string_pretty(&texts)].map(Result::unwrap) {
                let escaped = escape_json(&json).into_owned();
                let is_seen = |c: char| c == '\n' || !c.is_control() && !is_unseen(c) && !is_format(c);
                prop_assert!(escaped.chars().all(is_seen), "{escaped:?}");
                prop_assert_eq!(serde_json::from_str::<Value>(&escaped).unwrap(), Value::from(texts.clone()));
            }
        }

        #[test]
        fn every_format_character_is_escaped(text in r"[\p{Cf}\x{7f}-\x{9f}\p{Zl}\p{Zp}]{1,9}") {
            prop_assert!(escape_json(&serde_json::to_string(&text).unwrap()).is_ascii());
        }
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        for (text, shown) in [
            ("invoice-processor", "invoice-processor"),
            ("a\u{7}\u{1b}[2J\n", "a\\u{7}\\u{1b}[2J\\u{a}"),
            ("abc\u{202e}txt", "abc\\u{202e}txt"),
            ("pay\u{200d}roll", "pay\\u{200d}roll"),
            ("a\u{ad}b\u{3164}\u{2800}", "a\\u{ad}b\\u{3164}\\u{2800}"),
            ("\u{e0041}", "\\u{e0041}"),
            ("a\u{13430}b\u{1343f}", "a\\u{13430}b\\u{1343f}"),
            ("👩\u{200d}👧 ❤\u{fe0f} نمی\u{200c}خواهم", "👩\u{200d}👧 ❤\u{fe0f} نمی\u{200c}خواهم"),
            ("👩\u{200d}\u{200d}", "👩\u{200d}\\u{200d}"),
            ("👩\u{9b}\u{200d}", "👩\\u{9b}\\u{200d}"),
            ("é ü ß 株式会社", "é ü ß 株式会社"),
        ] {
            assert_eq!(sanitize(text), shown);
        }
    }
}
