//! Redaction of API keys in response bodies.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

use crate::domain::{ApiKey, KnownKeys};
use crate::encoding::Encoding;
use crate::escapes::{json_unescaped, to_source};
use crate::lookalikes::MASK;
use crate::needles::Needles;

/// The number of levels of nested JSON strings that are searched for `apiKey` members. JSON strings are nested if the
/// content of a string is itself JSON text with strings. Each level takes time in proportion to the length of the body,
/// so a search of thousands of levels would take too long.
const MAX_LEVELS: usize = 8;

/// Masks the API keys in `known`, and the value of every `apiKey` member. Also masks the whole content of a JSON string
/// that is nested in [`MAX_LEVELS`] other JSON strings and contains an escape. All other bytes of the body stay
/// unchanged. The body may be invalid JSON.
pub(crate) fn redacted<'a>(body: &'a [u8], known: &KnownKeys) -> Cow<'a, [u8]> {
    let members = RefCell::new(Vec::new());
    let redacted = known.with(|keys| Redactor { known: keys, members: &members }.redact(body));
    // A key in an `apiKey` member can also occur in an earlier member, such as `name`. The second pass redacts it
    // there.
    if !known.add_listed(&members.take()) {
        return redacted;
    }
    known.with(|keys| Redactor { known: keys, members: &members }.redact(body))
}

struct Redactor<'a> {
    known: &'a Needles,
    /// The API keys found in `apiKey` members so far.
    members: &'a RefCell<Vec<ApiKey>>,
}

/// A replacement for a range of the body.
struct Edit {
    range: Range<usize>,
    by: String,
}

impl Redactor<'_> {
    /// Redacts API keys in UTF-8, UTF-16 and UTF-32, because a server can declare a wrong encoding. The search in
    /// UTF-16 and UTF-32 takes place only if the body contains a byte with the value 0: these encodings have such a
    /// byte in each ASCII character. The search in UTF-32 comes first: a search in UTF-16 would also find a key in
    /// UTF-32, but would encode the replacement in UTF-16.
    fn redact<'b>(&self, body: &'b [u8]) -> Cow<'b, [u8]> {
        let wide = if body.contains(&0) { Encoding::WIDE.as_slice() } else { &[] };
        wide.iter().chain([&Encoding::UTF_8]).fold(Cow::Borrowed(body), |body, encoding| {
            match self.redact_in(*encoding, &body) {
                Some(redacted) => redacted.into(),
                None => body,
            }
        })
    }

    /// Redacts API keys in a body with the given character encoding. Returns `None` if the body contains no key.
    fn redact_in(&self, encoding: Encoding, body: &[u8]) -> Option<Vec<u8>> {
        let mut edits = self.edits(&encoding.decode(body), 0);
        if edits.is_empty() {
            return None;
        }
        to_source(encoding.characters(body), edits.iter_mut().map(|edit| &mut edit.range));
        let (mut redacted, mut end) = (Vec::with_capacity(body.len()), 0);
        for Edit { range, by } in edits {
            redacted.extend_from_slice(&body[end..range.start]);
            redacted.extend(encoding.encode_ascii(&by));
            end = range.end;
        }
        redacted.extend_from_slice(&body[end..]);
        Some(redacted)
    }

    /// Returns the replacements that mask the keys in a text, in order and without overlaps. `level` is the number of
    /// JSON strings around the text.
    fn edits(&self, text: &str, level: usize) -> Vec<Edit> {
        let places = self.known.places(text).into_iter();
        let mut edits: Vec<Edit> = places.map(|range| Edit { range, by: MASK.into() }).collect();
        let mut end = 0;
        while let Some(quote) = text[end..].find('"') {
            let start = end + quote;
            let (content, length) = string_at(&text[start..]);
            end = start + length;
            if let Some(value) = value_of_key(&text[start..end], &text[end..]) {
                let range = end + value.start..end + value.end;
                end = range.end;
                edits.extend(self.mask(&text[range.clone()]).map(|by| Edit { range, by }));
                continue;
            }
            if content.contains('\\') {
                let moved = |Edit { range, by }| Edit { range: start + 1 + range.start..start + 1 + range.end, by };
                edits.extend(self.edits_of_string(content, level).into_iter().map(moved));
            }
            // In JSON, no letter follows a string. If the text before is no JSON and has an odd number of quotes, the
            // last quote is the first one of a name.
            if text[end..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '\\') {
                end -= 1;
            }
        }
        edits.sort_by_key(|edit| edit.range.start);
        edits.dedup_by(|next, edit| {
            let overlaps = next.range.start < edit.range.end;
            if overlaps {
                edit.range.end = edit.range.end.max(next.range.end);
            }
            overlaps
        });
        edits
    }

    /// Returns the replacements that mask the keys in the content of a JSON string. The string can contain JSON with
    /// `apiKey` members.
    fn edits_of_string(&self, content: &str, level: usize) -> Vec<Edit> {
        if level == MAX_LEVELS {
            return vec![Edit { range: 0..content.len(), by: MASK.into() }];
        }
        let mut edits = self.edits(&json_unescaped(content).map(|(c, _)| c).collect::<String>(), level + 1);
        to_source(json_unescaped(content), edits.iter_mut().map(|edit| &mut edit.range));
        for Edit { by, .. } in &mut edits {
            let quoted = quoted(by);
            *by = quoted[1..quoted.len() - 1].to_owned();
        }
        edits
    }

    /// Returns the replacement for the value of an `apiKey` member, or `None` if the value is empty or `null`.
    fn mask(&self, value: &str) -> Option<String> {
        if matches!(value, "" | "null") {
            return None;
        }
        let key = serde_json::from_str::<String>(value).ok().and_then(|text| ApiKey::listed(&text));
        let masked = key.as_ref().map_or(MASK.to_owned(), ApiKey::masked);
        self.members.borrow_mut().extend(key);
        Some(quoted(&masked))
    }
}

