//! Who is let in, and what everybody else is told.

use codat_keys_emulator::Emulator;

use crate::support::{ask, ask_as, base64, basic, call, create, set_state, text};

fn status_with(emulator: &Emulator, authorization: &str) -> u16 {
    call(emulator, "GET", "/apiKeys", &[("Authorization", authorization)], None).status
}

#[test]
fn takes_the_base64_of_the_key_alone() {
    let emulator = Emulator::start().unwrap();
    let key = emulator.api_key();
    let encoded = base64(key.as_bytes());
    for accepted in [format!("Basic {encoded}"), format!("basic {encoded}"), format!("BASIC {encoded}")] {
        assert_eq!(status_with(&emulator, &accepted), 200, "{accepted}");
    }
    for refused in [
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
        assert_eq!(status_with(&emulator, &refused), 401, "{refused}");
    }
    let twice = [("Authorization", &*basic(key)), ("Authorization", &*basic(key))];
    assert_eq!(call(&emulator, "GET", "/apiKeys", &twice, None).status, 401);
}

#[test]
fn takes_keys_of_any_form() {
    let emulator = Emulator::start().unwrap();
    for key in ["a", "made-up+key/with=signs", "made:up", "mädeüp"] {
        assert_eq!(set_state(&emulator, &serde_json::json!({"keys": [{"apiKey": key}]})).status, 200);
        assert_eq!(ask_as(&emulator, key, "GET", "/apiKeys", None).status, 200, "{key}");
    }
}

#[test]
fn authenticates_before_anything_else() {
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
        let answer = call(&emulator, method, path, &[], body);
        assert_eq!((answer.status, &*answer.error()), (401, "Unauthorized"), "{method} {path}");
        assert_eq!(answer.header("x-rate-limit-remaining"), Some("6000"));
    }
}

#[test]
fn a_new_key_works_at_once_and_a_deleted_one_no_more() {
    let emulator = Emulator::start().unwrap();
    let created = create(&emulator, "new");
    let key = text(&created["apiKey"]);
    assert_eq!(ask_as(&emulator, key, "GET", "/profile", None).status, 200);
    assert_eq!(ask(&emulator, "DELETE", &format!("/apiKeys/{}", text(&created["id"])), None).status, 204);
    assert_eq!(ask_as(&emulator, key, "GET", "/profile", None).status, 401);
}

#[test]
fn refuses_unknown_paths_and_methods() {
    let emulator = Emulator::start().unwrap();
    for path in ["/", "/apikeys", "/apiKeys/", "/apiKeys/a/b", "//apiKeys", "/profile/x", "/%FF", "*"] {
        assert_eq!(ask(&emulator, "GET", path, None).status, 404, "{path}");
    }
    assert_eq!(ask(&emulator, "CONNECT", "localhost:80", None).status, 404);
    for (method, path, allowed) in [
        ("PUT", "/apiKeys", "GET, POST"),
        ("HEAD", "/apiKeys", "GET, POST"),
        ("OPTIONS", "/apiKeys", "GET, POST"),
        ("GET", "/apiKeys/some-id", "DELETE"),
        ("HEAD", "/profile", "GET"),
        ("POST", "/companies", "GET"),
        ("BREW", "/companies", "GET"),
    ] {
        let answer = ask(&emulator, method, path, None);
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{method} {path}");
        if method == "HEAD" {
            assert_eq!(answer.header("content-type"), Some("application/json"));
        } else {
            assert_eq!(answer.error(), "Method not allowed");
        }
    }
}

#[test]
fn the_profile_names_the_key_that_asked() {
    let emulator = Emulator::start().unwrap();
    let created = create(&emulator, "another");
    let profile = ask_as(&emulator, text(&created["apiKey"]), "GET", "/profile", None).json();
    assert_eq!(profile["apiKey"], created["apiKey"]);
    assert!(profile["name"].is_string() && profile["redirectUrl"].is_string());
}

#[test]
fn an_empty_cookie_does_no_harm() {
    let emulator = Emulator::start().unwrap();
    let headers = [("Authorization", &*basic(emulator.api_key())), ("cookie", "")];
    assert_eq!(call(&emulator, "GET", "/profile", &headers, None).status, 200);
}
