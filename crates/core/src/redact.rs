//! What Codat answers, for people's eyes: without the keys in it.

use std::borrow::Cow;
use std::cell::RefCell;

use crate::domain::{ApiKey, KnownKeys, MASK, MAX_LISTED_KEY_BYTES};
use crate::needles::Needles;

/// Text with every known key masked, and the value of every member `apiKey`, whatever shape it has. It need not be valid
/// JSON: what cannot be read is masked rather than shown. All else stays as it came, to the digit and the blank.
pub(crate) fn redacted<'a>(body: &'a [u8], known: &KnownKeys) -> Cow<'a, [u8]> {
    let members = RefCell::new(Vec::new());
    let redacted = known.with(|keys| redacted_with(body, Keys { known: keys, members: &members }));
    // Another member, such as a name before it, may hold the key as well.
    if !known.add_listed(&members.take()) {
        return redacted;
    }
    known.with(|keys| redacted_with(body, Keys { known: keys, members: &members }))
}

#[derive(Clone, Copy)]
struct Keys<'a> {
    known: &'a Needles,
    /// The keys that were found in members `apiKey`.
    members: &'a RefCell<Vec<ApiKey>>,
}

fn redacted_with<'a>(body: &'a [u8], keys: Keys<'_>) -> Cow<'a, [u8]> {
    // UTF-16 and UTF-32 put zero bytes between the letters of a key, so they are removed before the search.
    if body.contains(&0) {
        let letters: Vec<u8> = body.iter().copied().filter(|byte| *byte != 0).collect();
        let redacted = redacted_letters(&letters, keys);
        if *redacted != *letters {
            return Cow::Owned(redacted.into_owned());
        }
    }
    redacted_letters(body, keys)
}

fn redacted_letters<'a>(body: &'a [u8], keys: Keys<'_>) -> Cow<'a, [u8]> {
    if let Ok(text) = std::str::from_utf8(body) {
        return Cow::Owned(Redactor { keys, is_text: true }.redact(text).into_bytes());
    }
    // Latin-1 has a soft hyphen of one byte, and a text of UTF-8 with one wrong byte has characters of several.
    let text: String = body.iter().copied().map(char::from).collect();
    let redacted = Redactor { keys, is_text: false }.redact(&text);
    let byte = |c: char| u8::try_from(c).map_or_else(|_| c.to_string().into_bytes(), |byte| vec![byte]);
    let body: Vec<u8> = redacted.chars().flat_map(byte).collect();
    Cow::Owned(with_stand_ins::restored(&Redactor { keys, is_text: false }.redact(&with_stand_ins::read(&body))))
}

/// Bytes as a text of UTF-8, so that a picture comes out of it unharmed: a private character stands for each byte that is no
/// part of a character.
mod with_stand_ins {
    const FIRST: u32 = 0x0010_FF00;

    pub(super) fn read(body: &[u8]) -> String {
        let mut text = String::with_capacity(body.len());
        for chunk in body.utf8_chunks() {
            for c in chunk.valid().chars() {
                match byte(c) {
                    None => text.push(c),
                    Some(_) => text.extend(c.to_string().bytes().filter_map(stand_in)),
                }
            }
            text.extend(chunk.invalid().iter().copied().filter_map(stand_in));
        }
        text
    }

    pub(super) fn restored(text: &str) -> Vec<u8> {
        text.chars().flat_map(|c| byte(c).map_or_else(|| c.to_string().into_bytes(), |byte| vec![byte])).collect()
    }

    fn stand_in(byte: u8) -> Option<char> {
        char::from_u32(FIRST + u32::from(byte))
    }

    fn byte(stand_in: char) -> Option<u8> {
        u32::from(stand_in).checked_sub(FIRST).and_then(|byte| u8::try_from(byte).ok())
    }
}

struct Redactor<'a> {
    keys: Keys<'a>,
    is_text: bool,
}