/// Returns the range in `after` that contains the value of an `apiKey` member. `string` is a JSON string with its
/// quotes, and `after` is the JSON text that follows `string`. Returns `None` if `string` is not the name of an
/// `apiKey` member.
fn value_of_key(string: &str, after: &str) -> Option<Range<usize>> {
    let is_key = serde_json::from_str::<String>(string).is_ok_and(|name| name.eq_ignore_ascii_case("apiKey"));
    let value = after.trim_start().strip_prefix(':').filter(|_| is_key)?.trim_start();
    let start = after.len() - value.len();
    Some(start..start + end_of_value(value))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns the length of the JSON value at the start of a text.
fn end_of_value(text: &str) -> usize {
    if text.starts_with('"') {
        return string_at(text).1;
    }
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(next) = text[at..].find(['"', '{', '[', '}', ']', ',', '\n']) {
        at += next;
        match text.as_bytes()[at] {
            b'"' => at += string_at(&text[at..]).1,
            b'{' | b'[' => (depth, at) = (depth + 1, at + 1),
            b'}' | b']' if depth > 1 => (depth, at) = (depth - 1, at + 1),
            b'}' | b']' if depth == 1 => return at + 1,
            _ if depth == 0 => return text[..at].trim_end().len(),
            _ => at += 1,
        }
    }
    text.trim_end().len()
}

/// Returns the content of the JSON string at the start of a text, and the length of the JSON string with its quotes.
fn string_at(text: &str) -> (&str, usize) {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or((&text[1..], text.len()), |end| (&text[1..=end], end + 2))
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
            (r#"{"apiKey":["SECRET"] x,"a":1}"#, r#"{"apiKey":"****" x,"a":1}"#),
            (r#"{"apiKey":"SECRET"MadeUpKeyInUse0001}"#, r#"{"apiKey":"****"****}"#),
            (r#"{"apiKey": 12345 ,"a":1}"#, r#"{"apiKey": "****" ,"a":1}"#),
            (r#"{"body":"{\"apiKey\":\"SECRET\"}"}"#, r#"{"body":"{\"apiKey\":\"****\"}"}"#),
            (r#"{"echo":"Basic TWFkZVVwS2V5SW5Vc2UwMDAx"}"#, r#"{"echo":"Basic ****"}"#),
            (r#"{"echo":"\u004dadeUpKeyInUse0001!"}"#, r#"{"echo":"****!"}"#),
            (r#"{"echo":"MadeUpKeyInUse0001\ud800"}"#, r#"{"echo":"****\ud800"}"#),
            (r#"{"echo":"\ud800{\"apiKey\":[\"SECRET\"]}"}"#, r#"{"echo":"\ud800{\"apiKey\":\"****\"}"}"#),
            (r#"{"echo":"\u0026#77;adeUpKeyInUse0001\n"}"#, r#"{"echo":"****\n"}"#),
            ("<p>MadeUpKeyInUse0001</p>", "<p>****</p>"),
            ("<p>MadeUp KeyInUse\r\n0001</p>", "<p>****</p>"),
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

    /// Encodes a text as a JSON string, encodes this string again, and so on, `levels` times in total. A backslash is
    /// written as `\u005c`. With the escape `\\`, the number of backslashes would double at each level.
    fn in_strings(json: &str, levels: usize) -> String {
        (0..levels)
            .fold(json.to_owned(), |json, _| format!("\"{}\"", json.replace('\\', "\\u005c").replace('"', "\\u0022")))
    }

    #[test]
    fn json_in_strings_is_masked_at_any_level() {
        let (member, masked) = (r#"{"apiKey":"MadeUpKeyOther0002"}"#, r#"{"apiKey":"****0002"}"#);
        for levels in 0..=MAX_LEVELS {
            let shown = show(&in_strings(member, levels));
            let parse = |json: String, _| serde_json::from_str(&json).unwrap();
            assert_eq!((0..levels).fold(shown, parse), masked, "{levels} levels");
        }
        for levels in [MAX_LEVELS + 1, MAX_LEVELS + 2, 100] {
            for json in [member, r#"{"name":"no key"}"#] {
                let shown = show(&in_strings(json, levels));
                assert!(shown.contains(MASK) && !shown.contains("Other") && !shown.contains("no key"), "{shown}");
            }
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
            "5\" {\"apiKey\":\"SECRET\"}",
            "{\"name\":\"x}\n{\"apiKey\":\"SECRET\"}\n{\"a\\u0070iKey\":\"SECRET\"}",
            "{\"name\":\"x}\n{\"\\u0061piKey\" : [\"SECRET\"]}",
            "\"5\\\" {\\\"apiKey\\\":\\\"SECRET\\\"}\"",
        ] {
            let shown = show(body);
            assert!(!shown.contains("SEC") && shown.contains(MASK), "{body:?}: {shown:?}");
        }
    }

    /// Returns a text in UTF-8, UTF-16 and UTF-32. Also returns the text in Latin-1 if Latin-1 contains all its
    /// characters.
    fn in_each_encoding(text: &str) -> Vec<Vec<u8>> {
        let units = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect();
        let wide = |wide: fn(u32) -> [u8; 4]| text.chars().flat_map(|c| wide(c.into())).collect();
        let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
        let mut bodies = vec![
            text.as_bytes().to_vec(),
            units(u16::to_le_bytes),
            units(u16::to_be_bytes),
            wide(u32::to_le_bytes),
            wide(u32::to_be_bytes),
        ];
        bodies.extend(latin);
        bodies
    }

    #[test]
    fn a_body_keeps_its_encoding() {
        let body =
            |echo: &str, key: &str| format!("\u{feff}{{\"name\":\"株😀\",\"apiKey\":\"{key}\",\"echo\":\"é{echo}é\"}}");
        let bodies = in_each_encoding(&body("MadeUpKey\u{200b}InUse0001", "MadeUpKeyOther0002"));
        for (shown, expected) in
            bodies.iter().map(|body| show_bytes(body)).zip(in_each_encoding(&body("****", "****0002")))
        {
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn a_key_is_masked_in_a_body_of_several_encodings() {
        let parts = in_each_encoding("<MadeUpKeyInUse0001>é");
        for start in [b"".as_slice(), b"\xff\xfe", b"\xfe\xff\0"] {
            let shown = show_bytes(&[start, &parts.concat()].concat());
            let ascii: Vec<u8> = shown.into_iter().filter(|byte| byte.is_ascii_graphic()).collect();
            let ascii = String::from_utf8(ascii).unwrap();
            assert!(ascii.contains(MASK) && !ascii.contains("MadeUp"), "{ascii}");
        }
        assert_eq!(show_bytes(b"\xff MadeUpKey\xadInUse0001 \xff"), b"\xff **** \xff");
        let split = "\u{e9} MadeUpKey\u{200b}InUse0001";
        assert_eq!(show_bytes(&[split.as_bytes(), b"\xff"].concat()), ["\u{e9} ****".as_bytes(), b"\xff"].concat());
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

    /// Redacts parsed JSON. The tests compare the redaction of JSON text with the result of this function.
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
        fn text_in_any_encoding_is_masked_alone(
            around in prop_oneof![any::<String>(), "[ -~\u{a0}-\u{ff}]*"],
            key in prop::sample::select(&["MadeUpKeyInUse0001", "TWFkZVVwS2V5SW5Vc2UwMDAx", "MadeUpKey%49nUse\u{ad}0001"]),
        ) {
            let text = |key: &str| format!("{around}<{key}>{around}");
            for (body, expected) in in_each_encoding(&text(key)).into_iter().zip(in_each_encoding(&text(MASK))) {
                prop_assert_eq!(show_bytes(&body), expected);
            }
            for body in in_each_encoding(&around) {
                prop_assert_eq!(show_bytes(&body), body);
            }
        }

        #[test]
        fn bytes_that_hold_no_key_come_out_unharmed(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(show_bytes(&body), body);
        }
    }
}
