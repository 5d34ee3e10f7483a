//! Repeated requests with the same `Idempotency-Key`.

use std::time::Duration;

use codat_keys_emulator::Emulator;
use serde_json::json;

use crate::support::{
    Connection, avoid_midnight, basic, create, list, names, post, post_request, request, requests, send,
    send_with_headers, send_with_key, set_state, text, wait_until,
};

const MINUTE: Duration = Duration::from_secs(60);

fn fill_up(emulator: &Emulator) {
    while list(emulator).len() < 10 {
        create(emulator, "one more");
    }
}

#[test]
fn a_success_is_replayed_without_another_effect() {
    let emulator = Emulator::start().unwrap();
    let first = post(&emulator, "one", r#"{"name":"once"}"#);
    let second = post(&emulator, "one", r#"{"name":"once"}"#);
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.body, second.body);
    assert_eq!(second.header("content-type"), Some("application/json"));
    assert_eq!(names(&emulator), [json!(null), json!("once")]);
    assert_eq!(post(&emulator, "two", r#"{"name":"once"}"#).status, 201);
    assert_eq!(list(&emulator).len(), 3);

    let journal = requests(&emulator);
    assert_eq!((journal[0].get("replayed"), &journal[1]["replayed"]), (None, &json!(true)));
    assert_eq!((&journal[1]["status"], &journal[1]["ended"]), (&json!(201), &json!("answered")));
}

#[test]
fn an_error_is_replayed_with_its_correlation_id() {
    let emulator = Emulator::start().unwrap();
    let long = json!({ "name": "x".repeat(51) }).to_string();
    let (first, second) = (post(&emulator, "long", &long), post(&emulator, "long", &long));
    assert_eq!((first.status, &first.body), (400, &second.body));
    assert_ne!(first.body, post(&emulator, "another", &long).body);

    for (key, status) in [("five hundred", 500), ("unprocessable", 422), ("maintenance", 503)] {
        let fault = json!({"faults": [{"path": "/apiKeys", "fault": "status", "status": status}]}).to_string();
        emulator.set_faults(&fault).unwrap();
        let (first, second) = (post(&emulator, key, "{}"), post(&emulator, key, "{}"));
        assert_eq!((first.status, second.status, &first.body), (status, status, &second.body));
    }
    assert_eq!(list(&emulator).len(), 1);
}

#[test]
fn the_key_limit_is_replayed_after_a_slot_is_free() {
    let emulator = Emulator::start().unwrap();
    fill_up(&emulator);
    let first = post(&emulator, "full", "{}");
    let id = list(&emulator)[5]["id"].clone();
    assert_eq!(send(&emulator, "DELETE", &format!("/apiKeys/{}", text(&id)), None).status, 204);
    let second = post(&emulator, "full", "{}");
    assert_eq!((first.status, second.status, &first.body), (409, 409, &second.body));
    assert_eq!(post(&emulator, "not full", "{}").status, 201);
}

#[test]
fn a_key_expires_after_ninety_minutes() {
    let emulator = Emulator::start().unwrap();
    let first = post(&emulator, "one", "{}");
    emulator.advance_clock(89 * MINUTE);
    assert_eq!(post(&emulator, "one", "{}").body, first.body);
    emulator.advance_clock(MINUTE);
    assert_ne!(post(&emulator, "one", "{}").body, first.body);
    assert_eq!(list(&emulator).len(), 3);
}

#[test]
fn another_body_is_rejected_and_the_first_response_stays() {
    let emulator = Emulator::start().unwrap();
    let first = post(&emulator, "one", r#"{"name":"a"}"#);
    for body in [r#"{"name":"b"}"#, r#"{"name": "a"}"#, ""] {
        let rejected = post(&emulator, "one", body);
        assert_eq!((rejected.status, &rejected.json()["statusCode"]), (422, &json!(422)));
    }
    assert_eq!(post(&emulator, "one", r#"{"name":"a"}"#).body, first.body);
    assert_eq!(requests(&emulator)[1].get("replayed"), None);
    assert_eq!(list(&emulator).len(), 2);
}

#[test]
fn a_second_request_conflicts_with_a_running_one() {
    let emulator = Emulator::start().unwrap();
    for fault in ["delay-before", "delay-after"] {
        let _first = run_for_a_minute(&emulator, fault, "one");
        for body in ["{}", r#"{"name":"another body"}"#] {
            let second = post(&emulator, "one", body);
            assert_eq!((second.status, &second.json()["statusCode"]), (409, &json!(409)));
            assert!(second.error().starts_with("Idempotency-Conflict"), "{}", second.body);
        }
        emulator.set_faults(r#"{"faults":[{"fault":"status","status":429}]}"#).unwrap();
        assert_eq!(post(&emulator, "one", "{}").status, 429);
        assert_eq!(post(&emulator, "one", "{}").status, 201, "a 429 also releases the key of a running request");
        emulator.advance_clock(90 * MINUTE);
    }
}

/// Sends a request whose response takes a minute, and returns when the emulator has received the request.
fn run_for_a_minute(emulator: &Emulator, fault: &str, idempotency_key: &str) -> Connection {
    let script = json!({"faults": [{"method": "POST", "fault": fault, "milliseconds": 60_000}]});
    emulator.set_faults(&script.to_string()).unwrap();
    let before = requests(emulator).len();
    let mut connection = Connection::open(emulator);
    connection.write(post_request(emulator, idempotency_key, "{}").as_bytes());
    wait_until(|| requests(emulator).len() > before);
    connection
}

#[test]
fn the_response_to_a_delayed_request_is_stored() {
    let emulator = Emulator::start().unwrap();
    for fault in ["delay-before", "delay-after"] {
        let script = json!({"faults": [{"fault": fault, "milliseconds": 10}]});
        emulator.set_faults(&script.to_string()).unwrap();
        let first = post(&emulator, fault, "{}");
        assert_eq!((first.status, post(&emulator, fault, "{}").body), (201, first.body));
    }
    assert_eq!(list(&emulator).len(), 3);
}

#[test]
fn a_429_releases_the_key() {
    avoid_midnight();
    let emulator = Emulator::builder().enforce_limits(true).start().unwrap();
    set_state(&emulator, &json!({"rateLimit": {"remaining": 0}}));
    assert_eq!(post(&emulator, "one", "{}").status, 429);
    set_state(&emulator, &json!({"rateLimit": {"remaining": 100}}));
    let _first = run_for_a_minute(&emulator, "delay-before", "one");
    set_state(&emulator, &json!({"rateLimit": {"remaining": 0}}));
    assert_eq!(post(&emulator, "one", "{}").status, 429);
    set_state(&emulator, &json!({"rateLimit": {"remaining": 100}}));
    assert_eq!(post(&emulator, "one", "{}").status, 201);

    emulator.set_faults(r#"{"faults":[{"fault":"status","status":429,"retryAfter":"1"}]}"#).unwrap();
    let limited = post(&emulator, "two", "{}");
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("1")));
    assert_eq!(post(&emulator, "two", "{}").status, 201);
    assert_eq!(list(&emulator).len(), 3);
}

#[test]
fn a_429_does_not_release_a_stored_response() {
    let emulator = Emulator::start().unwrap();
    let first = post(&emulator, "one", "{}");
    emulator.set_faults(r#"{"faults":[{"fault":"status","status":429}]}"#).unwrap();
    assert_eq!(post(&emulator, "one", "{}").status, 429);
    assert_eq!(post(&emulator, "one", "{}").body, first.body);
}

#[test]
fn any_valid_key_of_the_account_gets_the_replay() {
    let emulator = Emulator::start().unwrap();
    let first = post(&emulator, "one", "{}");
    let other = text(&first.json()["apiKey"]).to_owned();
    let with = |key: &str| [("Authorization", basic(key)), ("Idempotency-Key", "one".to_owned())];
    for (key, status) in [("made-up", 401), (&*other, 201)] {
        let headers = with(key);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        let response = send_with_headers(&emulator, "POST", "/apiKeys", &headers, Some("{}"));
        assert_eq!(response.status, status);
        assert_eq!(response.body == first.body, status == 201);
    }
    assert_eq!(send_with_key(&emulator, &other, "GET", "/apiKeys", None).number("x-rate-limit-remaining"), 5997);
}

#[test]
fn only_a_post_with_a_readable_body_is_stored() {
    let emulator = Emulator::start().unwrap();
    let large = " ".repeat(1024 * 1024 + 1);
    assert_eq!(post(&emulator, "one", &large).status, 413);
    assert_eq!(post(&emulator, "one", "{}").status, 201);
    assert_eq!((post(&emulator, "", "{}").status, post(&emulator, "", "{}").status), (201, 201));
    let headers = [("Authorization", &*basic(emulator.api_key())), ("Idempotency-Key", "one")];
    let before = Connection::open(&emulator).send(request("GET", "/apiKeys", &headers, None).as_bytes());
    create(&emulator, "new");
    let after = Connection::open(&emulator).send(request("GET", "/apiKeys", &headers, None).as_bytes());
    assert_eq!((before.status, after.status), (200, 200));
    assert_ne!(before.body, after.body);
}