impl Redactor<'_> {
    /// Goes from string to string, as JSON writes them.
    fn redact(&self, text: &str) -> String {
        let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(start) = rest.find('"') {
            let (between, from_quote) = rest.split_at(start);
            let (string, after) = from_quote.split_at(end_of_string(from_quote));
            shown += &self.keys.known.redact(between);
            match value_of_key(string, after) {
                Some((before_value, value, after_value)) => {
                    shown += &format!("{string}{before_value}{}", self.masked(value));
                    rest = after_value;
                }
                None => {
                    shown += &self.string(string);
                    rest = after;
                }
            }
        }
        shown += &self.keys.known.redact(rest);
        // A key with a quote in it lies in several pieces.
        self.keys.known.redact(&shown).into_owned()
    }

    fn string(&self, raw: &str) -> String {
        match serde_json::from_str::<String>(raw) {
            // JSON within a string may hold members of its own.
            Ok(text) => match (Redactor { is_text: false, ..*self }).redact(&text) {
                redacted if redacted == text => raw.to_owned(),
                redacted => quoted(&redacted),
            },
            // An escape that cannot be read could hide the key.
            Err(_) if self.is_text && raw.contains('\\') => quoted(MASK),
            Err(_) => self.keys.known.redact(raw).into_owned(),
        }
    }

    fn masked(&self, value: &str) -> String {
        if value == "null" {
            return value.to_owned();
        }
        let text = serde_json::from_str::<String>(value).ok().filter(|text| text.len() <= MAX_LISTED_KEY_BYTES);
        let key = text.and_then(|text| ApiKey::verbatim(&text).ok());
        let masked = key.as_ref().map_or(MASK.to_owned(), ApiKey::masked);
        self.keys.members.borrow_mut().extend(key);
        quoted(&masked)
    }
}

/// If the string names a member `apiKey`: the colon, the value, and what follows.
fn value_of_key<'a>(string: &str, after: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let is_key = serde_json::from_str::<String>(string).is_ok_and(|name| name.eq_ignore_ascii_case("apiKey"));
    let value = after.trim_start().strip_prefix(':').filter(|_| is_key)?.trim_start();
    let (before, value) = after.split_at(after.len() - value.len());
    let (value, after) = value.split_at(end_of_value(value));
    Some((before, value, after))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// How long the value is that a text begins with.
fn end_of_value(text: &str) -> usize {
    if text.starts_with('"') {
        return end_of_string(text);
    }
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(next) = text[at..].find(['"', '{', '[', '}', ']', ',', '\n']) {
        at += next;
        match text.as_bytes()[at] {
            b'"' => at += end_of_string(&text[at..]),
            b'{' | b'[' => (depth, at) = (depth + 1, at + 1),
            b'}' | b']' if depth > 1 => (depth, at) = (depth - 1, at + 1),
            b'}' | b']' if depth == 1 => return at + 1,
            _ if depth == 0 => return text[..at].trim_end().len(),
            _ => at += 1,
        }
    }
    text.trim_end().len()
}

