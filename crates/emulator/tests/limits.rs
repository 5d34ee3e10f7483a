//! The quota, its headers, and the size of a body.

use codat_keys_emulator::Emulator;
use serde_json::json;

use crate::support::{ask, basic, call, keep_clear_of_midnight, list, set_state};

#[test]
fn every_answer_shows_a_quota_that_falls() {
    keep_clear_of_midnight();
    let emulator = Emulator::start().unwrap();
    for (count, (method, path)) in
        [("GET", "/apiKeys"), ("POST", "/apiKeys"), ("GET", "/nowhere"), ("PUT", "/profile"), ("GET", "/companies")]
            .into_iter()
            .enumerate()
    {
        let answer = ask(&emulator, method, path, None);
        assert_eq!(answer.number("x-rate-limit-limit"), 6000);
        assert_eq!(answer.number("x-rate-limit-remaining"), 5999 - count as u64, "{method} {path}");
        let reset = answer.header("x-rate-limit-reset").unwrap();
        assert!(reset.len() == 20 && reset.ends_with("T00:00:00Z"), "{reset}");
    }
    let unknown = call(&emulator, "GET", "/apiKeys", &[("Authorization", &basic("made-up"))], None);
    assert_eq!(unknown.number("x-rate-limit-remaining"), 5995, "a request without a valid key costs nothing");
}

#[test]
fn the_quota_grows_with_the_companies() {
    let emulator = Emulator::start().unwrap();
    set_state(&emulator, &json!({"companies": 0}));
    assert_eq!(ask(&emulator, "GET", "/apiKeys", None).number("x-rate-limit-limit"), 1000);
    set_state(&emulator, &json!({"companies": 42}));
    assert_eq!(ask(&emulator, "GET", "/apiKeys", None).number("x-rate-limit-limit"), 43_000);
}

#[test]
fn an_open_quota_stays_at_zero() {
    keep_clear_of_midnight();
    let emulator = Emulator::start().unwrap();
    set_state(&emulator, &json!({"rateLimit": {"remaining": 1}}));
    for _ in 0..3 {
        let answer = ask(&emulator, "GET", "/apiKeys", None);
        assert_eq!((answer.status, answer.number("x-rate-limit-remaining")), (200, 0));
    }
}

#[test]
fn an_enforced_quota_refuses_and_does_nothing() {
    keep_clear_of_midnight();
    let emulator = Emulator::builder().enforce_limits(true).start().unwrap();
    set_state(&emulator, &json!({"rateLimit": {"remaining": 1}}));
    assert_eq!(ask(&emulator, "POST", "/apiKeys", None).status, 201);
    let answer = ask(&emulator, "POST", "/apiKeys", None);
    assert_eq!(answer.status, 429);
    assert_eq!(answer.error(), "You have made too many requests in a given amount of time; please retry later.");
    assert_eq!(answer.number("x-rate-limit-remaining"), 0);
    assert!((1..=86_400).contains(&answer.number("retry-after")));
    assert_eq!(call(&emulator, "GET", "/apiKeys", &[], None).status, 401, "authentication comes first");

    set_state(&emulator, &json!({"enforceLimits": false}));
    assert_eq!(list(&emulator).len(), 2);
}

#[test]
fn a_large_body_is_refused_and_not_kept() {
    let emulator = Emulator::start().unwrap();
    let mebibyte = 1024 * 1024;
    let exact = format!("{{{}}}", " ".repeat(mebibyte - 2));
    assert_eq!(ask(&emulator, "POST", "/apiKeys", Some(&exact)).status, 201);
    for size in [mebibyte + 1, 20 * mebibyte] {
        let answer = ask(&emulator, "POST", "/apiKeys", Some(&" ".repeat(size)));
        assert_eq!(answer.status, 413);
        assert_eq!(answer.json()["statusCode"], 413);
    }
    assert_eq!(list(&emulator).len(), 2);
    assert_eq!(call(&emulator, "PUT", "/_emulator/state", &[], Some(&" ".repeat(mebibyte + 1))).status, 413);
}
