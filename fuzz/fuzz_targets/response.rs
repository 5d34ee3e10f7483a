//! Responses and errors: what is read from a body is valid, and no error has the key in use or a control character. The
//! first line of the input is the status.

#![no_main]

use codat_keys::fuzzing::Received;
use codat_keys::{ApiKey, ApiKeyDetails, Error, KeyId};
use codat_keys_fuzz::{has_key, key, with_key};
use http::StatusCode;
use libfuzzer_sys::fuzz_target;

/// Codat allows ten.
const MOST_LISTED: usize = 1_000;

fuzz_target!(|input: &str| {
    let (status, body) = input.split_once('\n').unwrap_or(("200", input));
    let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    let received = Received::new(status, with_key(body).as_bytes(), &key());

    match received.list() {
        Ok(keys) => {
            assert!(status == StatusCode::OK && keys.len() <= MOST_LISTED);
            keys.iter().for_each(is_valid);
        }
        Err(error) => shows_no_key(&error),
    }
    match received.create() {
        Ok(created) => {
            assert!([StatusCode::OK, StatusCode::CREATED].contains(&status));
            is_valid(&created);
        }
        Err(error) => shows_no_key(&error),
    }
    match received.delete() {
        Ok(()) => assert_eq!(status, StatusCode::NO_CONTENT),
        Err(error) => shows_no_key(&error),
    }
    match received.any() {
        Ok(response) => assert!(status.is_success() && response.correlation_id().is_none_or(|id| is_plain(&id))),
        Err(error) => shows_no_key(&error),
    }
});

fn is_valid(key: &ApiKeyDetails) {
    assert!(!has_key(&format!("{key:?} {}", key.id)), "{key:?}");
    assert!(KeyId::parse(key.id.as_str()).is_ok_and(|id| id == key.id));
    assert!(ApiKey::verbatim(key.api_key.expose_secret()).is_ok_and(|again| again == key.api_key));
}

fn shows_no_key(error: &Error) {
    let said = format!("{error} {error:?} {}", error.hint());
    assert!(!has_key(&said), "{said}");
    assert!(error.codat_message().is_none_or(|text| is_plain(text) && text.chars().count() <= 500));
    assert!(error.correlation_id().is_none_or(|id| is_plain(id) && id.chars().count() <= 128));
}

fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