/// How long the string is that a text begins with, its quotes included.
fn end_of_string(text: &str) -> usize {
    let mut is_escaped = true;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        // The first quote opens the string.
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn show_bytes(body: &[u8]) -> Vec<u8> {
        let known = KnownKeys::new();
        known.add_used(&ApiKey::parse("MadeUpKeyInUse0001").unwrap());
        redacted(body, &known).into_owned()
    }

    fn show(body: &str) -> String {
        String::from_utf8(show_bytes(body.as_bytes())).unwrap()
    }

    #[test]
    fn members_are_masked_and_everything_else_stays_as_it_came() {
        for (body, shown) in [
            (r#"{"apiKey":"MadeUpKeyOther0002"}"#, r#"{"apiKey":"****0002"}"#),
            (r#"{ "a\u0070iKey" : "short" , "n": 1.10 }"#, r#"{ "a\u0070iKey" : "****" , "n": 1.10 }"#),
            (r#"{"ApiKey":"a\"b, \\"}"#, r#"{"ApiKey":"****"}"#),
            (
                r#"[{"apiKey":null,"name":"apiKey"},["apiKey","x"]]"#,
                r#"[{"apiKey":null,"name":"apiKey"},["apiKey","x"]]"#,
            ),
            (r#"{"apiKey":["SECRET","]"],"a":1}"#, r#"{"apiKey":"****","a":1}"#),
            (r#"{"apiKey":{"value":{"x":"SECRET}"}},"a":1}"#, r#"{"apiKey":"****","a":1}"#),
            (r#"{"apiKey": 12345 ,"a":1}"#, r#"{"apiKey": "****" ,"a":1}"#),
            (r#"{"body":"{\"apiKey\":\"SECRET\"}"}"#, r#"{"body":"{\"apiKey\":\"****\"}"}"#),
            (r#"{"echo":"Basic TWFkZVVwS2V5SW5Vc2UwMDAx"}"#, r#"{"echo":"Basic ****"}"#),
            (r#"{"echo":"\u004dadeUpKeyInUse0001!"}"#, r#"{"echo":"****!"}"#),
            (r#"{"echo":"MadeUpKeyInUse0001\ud800"}"#, r#"{"echo":"****"}"#),
            ("<p>MadeUpKeyInUse0001</p>", "<p>****</p>"),
            (
                r#"[{"name":"MadeUpKeyOther0002"},{"apiKey":"MadeUpKeyOther0002"}]"#,
                r#"[{"name":"****"},{"apiKey":"****0002"}]"#,
            ),
            ("", ""),
        ] {
            assert_eq!(show(body), shown);
        }
    }

    #[test]
    fn a_key_with_a_quote_is_masked() {
        let known = KnownKeys::new();
        known.add_used(&ApiKey::parse("MadeUpKey\"quoted\"0001").unwrap());
        for body in ["no MadeUpKey\"quoted\"0001!", r#"{"name":"no MadeUpKey\"quoted\"0001!"}"#] {
            let shown = String::from_utf8(redacted(body.as_bytes(), &known).into_owned()).unwrap();
            assert!(shown.contains("no ****!"), "{shown}");
        }
    }

    #[test]
    fn what_is_not_quite_json_is_masked_all_the_same() {
        for body in [
            "\u{feff}{\"apiKey\":\"SECRET\"}",
            "{\"apiKey\":\"SECRET\"}\n{\"apiKey\":\"SECRET\"}\n",
            "{\"apiKey\":\"SECRET\",}",
            "{\"apiKey\":\"SECRET\"} x\0",
            "{\"apiKey\":\"SEC\tRET\"}",
            "{\"apiKey\":NaN,\"x\":{\"apiKey\":[\"SECRET\"",
            "{\"apiKey\":\"SECRET",
            "{\"apiKey\":SECRET\n}",
        ] {
            let shown = show(body);
            assert!(!shown.contains("SEC") && shown.contains(MASK), "{body:?}: {shown:?}");
        }
        let text = "{\"name\":\"\u{e9}\",\"apiKey\":\"SECRET\",\"echo\":\"MadeUpKeyInUse0001\"}";
        for mark in ["", "\u{feff}"] {
            let text = format!("{mark}{text}");
            for body in [
                text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
                text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
                text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
            ] {
                let shown = String::from_utf8_lossy(&show_bytes(&body)).into_owned();
                assert_eq!(shown.matches(MASK).count(), 2, "{body:?}: {shown}");
                assert!(!shown.contains("SECRET") && !shown.contains("MadeUpKeyInUse0001"), "{shown}");
            }
        }
        let latin = show_bytes(b"{\"name\":\"\xe9\",\"apiKey\":\"SECRET\",\"echo\":\"MadeUpKeyInUse0001\"}");
        assert_eq!(
            latin,
            [
                b"{\"name\":\"\xe9\",\"apiKey\":\"".as_slice(),
                MASK.as_bytes(),
                b"\",\"echo\":\"",
                MASK.as_bytes(),
                b"\"}"
            ]
            .concat()
        );
        let split = "\u{10ff41}\u{e9} MadeUpKey\u{200b}InUse0001";
        let shown = show_bytes(&[split.as_bytes(), b"\xff \xff"].concat());
        assert_eq!(shown, ["\u{10ff41}\u{e9} ****".as_bytes(), b"\xff \xff"].concat());
        assert_eq!(show_bytes(b"\xff MadeUpKey\xadInUse0001"), b"\xff ****");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), any::<String>().prop_map(Value::from)];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let name = prop_oneof![Just("apiKey".to_owned()), any::<String>()];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((name, inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// The same by way of a tree.
    fn tree(value: &Value) -> Value {
        let mask = |text: &str| ApiKey::verbatim(text).map_or(MASK.to_owned(), |key| key.masked());
        let member = |name: &String, value: &Value| match value {
            Value::Null => Value::Null,
            Value::String(text) if name.eq_ignore_ascii_case("apikey") => json!(mask(text)),
            _ if name.eq_ignore_ascii_case("apikey") => json!(MASK),
            value => tree(value),
        };
        match value {
            Value::Object(all) => all.iter().map(|(name, value)| (name.clone(), member(name, value))).collect(),
            Value::Array(values) => values.iter().map(tree).collect(),
            value => value.clone(),
        }
    }

    proptest! {
        #[test]
        fn any_json_is_masked_as_its_tree_is(value in any_json()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert_eq!(serde_json::from_str::<Value>(&show(&text)).unwrap(), tree(&value));
            }
        }

        #[test]
        fn bytes_that_hold_no_key_come_out_unharmed(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let body = [&[0xff], body.as_slice()].concat();
            prop_assert_eq!(show_bytes(&body), body);
        }
    }
}
