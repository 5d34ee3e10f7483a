//! What Codat answers, for people's eyes: without the keys in it.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::secret::{ApiKey, BULLETS};

/// Text with the key in use taken out and, where it is JSON, the value of every member `apiKey` masked. All else stays as
/// it came, to the digit and the blank. Bytes that are no text are returned as they are.
pub(crate) fn redacted<'a>(body: &'a [u8], in_use: &ApiKey) -> Cow<'a, [u8]> {
    let Ok(text) = std::str::from_utf8(body) else { return Cow::Borrowed(body) };
    let redacted = match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => in_json(text, in_use),
        Err(_) => in_use.redact(text),
    };
    Cow::Owned(redacted.into_bytes())
}

/// Goes from string to string: whatever stands between two of them holds no key.
fn in_json(json: &str, in_use: &ApiKey) -> String {
    let (mut shown, mut rest) = (String::with_capacity(json.len()), json);
    let mut is_key_named = false;
    while let Some(start) = rest.find('"') {
        let (between, from_quote) = rest.split_at(start);
        let (string, after) = from_quote.split_at(end_of_string(from_quote));
        let is_value = between.trim() == ":";
        let text: String = serde_json::from_str(string).unwrap_or_default();
        shown += between;
        match redacted_string(&text, in_use, is_value && is_key_named) {
            redacted if redacted == text => shown += string,
            redacted => shown += &serde_json::Value::from(redacted).to_string(),
        }
        is_key_named = text.eq_ignore_ascii_case("apiKey");
        rest = after;
    }
    shown + rest
}

fn redacted_string(text: &str, in_use: &ApiKey, is_key: bool) -> String {
    match ApiKey::verbatim(text) {
        Ok(key) if is_key => key.masked(),
        Err(_) if is_key => BULLETS.to_owned(),
        _ => in_use.redact(text),
    }
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

    fn show(body: &str) -> String {
        let in_use = ApiKey::parse("MadeUpKeyInUse0001").unwrap();
        String::from_utf8(redacted(body.as_bytes(), &in_use).into_owned()).unwrap()
    }

    #[test]
    fn members_are_masked_and_everything_else_stays_as_it_came() {
        for (body, shown) in [
            (r#"{"apiKey":"MadeUpKeyOther0002"}"#, r#"{"apiKey":"••••0002"}"#),
            (r#"{ "a\u0070iKey" : "short" , "n": 1.10 }"#, r#"{ "a\u0070iKey" : "••••" , "n": 1.10 }"#),
            (r#"{"ApiKey":"a\"b, \\"}"#, r#"{"ApiKey":"••••"}"#),
            (
                r#"[{"apiKey":null,"name":"apiKey"},["apiKey","x"]]"#,
                r#"[{"apiKey":null,"name":"apiKey"},["apiKey","x"]]"#,
            ),
            (r#"{"echo":"Basic TWFkZVVwS2V5SW5Vc2UwMDAx"}"#, r#"{"echo":"Basic ••••"}"#),
            (r#"{"echo":"\u004dadeUpKeyInUse0001!"}"#, r#"{"echo":"••••!"}"#),
            ("<p>MadeUpKeyInUse0001</p>", "<p>••••</p>"),
            ("", ""),
        ] {
            assert_eq!(show(body), shown);
        }
        assert_eq!(redacted(&[0xff, b'a'], &ApiKey::parse("a").unwrap()).as_ref(), [0xff, b'a']);
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
    fn masked(value: &Value) -> Value {
        match value {
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| match value {
                    Value::String(text) if name.eq_ignore_ascii_case("apikey") => {
                        (name.clone(), json!(ApiKey::verbatim(text).map_or(BULLETS.to_owned(), |key| key.masked())))
                    }
                    value => (name.clone(), masked(value)),
                })
                .collect(),
            Value::Array(values) => values.iter().map(masked).collect(),
            value => value.clone(),
        }
    }

    proptest! {
        #[test]
        fn any_json_is_masked_as_its_tree_is(value in any_json()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert_eq!(serde_json::from_str::<Value>(&show(&text)).unwrap(), masked(&value));
            }
        }
    }
}
