//! Authentication and routing.

use codat_keys_emulator::Emulator;

use crate::support::{base64, basic, create, send, send_with_headers, send_with_key, set_state, text};

fn status_with(emulator: &Emulator, authorization: &str) -> u16 {
    send_with_headers(emulator, "GET", "/apiKeys", &[("Authorization", authorization)], None).status
}

#[test]
fn accepts_only_basic_and_the_base64_of_the_key() {
    let emulator = Emulator::start().unwrap();
    let key = emulator.api_key();
    let encoded = base64(key.as_bytes());
    for accepted in [format!("Basic {encoded}"), format!("basic {encoded}"), format!("BASIC {encoded}")] {
        assert_eq!(status_with(&emulator, &accepted), 200, "{accepted}");
    }
    for rejected in [
        basic(&format!("{key}:")),
        basic(&format!(":{key}")),
        basic(&base64(key.as_bytes())),
        format!("Basic {key}"),
        format!("Basic {}", encoded.trim_end_matches('=')),
        format!("Bearer {encoded}"),
        format!("Basic{encoded}"),
        encoded.clone(),
        key.to_owned(),
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "Basic ====".to_owned(),
        "Basic é".to_owned(),
        String::new(),
        basic("made-up-key-that-never-was"),
    ] {
        assert_eq!(status_with(&emulator, &rejected), 401, "{rejected}");
    }
    let twice = [("Authorization", &*basic(key)), ("Authorization", &*basic(key))];
    assert_eq!(send_with_headers(&emulator, "GET", "/apiKeys", &twice, None).status, 401);
}

#[test]
fn accepts_keys_with_any_characters() {
    let emulator = Emulator::start().unwrap();
    for key in ["a", "made-up+key/with=signs", "made:up", "mädeüp"] {
        assert_eq!(set_state(&emulator, &serde_json::json!({"keys": [{"apiKey": key}]})).status, 200);
        assert_eq!(send_with_key(&emulator, key, "GET", "/apiKeys", None).status, 200, "{key}");
    }
}

#[test]
fn authentication_is_checked_first() {
    let emulator = Emulator::start().unwrap();
    let large = "x".repeat(1024 * 1024 + 1);
    for (method, path, body) in [
        ("GET", "/apiKeys", None),
        ("GET", "/nowhere", None),
        ("PATCH", "/apiKeys", None),
        ("POST", "/apiKeys", Some("not JSON")),
        ("POST", "/apiKeys", Some(&*large)),
        ("GET", "/companies?page=0", None),
    ] {
        let response = send_with_headers(&emulator, method, path, &[], body);
        assert_eq!((response.status, &*response.error()), (401, "Unauthorized"), "{method} {path}");
        assert_eq!(response.header("x-rate-limit-remaining"), Some("6000"));
    }
}

#[test]
fn new_keys_are_valid_at_once_and_deleted_keys_are_invalid() {
    let emulator = Emulator::start().unwrap();
    let created = create(&emulator, "new");
    let key = text(&created["apiKey"]);
    assert_eq!(send_with_key(&emulator, key, "GET", "/profile", None).status, 200);
    assert_eq!(send(&emulator, "DELETE", &format!("/apiKeys/{}", text(&created["id"])), None).status, 204);
    assert_eq!(send_with_key(&emulator, key, "GET", "/profile", None).status, 401);
}

#[test]
fn unknown_paths_and_methods_get_an_error() {
    let emulator = Emulator::start().unwrap();
    for path in ["/", "/apikeys", "/apiKeys/", "/apiKeys/a/b", "//apiKeys", "/profile/x", "/%FF", "*"] {
        assert_eq!(send(&emulator, "GET", path, None).status, 404, "{path}");
    }
    assert_eq!(send(&emulator, "CONNECT", "localhost:80", None).status, 404);
    for (method, path, allowed) in [
        ("PUT", "/apiKeys", "GET, POST"),
        ("HEAD", "/apiKeys", "GET, POST"),
        ("OPTIONS", "/apiKeys", "GET, POST"),
        ("GET", "/apiKeys/some-id", "DELETE"),
        ("HEAD", "/profile", "GET"),
        ("POST", "/companies", "GET"),
        ("BREW", "/companies", "GET"),
    ] {
        let response = send(&emulator, method, path, None);
        assert_eq!((response.status, response.header("allow")), (405, Some(allowed)), "{method} {path}");
        if method == "HEAD" {
            assert_eq!(response.header("content-type"), Some("application/json"));
        } else {
            assert_eq!(response.error(), "Method not allowed");
        }
    }
}

#[test]
fn the_profile_contains_the_key_of_the_request() {
    let emulator = Emulator::start().unwrap();
    let created = create(&emulator, "another");
    let profile = send_with_key(&emulator, text(&created["apiKey"]), "GET", "/profile", None).json();
    assert_eq!(profile["apiKey"], created["apiKey"]);
    assert!(profile["name"].is_string() && profile["redirectUrl"].is_string());
}

#[test]
fn an_empty_cookie_is_ignored() {
    let emulator = Emulator::start().unwrap();
    let headers = [("Authorization", &*basic(emulator.api_key())), ("cookie", "")];
    assert_eq!(send_with_headers(&emulator, "GET", "/profile", &headers, None).status, 200);
}
