//! Redaction: neither the key in use in any of its forms nor the value of a member `apiKey` comes out, whatever is around
//! them.

#![no_main]

use std::sync::LazyLock;

use codat_keys::Client;
use codat_keys::fuzzing::Received;
use codat_keys_fuzz::{has_key, key, with_key};
use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static CLIENT: LazyLock<Client> =
    LazyLock::new(|| Client::builder().base_url("https://api.codat.io").api_key(key()).build().expect("a client"));

fuzz_target!(|input: &str| {
    let text = with_key(input);

    let redacted = CLIENT.redact(&text);
    assert!(!has_key(&redacted), "{redacted}");

    for (encode, decode) in ENCODINGS {
        let response = Received::new(StatusCode::OK, &encode(&text), &key()).any().expect("a success");
        let redacted = decode(&response.redacted());
        assert!(!has_key(&redacted), "{redacted}");
        if let Ok(value) = serde_json::from_str(&redacted) {
            is_masked(&value);
        }
    }
});

/// How a text is written and read.
type Encoding = (fn(&str) -> Vec<u8>, fn(&[u8]) -> String);

const ENCODINGS: [Encoding; 6] = [
    (|text| text.as_bytes().to_vec(), |body| String::from_utf8_lossy(body).into_owned()),
    (|text| text.encode_utf16().flat_map(u16::to_le_bytes).collect(), |body| utf16(body, u16::from_le_bytes)),
    (|text| text.encode_utf16().flat_map(u16::to_be_bytes).collect(), |body| utf16(body, u16::from_be_bytes)),
    (|text| text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(), |body| utf32(body, u32::from_le_bytes)),
    (|text| text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(), |body| utf32(body, u32::from_be_bytes)),
    // Not UTF-8.
    (|text| [&[0xff], text.as_bytes()].concat(), |body| String::from_utf8_lossy(&body[1..]).into_owned()),
];

fn utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = body.as_chunks().0.iter().copied().map(unit).collect();
    String::from_utf16_lossy(&units)
}

fn utf32(body: &[u8], unit: fn([u8; 4]) -> u32) -> String {
    body.as_chunks().0.iter().map(|bytes| char::from_u32(unit(*bytes)).unwrap_or('\u{fffd}')).collect()
}

fn is_masked(value: &Value) {
    match value {
        Value::String(text) => {
            assert!(!has_key(text), "{text}");
            // JSON within a string.
            if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                is_masked(&value);
            }
        }
        Value::Array(values) => values.iter().for_each(is_masked),
        Value::Object(members) => {
            for (name, value) in members {
                let is_safe = value.is_null() || value.as_str().is_some_and(|text| text.starts_with("****"));
                assert!(is_safe || !name.eq_ignore_ascii_case("apiKey"), "{value}");
                is_masked(&Value::from(name.as_str()));
                is_masked(value);
            }
        }
        _ => {}
    }
}
