//! The emulator's clock, which a test puts forward.

use std::time::Duration;

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{Answer, ask, call, create, keep_clear_of_midnight, requests, set_state, text};

fn advance(emulator: &Emulator, body: &str) -> Answer {
    call(emulator, "POST", "/_emulator/clock", &[], Some(body))
}

fn day(time: &Value) -> &str {
    &text(time)[..10]
}

#[test]
fn goes_on_from_where_it_was_put() {
    keep_clear_of_midnight();
    let emulator = Emulator::start().unwrap();
    let before = call(&emulator, "GET", "/_emulator/clock", &[], None).json();
    assert!(text(&before["now"]).len() == 24 && text(&before["now"]).ends_with('Z'), "{before}");
    let after = advance(&emulator, r#"{"advanceSeconds":86400}"#).json();
    assert_ne!(day(&before["now"]), day(&after["now"]));
    emulator.advance_clock(Duration::from_secs(86_400));
    let later = call(&emulator, "GET", "/_emulator/clock", &[], None).json();
    assert_ne!(day(&after["now"]), day(&later["now"]));

    assert_eq!(day(&create(&emulator, "dated")["createdDate"]), day(&later["now"]));
    assert_eq!(day(&requests(&emulator)[0]["time"]), day(&later["now"]));
}

#[test]
fn a_new_day_brings_a_new_quota() {
    keep_clear_of_midnight();
    let emulator = Emulator::builder().enforce_limits(true).start().unwrap();
    set_state(&emulator, &json!({"rateLimit": {"remaining": 0}}));
    let refused = ask(&emulator, "GET", "/apiKeys", None);
    assert_eq!(refused.status, 429);
    let wait = refused.number("retry-after");
    assert_eq!(advance(&emulator, &json!({ "advanceSeconds": wait }).to_string()).status, 200);
    assert_eq!(ask(&emulator, "GET", "/apiKeys", None).number("x-rate-limit-remaining"), 5999);
}

#[test]
fn takes_parts_of_a_second_and_no_nonsense() {
    let emulator = Emulator::start().unwrap();
    for taken in ["0", "-0.0", "0.5", "1e3"] {
        assert_eq!(advance(&emulator, &format!(r#"{{"advanceSeconds":{taken}}}"#)).status, 200, "{taken}");
    }
    for refused in [
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
        let answer = advance(&emulator, refused);
        assert_eq!(answer.status, 400, "{refused}");
        assert!(answer.error().contains("advanceSeconds"), "{}", answer.body);
    }
    emulator.advance_clock(Duration::MAX);
    assert_eq!(create(&emulator, "in a hundred years")["createdDate"].as_str().map(str::len), Some(20));
    assert_eq!(advance(&emulator, r#"{"advanceSeconds":1}"#).status, 400, "that is as far as it goes");
    assert_eq!(call(&emulator, "PUT", "/_emulator/clock", &[], None).header("allow"), Some("GET, POST"));
}
