//! The emulator's clock.

use std::time::Duration;

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{Response, avoid_midnight, create, requests, send, send_with_headers, set_state, text};

fn advance(emulator: &Emulator, body: &str) -> Response {
    send_with_headers(emulator, "POST", "/_emulator/clock", &[], Some(body))
}

fn day(time: &Value) -> &str {
    &text(time)[..10]
}

#[test]
fn advancing_the_clock_changes_all_dates() {
    avoid_midnight();
    let emulator = Emulator::start().unwrap();
    let before = send_with_headers(&emulator, "GET", "/_emulator/clock", &[], None).json();
    assert!(text(&before["now"]).len() == 24 && text(&before["now"]).ends_with('Z'), "{before}");
    let after = advance(&emulator, r#"{"advanceSeconds":86400}"#).json();
    assert_ne!(day(&before["now"]), day(&after["now"]));
    emulator.advance_clock(Duration::from_secs(86_400));
    let later = send_with_headers(&emulator, "GET", "/_emulator/clock", &[], None).json();
    assert_ne!(day(&after["now"]), day(&later["now"]));

    assert_eq!(day(&create(&emulator, "dated")["createdDate"]), day(&later["now"]));
    assert_eq!(day(&requests(&emulator)[0]["time"]), day(&later["now"]));
}

#[test]
fn a_new_day_resets_the_quota() {
    avoid_midnight();
    let emulator = Emulator::builder().enforce_limits(true).start().unwrap();
    set_state(&emulator, &json!({"rateLimit": {"remaining": 0}}));
    let rejected = send(&emulator, "GET", "/apiKeys", None);
    assert_eq!(rejected.status, 429);
    let wait = rejected.number("retry-after");
    assert_eq!(advance(&emulator, &json!({ "advanceSeconds": wait }).to_string()).status, 200);
    assert_eq!(send(&emulator, "GET", "/apiKeys", None).number("x-rate-limit-remaining"), 5999);
}

#[test]
fn accepts_fractions_of_a_second_and_rejects_invalid_values() {
    let emulator = Emulator::start().unwrap();
    for taken in ["0", "-0.0", "0.5", "1e3"] {
        assert_eq!(advance(&emulator, &format!(r#"{{"advanceSeconds":{taken}}}"#)).status, 200, "{taken}");
    }
    for rejected in [
        "",
        "[]",
        "{}",
        r#"{"advanceSeconds":-1}"#,
        r#"{"advanceSeconds":"1"}"#,
        r#"{"advanceSeconds":null}"#,
        r#"{"advanceSeconds":1e400}"#,
        r#"{"advanceSeconds":NaN}"#,
        r#"{"advanceSeconds":1e11}"#,
        r#"{"advanceSeconds":1,"more":1}"#,
    ] {
        let response = advance(&emulator, rejected);
        assert_eq!(response.status, 400, "{rejected}");
        assert!(response.error().contains("advanceSeconds"), "{}", response.body);
    }
    emulator.advance_clock(Duration::MAX);
    assert_eq!(create(&emulator, "in a hundred years")["createdDate"].as_str().map(str::len), Some(20));
    assert_eq!(advance(&emulator, r#"{"advanceSeconds":1}"#).status, 400, "the clock is at its limit");
    assert_eq!(send_with_headers(&emulator, "PUT", "/_emulator/clock", &[], None).header("allow"), Some("GET, POST"));
}
