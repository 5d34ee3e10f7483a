//! Credentials: what is accepted is sent and read back as the same key, and no error repeats any of the input.

#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use codat_keys::{ApiKey, AuthorizationHeader, Credential, Error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    match Credential::parse_bytes(input) {
        Ok(credential) => is_sent_and_read_back(&credential),
        Err(error) => repeats_nothing(&error, input),
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    for error in [
        ApiKey::parse(text).err(),
        ApiKey::verbatim(text).err(),
        AuthorizationHeader::parse(text).err(),
        Credential::parse(text).err(),
    ] {
        error.iter().for_each(|error| repeats_nothing(error, input));
    }
});

fn is_sent_and_read_back(credential: &Credential) {
    let (key, header) = (credential.api_key().expose_secret(), credential.header());
    assert!(!key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()));
    let encoded = header.expose_secret().strip_prefix("Basic ").expect("the scheme is Basic");
    assert_eq!(STANDARD.decode(encoded).expect("a header has Base64"), key.as_bytes());
    assert!(AuthorizationHeader::parse(header.expose_secret()).is_ok_and(|again| again == header), "{key:?}");
    if let Credential::ApiKey(key) = credential {
        assert!(ApiKey::parse(key.expose_secret()).is_ok_and(|again| again == *key), "{key:?}");
    }
}

/// No error has five of its own characters with three digits among them.
fn repeats_nothing(error: &Error, input: &[u8]) {
    // Each window is looked for: more would be slow.
    let input = &input[..input.len().min(256)];
    let said = format!("{error} {error:?} {}", error.hint());
    let has_digits = |window: &&[u8]| window.iter().filter(|byte| byte.is_ascii_digit()).count() >= 3;
    for window in input.windows(5).filter(has_digits) {
        assert!(!said.as_bytes().windows(5).any(|said| said == window), "{said}");
    }
}
