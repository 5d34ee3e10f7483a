//! The script of faults: how it is read, shown and used up.

use std::io::ErrorKind;

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{Answer, ask, call, list, names, requests, until_closed};

fn put(emulator: &Emulator, body: &str) -> Answer {
    call(emulator, "PUT", "/_emulator/faults", &[], Some(body))
}

fn left(emulator: &Emulator) -> Value {
    call(emulator, "GET", "/_emulator/faults", &[], None).json()["faults"].clone()
}

fn status(emulator: &Emulator, method: &str, path: &str) -> u16 {
    ask(emulator, method, path, None).status
}

#[test]
fn the_first_fault_that_matches_is_used_and_counted_down() {
    let emulator = Emulator::start().unwrap();
    let script = json!({"faults": [
        {"method": "DELETE", "fault": "status", "status": 500},
        {"path": "/profile", "skip": 1, "count": 2, "fault": "status", "status": 501},
        {"path": "/apiKeys*", "fault": "status", "status": 502},
        {"path": "/profile", "fault": "status", "status": 503},
    ]});
    let shown = put(&emulator, &script.to_string());
    assert_eq!((shown.status, &shown.json()["faults"]), (200, &left(&emulator)));
    assert_eq!(
        left(&emulator)[0],
        json!({"method": "DELETE", "fault": "status", "status": 500, "skip": 0, "count": 1})
    );

    assert_eq!(status(&emulator, "GET", "/companies"), 200);
    assert_eq!(status(&emulator, "GET", "/profile"), 503, "the one before it is skipped once");
    assert_eq!(status(&emulator, "GET", "/profile"), 501);
    assert_eq!(status(&emulator, "GET", "/apiKeys/some-id?a=b"), 502);
    let rest = left(&emulator);
    assert_eq!(rest.as_array().unwrap().len(), 2);
    assert_eq!((&rest[1]["status"], &rest[1]["skip"], &rest[1]["count"]), (&json!(501), &json!(0), &json!(1)));
    assert_eq!(put(&emulator, &json!({ "faults": rest }).to_string()).json()["faults"], rest, "it can be given again");

    let journal = requests(&emulator);
    assert_eq!((journal[0].get("fault"), &journal[1]["fault"]), (None, &json!("status")));
    assert_eq!(call(&emulator, "DELETE", "/_emulator/faults", &[], None).status, 204);
    assert_eq!(left(&emulator), json!([]));
    assert_eq!(status(&emulator, "GET", "/profile"), 200);
}

