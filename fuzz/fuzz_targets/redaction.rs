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

    let utf16 = || text.encode_utf16();
    for body in [
        text.as_bytes().to_vec(),
        utf16().flat_map(u16::to_le_bytes).collect(),
        utf16().flat_map(u16::to_be_bytes).collect(),
        [&[0xff], text.as_bytes()].concat(),
    ] {
        let response = Received::new(StatusCode::OK, &body, &key()).any().expect("a success");
        let redacted = response.redacted();
        let letters: Vec<u8> = redacted.iter().copied().filter(|byte| *byte != 0).collect();
        let redacted = String::from_utf8_lossy(&letters);
        assert!(!has_key(&redacted), "{redacted}");
        if let Ok(value) = serde_json::from_str(&redacted) {
            is_masked(&value);
        }
    }
});

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
