//! The quota, its headers and the limit on the size of a body.

use codat_keys_emulator::Emulator;
use serde_json::json;

use crate::support::{avoid_midnight, basic, list, send, send_with_headers, set_state};

#[test]
fn every_response_reports_the_remaining_quota() {
    avoid_midnight();
    let emulator = Emulator::start().unwrap();
    for (count, (method, path)) in
        [("GET", "/apiKeys"), ("POST", "/apiKeys"), ("GET", "/nowhere"), ("PUT", "/profile"), ("GET", "/companies")]
            .into_iter()
            .enumerate()
    {
        let response = send(&emulator, method, path, None);
        assert_eq!(response.number("x-rate-limit-limit"), 6000);
        assert_eq!(response.number("x-rate-limit-remaining"), 5999 - count as u64, "{method} {path}");
        let reset = response.header("x-rate-limit-reset").unwrap();
        assert!(reset.len() == 20 && reset.ends_with("T00:00:00Z"), "{reset}");
    }
    let unknown = send_with_headers(&emulator, "GET", "/apiKeys", &[("Authorization", &basic("made-up"))], None);
    assert_eq!(unknown.number("x-rate-limit-remaining"), 5995, "a request without a valid key does not count");
}

#[test]
fn the_quota_depends_on_the_number_of_companies() {
    let emulator = Emulator::start().unwrap();
    set_state(&emulator, &json!({"companies": 0}));
    assert_eq!(send(&emulator, "GET", "/apiKeys", None).number("x-rate-limit-limit"), 1000);
    set_state(&emulator, &json!({"companies": 42}));
    assert_eq!(send(&emulator, "GET", "/apiKeys", None).number("x-rate-limit-limit"), 43_000);
}

#[test]
fn a_quota_that_is_not_enforced_stays_at_zero() {
    avoid_midnight();
    let emulator = Emulator::start().unwrap();
    set_state(&emulator, &json!({"rateLimit": {"remaining": 1}}));
    for _ in 0..3 {
        let response = send(&emulator, "GET", "/apiKeys", None);
        assert_eq!((response.status, response.number("x-rate-limit-remaining")), (200, 0));
    }
}

#[test]
fn an_enforced_quota_rejects_requests() {
    avoid_midnight();
    let emulator = Emulator::builder().enforce_limits(true).start().unwrap();
    set_state(&emulator, &json!({"rateLimit": {"remaining": 1}}));
    assert_eq!(send(&emulator, "POST", "/apiKeys", None).status, 201);
    let response = send(&emulator, "POST", "/apiKeys", None);
    assert_eq!(response.status, 429);
    assert_eq!(response.error(), "You have made too many requests in a given amount of time; please retry later.");
    assert_eq!(response.number("x-rate-limit-remaining"), 0);
    assert!((1..=86_400).contains(&response.number("retry-after")));
    assert_eq!(
        send_with_headers(&emulator, "GET", "/apiKeys", &[], None).status,
        401,
        "authentication is checked first"
    );

    set_state(&emulator, &json!({"enforceLimits": false}));
    assert_eq!(list(&emulator).len(), 2);
}

#[test]
fn a_large_body_is_rejected() {
    let emulator = Emulator::start().unwrap();
    let mebibyte = 1024 * 1024;
    let exact = format!("{{{}}}", " ".repeat(mebibyte - 2));
    assert_eq!(send(&emulator, "POST", "/apiKeys", Some(&exact)).status, 201);
    for size in [mebibyte + 1, 20 * mebibyte] {
        let response = send(&emulator, "POST", "/apiKeys", Some(&" ".repeat(size)));
        assert_eq!(response.status, 413);
        assert_eq!(response.json()["statusCode"], 413);
    }
    assert_eq!(list(&emulator).len(), 2);
    assert_eq!(
        send_with_headers(&emulator, "PUT", "/_emulator/state", &[], Some(&" ".repeat(mebibyte + 1))).status,
        413
    );
}