#[test]
fn the_controls_are_spared() {
    let emulator = Emulator::builder().faults(r#"{"faults":[{"count":9,"fault":"drop-before"}]}"#).start().unwrap();
    assert_eq!(call(&emulator, "GET", "/_emulator/state", &[], None).status, 200);
    assert_eq!(left(&emulator)[0]["count"], 9);
}

#[test]
fn a_request_without_a_valid_key_meets_only_what_comes_before_authentication() {
    let emulator = Emulator::start().unwrap();
    for fault in [
        json!({"fault": "delay-before", "milliseconds": 60_000}),
        json!({"fault": "drop-after"}),
        json!({"fault": "status", "status": 503}),
        json!({"fault": "status", "status": 503, "effect": "now", "from": "gateway"}),
    ] {
        put(&emulator, &json!({"faults": [fault]}).to_string());
        assert_eq!(call(&emulator, "GET", "/apiKeys", &[], None).status, 401, "{fault}");
        assert_eq!(left(&emulator)[0]["count"], 1, "{fault}");
    }
    for (fault, status) in [
        (json!({"fault": "status", "status": 503, "from": "gateway"}), 503),
        (json!({"fault": "redirect", "location": "/elsewhere"}), 307),
    ] {
        put(&emulator, &json!({"faults": [fault]}).to_string());
        assert_eq!(call(&emulator, "GET", "/apiKeys", &[], None).status, status, "{fault}");
    }
    put(&emulator, r#"{"faults":[{"fault":"drop-before"}]}"#);
    assert!(until_closed(&emulator, "GET /apiKeys HTTP/1.1\r\nHost: localhost\r\n\r\n").is_empty());
}

#[test]
fn a_wrong_script_is_refused_and_says_why() {
    let emulator = Emulator::start().unwrap();
    put(&emulator, r#"{"faults":[{"fault":"twice"}]}"#);
    let before = left(&emulator);
    for (fault, why) in [
        (json!(1), "must be an object"),
        (json!({}), "`fault` is missing"),
        (json!({"fault": "unheard-of"}), "`fault` must be one of `refuse`, `drop-before`"),
        (json!({"fault": 1}), "`fault` must be a string"),
        (json!({"fault": "twice", "colour": "red"}), "`colour` is unknown"),
        (json!({"fault": "twice", "milliseconds": 1}), "`milliseconds` is unknown"),
        (json!({"fault": "late"}), "`milliseconds` or `requests` is missing"),
        (json!({"fault": "late", "requests": 0}), "`requests` must be a whole number from 1 to 1000000"),
        (json!({"fault": "late", "milliseconds": 1, "requests": 1}), "`milliseconds` is unknown"),
        (json!({"fault": "late", "milliseconds": -1}), "`milliseconds` must be a whole number from 0 to 3600000"),
        (json!({"fault": "late", "milliseconds": 1.5}), "`milliseconds`"),
        (json!({"fault": "twice", "count": 0}), "`count`"),
        (json!({"fault": "twice", "skip": "1"}), "`skip`"),
        (json!({"fault": "twice", "method": "post"}), "capital letters"),
        (json!({"fault": "twice", "path": "apiKeys"}), "`path` must begin with /"),
        (json!({"fault": "twice", "path": "/apiKeys?a=b"}), "without a query"),
        (json!({"fault": "twice", "path": "/_emulator/*"}), "controls"),
        (json!({"fault": "status"}), "`status` is missing"),
        (json!({"fault": "status", "status": 100}), "`status` must be a whole number from 200 to 599"),
        (json!({"fault": "status", "status": 500, "effect": "never"}), "`effect` must be one of `none`, `now`, `late`"),
        (json!({"fault": "status", "status": 500, "effect": "late"}), "`milliseconds` or `requests` is missing"),
        (json!({"fault": "status", "status": 500, "milliseconds": 1}), "`milliseconds` is unknown"),
        (json!({"fault": "status", "status": 500, "from": "mars"}), "`from` must be one of `codat`, `gateway`"),
        (json!({"fault": "status", "status": 500, "retryAfter": 1}), "`retryAfter` must be a string"),
        (json!({"fault": "status", "status": 500, "retryAfter": "1\n"}), "`retryAfter`"),
        (json!({"fault": "status", "status": 204, "body": {}}), "`body`"),
        (json!({"fault": "foreign-creator"}), "`when` is missing"),
        (json!({"fault": "foreign-creator", "when": "after", "name": "x".repeat(51)}), "`name`"),
        (json!({"fault": "redirect"}), "`location` is missing"),
        (json!({"fault": "redirect", "location": "/", "status": 200}), "`status`"),
    ] {
        let answer = put(&emulator, &json!({"faults": [{"fault": "twice"}, fault]}).to_string());
        assert_eq!(answer.status, 400, "{fault}");
        assert!(answer.error().starts_with("fault 2: ") && answer.error().contains(why), "{}: {fault}", answer.error());
    }
    for (body, why) in [
        ("", "must be JSON"),
        ("[]", "must be JSON"),
        ("{}", "`faults` must be an array"),
        (r#"{"faults":{}}"#, "`faults` must be an array"),
        (r#"{"faults":[],"more":1}"#, "`more` is unknown"),
        (&json!({"faults": vec![json!({"fault": "twice"}); 1001]}).to_string(), "at most 1000"),
    ] {
        let answer = put(&emulator, body);
        assert_eq!(answer.status, 400, "{body:.40}");
        assert!(answer.error().contains(why), "{}", answer.error());
        assert_eq!(emulator.set_faults(body), Err(answer.error()), "the handle says the same");
    }
    assert_eq!(left(&emulator), before, "a wrong script changes nothing");
    assert_eq!(call(&emulator, "POST", "/_emulator/faults", &[], None).header("allow"), Some("GET, PUT, DELETE"));
}

#[test]
fn the_builder_takes_a_script_and_refuses_a_wrong_one() {
    let error = Emulator::builder().faults(r#"{"faults":[{"fault":"x"}]}"#).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().starts_with("the faults: fault 1: `fault` must be one of"), "{error}");

    let script = r#"{"faults":[{"method":"POST","path":"/apiKeys","fault":"twice"}]}"#;
    let emulator = Emulator::builder().faults(script).start().unwrap();
    assert_eq!(ask(&emulator, "POST", "/apiKeys", None).status, 201);
    assert_eq!((list(&emulator).len(), names(&emulator).len()), (3, 3));
}
