//! The content of the journal.

use std::time::{Duration, Instant};

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{Connection, base64, basic, create, list, requests, send, send_with_headers, set_state, text};

#[test]
fn entries_describe_the_request_and_its_response() {
    let emulator = Emulator::start().unwrap();
    let headers = [("Authorization", &*basic(emulator.api_key())), ("Idempotency-Key", "an-idempotency-key")];
    send_with_headers(&emulator, "POST", "/apiKeys?a=b%20c", &headers, Some(r#"{"name":"x"}"#));
    let missing = send_with_headers(&emulator, "GET", "/nowhere", &[], None);
    send_with_headers(&emulator, "GET", "/profile", &[("Authorization", "Basic bm8=")], None);

    let journal = requests(&emulator);
    assert_eq!(journal.len(), 3);
    let first = &journal[0];
    assert_eq!((&first["seq"], &first["method"], &first["path"]), (&json!(1), &json!("POST"), &json!("/apiKeys")));
    assert_eq!((&first["query"], &first["status"]), (&json!("a=b%20c"), &json!(201)));
    assert_eq!((&first["authorization"], &first["keyId"]), (&json!("valid"), &list(&emulator)[0]["id"]));
    assert_eq!((&first["idempotencyKey"], &first["body"]), (&json!("an-idempotency-key"), &json!({"name": "x"})));
    assert_eq!(first.get("correlationId"), None);
    let time = text(&first["time"]);
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");

    let second = &journal[1];
    assert_eq!((&second["authorization"], &second["status"]), (&json!("missing"), &json!(401)));
    assert_eq!(second["correlationId"], missing.json()["correlationId"]);
    for member in ["query", "keyId", "idempotencyKey", "body"] {
        assert_eq!(second.get(member), None);
    }
    assert_eq!(journal[2]["authorization"], "invalid");
}

#[test]
fn the_journal_contains_no_secrets() {
    let emulator = Emulator::start().unwrap();
    let other = create(&emulator, "other")["apiKey"].clone();
    let (own, other, unknown) = (emulator.api_key(), text(&other), "made-up-key-not-in-list");
    let escaped: String = other.chars().map(|letter| format!("\\u{:04x}", u32::from(letter))).collect();
    let percent: String = other.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let targets = [
        format!("/apiKeys/{other}"),
        format!("/apiKeys/{percent}?key={percent}"),
        format!("/apiKeys?key={}&own={own}", base64(other.as_bytes())),
        format!("/{unknown}?{unknown}"),
    ];
    let bodies = [
        json!({"name": {other: [own, unknown, base64(other.as_bytes())]}}).to_string(),
        format!(r#"{{"name":["{escaped}"]}}"#),
        format!("not JSON: {own}, {other}, {unknown}, {}", base64(unknown.as_bytes())),
        format!("{}{other}", "x".repeat(4096 - 20)),
    ];
    for authorization in [basic(own), basic(unknown), basic(&format!("{unknown}:")), format!("Bearer {unknown}")] {
        let headers = [("Authorization", &*authorization), ("Idempotency-Key", other)];
        for (target, body) in targets.iter().zip(&bodies) {
            send_with_headers(&emulator, "POST", target, &headers, Some(body));
        }
    }
    let only_unknown = [("Authorization", unknown)];
    send_with_headers(&emulator, "POST", &targets[3], &only_unknown, Some(&json!([unknown]).to_string()));

    let journal = Value::from(requests(&emulator)).to_string();
    for secret in [own, other] {
        assert!(journal.contains(&format!("****{}", &secret[36..])));
        for form in [secret.to_owned(), base64(secret.as_bytes()), secret[..20].to_owned()] {
            assert!(!journal.contains(&form));
        }
    }
    assert!(!journal.contains(&percent) && !journal.contains(&escaped));
    // The emulator masks an unknown key only in requests that send it as their credential.
    let sent = requests(&emulator).into_iter().filter(|entry| entry["authorization"] == "invalid");
    let sent = sent.map(|entry| entry.to_string()).collect::<String>();
    assert!(sent.contains(&format!("****{}", &unknown[unknown.len() - 4..])));
    assert!(!sent.contains(unknown));
}

#[test]
fn texts_are_truncated_to_four_kibibytes() {
    let emulator = Emulator::start().unwrap();
    send(&emulator, "POST", "/apiKeys", Some(&json!({"name": "é".repeat(4000)}).to_string()));
    let long = "p".repeat(10_000);
    send(&emulator, "GET", &format!("/{long}?{long}"), None);
    let journal = requests(&emulator);
    let body = text(&journal[0]["body"]);
    assert!((4093..=4096).contains(&body.len()) && body.starts_with("{\"name\":\"éé"));
    assert_eq!((text(&journal[1]["path"]).len(), text(&journal[1]["query"]).len()), (4096, 4096));
}

#[test]
fn json_bodies_of_up_to_four_kibibytes_are_json() {
    let emulator = Emulator::start().unwrap();
    let name = |length: usize| json!({ "name": "n".repeat(length - r#"{"name":""}"#.len()) });
    for body in [name(4096), name(4097), json!([[], {}, [1.5, null, true, "é"], {"a": {"b": -1}}])] {
        send(&emulator, "POST", "/apiKeys", Some(&body.to_string()));
    }
    let journal = requests(&emulator);
    assert_eq!(journal[0]["body"], name(4096));
    assert_eq!(journal[1]["body"], name(4097).to_string()[..4096]);
    assert_eq!(journal[2]["body"], json!([[], {}, [1.5, null, true, "é"], {"a": {"b": -1}}]));
}

/// Each asterisk is the mask of an asterisk. Repeated replacements would multiply the text by four each time.
#[test]
fn a_mask_is_not_masked_again() {
    let emulator = Emulator::start().unwrap();
    let headers = [("Authorization", "*"); 20];
    send_with_headers(&emulator, "POST", "/*?*", &headers, Some(r#"["*"]"#));
    send_with_headers(&emulator, "POST", "/", &headers, Some(&"*".repeat(1 << 20)));
    let journal = requests(&emulator);
    assert_eq!((&journal[0]["path"], &journal[0]["query"]), (&json!("/****"), &json!("****")));
    assert_eq!((&journal[0]["body"], &journal[1]["body"]), (&json!(["****"]), &json!("*".repeat(4096))));
}

/// Without limits, the emulator searches for each `Authorization` header in each string of a body, and handles no other
/// request meanwhile.
#[test]
fn bodies_with_many_strings_take_no_longer() {
    let emulator = Emulator::start().unwrap();
    let headers: Vec<String> = (0..60).map(|number| format!("Basic made-up-{number}")).collect();
    let headers: Vec<_> = headers.iter().map(|header| ("Authorization", header.as_str())).collect();
    let body = format!("[{}\"\"]", "\"\",".repeat(340_000));
    let started = Instant::now();
    for _ in 0..20 {
        send_with_headers(&emulator, "POST", "/", &headers, Some(&body));
    }
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert_eq!(text(&requests(&emulator)[0]["body"]), &body[..4096]);
}

#[test]
fn clearing_the_journal_continues_the_numbering() {
    let emulator = Emulator::start().unwrap();
    list(&emulator);
    let response = send_with_headers(&emulator, "DELETE", "/_emulator/journal", &[], None);
    assert_eq!((response.status, &*response.body), (204, ""));
    assert_eq!(requests(&emulator), Vec::<Value>::new());
    list(&emulator);
    assert_eq!(requests(&emulator)[0]["seq"], 2);
}

#[test]
fn the_journal_keeps_the_newest_ten_thousand_entries() {
    let emulator = Emulator::start().unwrap();
    let mut connection = Connection::open(&emulator);
    let mut left = 10_005;
    while left > 0 {
        let batch = left.min(100);
        let request = "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(batch);
        connection.write(request.as_bytes());
        (0..batch).for_each(|_| assert_eq!(connection.read(true).status, 401));
        left -= batch;
    }
    let journal = requests(&emulator);
    assert_eq!((journal.len(), &journal[0]["seq"], &journal[9999]["seq"]), (10_000, &json!(6), &json!(10_005)));
}

#[test]
fn a_short_key_is_masked_entirely() {
    let emulator = Emulator::start().unwrap();
    set_state(&emulator, &json!({"keys": [{"apiKey": "elevenchars"}]}));
    send_with_headers(&emulator, "GET", "/x/elevenchars", &[], None);
    assert_eq!(requests(&emulator)[0]["path"], "/x/****");
}

#[test]
fn the_state_masks_a_key_in_a_name() {
    let emulator = Emulator::start().unwrap();
    create(&emulator, emulator.api_key());
    let state = send_with_headers(&emulator, "GET", "/_emulator/state", &[], None);
    assert!(!state.json().to_string().contains(emulator.api_key()));
}
