//! Parsing and use of fault scripts.

use std::io::ErrorKind;

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{Response, list, names, read_until_closed, requests, send, send_with_headers};

fn put(emulator: &Emulator, body: &str) -> Response {
    send_with_headers(emulator, "PUT", "/_emulator/faults", &[], Some(body))
}

fn remaining(emulator: &Emulator) -> Value {
    send_with_headers(emulator, "GET", "/_emulator/faults", &[], None).json()["faults"].clone()
}

fn status(emulator: &Emulator, method: &str, path: &str) -> u16 {
    send(emulator, method, path, None).status
}

#[test]
fn the_first_matching_fault_is_used_and_counted() {
    let emulator = Emulator::start().unwrap();
    let script = json!({"faults": [
        {"method": "DELETE", "fault": "status", "status": 500},
        {"path": "/profile", "skip": 1, "count": 2, "fault": "status", "status": 501},
        {"path": "/apiKeys*", "fault": "status", "status": 502},
        {"path": "/profile", "fault": "status", "status": 503},
    ]});
    let shown = put(&emulator, &script.to_string());
    assert_eq!((shown.status, &shown.json()["faults"]), (200, &remaining(&emulator)));
    assert_eq!(
        remaining(&emulator)[0],
        json!({"method": "DELETE", "fault": "status", "status": 500, "skip": 0, "count": 1})
    );

    assert_eq!(status(&emulator, "GET", "/companies"), 200);
    assert_eq!(status(&emulator, "GET", "/profile"), 503, "the fault before it skips one request");
    assert_eq!(status(&emulator, "GET", "/profile"), 501);
    assert_eq!(status(&emulator, "GET", "/apiKeys/some-id?a=b"), 502);
    let rest = remaining(&emulator);
    assert_eq!(rest.as_array().unwrap().len(), 2);
    assert_eq!((&rest[1]["status"], &rest[1]["skip"], &rest[1]["count"]), (&json!(501), &json!(0), &json!(1)));
    assert_eq!(
        put(&emulator, &json!({ "faults": rest }).to_string()).json()["faults"],
        rest,
        "the remaining faults are a valid script"
    );

    let journal = requests(&emulator);
    assert_eq!((journal[0].get("fault"), &journal[1]["fault"]), (None, &json!("status")));
    assert_eq!(send_with_headers(&emulator, "DELETE", "/_emulator/faults", &[], None).status, 204);
    assert_eq!(remaining(&emulator), json!([]));
    assert_eq!(status(&emulator, "GET", "/profile"), 200);
}

#[test]
fn faults_do_not_apply_to_controls() {
    let emulator = Emulator::builder().faults(r#"{"faults":[{"count":9,"fault":"drop-before"}]}"#).start().unwrap();
    assert_eq!(send_with_headers(&emulator, "GET", "/_emulator/state", &[], None).status, 200);
    assert_eq!(remaining(&emulator)[0]["count"], 9);
}

#[test]
fn requests_without_a_valid_key_get_only_faults_before_authentication() {
    let emulator = Emulator::start().unwrap();
    for fault in [
        json!({"fault": "delay-before", "milliseconds": 60_000}),
        json!({"fault": "drop-after"}),
        json!({"fault": "status", "status": 503}),
        json!({"fault": "status", "status": 503, "effect": "now", "from": "gateway"}),
    ] {
        put(&emulator, &json!({"faults": [fault]}).to_string());
        assert_eq!(send_with_headers(&emulator, "GET", "/apiKeys", &[], None).status, 401, "{fault}");
        assert_eq!(remaining(&emulator)[0]["count"], 1, "{fault}");
    }
    for (fault, status) in [
        (json!({"fault": "status", "status": 503, "from": "gateway"}), 503),
        (json!({"fault": "redirect", "location": "/elsewhere"}), 307),
    ] {
        put(&emulator, &json!({"faults": [fault]}).to_string());
        assert_eq!(send_with_headers(&emulator, "GET", "/apiKeys", &[], None).status, status, "{fault}");
    }
    put(&emulator, r#"{"faults":[{"fault":"drop-before"}]}"#);
    assert!(read_until_closed(&emulator, "GET /apiKeys HTTP/1.1\r\nHost: localhost\r\n\r\n").is_empty());
}

#[test]
fn an_invalid_script_is_rejected_with_a_reason() {
    let emulator = Emulator::start().unwrap();
    put(&emulator, r#"{"faults":[{"fault":"twice"}]}"#);
    let before = remaining(&emulator);
    for (fault, reason) in [
        (json!(1), "must be an object"),
        (json!({}), "`fault` is missing"),
        (json!({"fault": "unknown"}), "`fault` must be one of `refuse`, `drop-before`"),
        (json!({"fault": 1}), "`fault` must be a string"),
        (json!({"fault": "twice", "colour": "red"}), "`colour` is unknown"),
        (json!({"fault": "twice", "milliseconds": 1}), "`milliseconds` is unknown"),
        (json!({"fault": "late"}), "`milliseconds` or `requests` is missing"),
        (json!({"fault": "late", "requests": 0}), "`requests` must be a whole number from 1 to 1000000"),
        (json!({"fault": "late", "milliseconds": 1, "requests": 1}), "`milliseconds` cannot go with `requests`"),
        (json!({"fault": "late", "milliseconds": -1}), "`milliseconds` must be a whole number from 0 to 3600000"),
        (json!({"fault": "late", "milliseconds": 1.5}), "`milliseconds`"),
        (json!({"fault": "twice", "count": 0}), "`count`"),
        (json!({"fault": "twice", "skip": "1"}), "`skip`"),
        (json!({"fault": "twice", "skip": 1.0}), "`skip`"),
        (json!({"fault": "twice", "count": null}), "`count`"),
        (json!({"fault": "twice", "method": "post"}), "`method` must be in capital letters"),
        (json!({"fault": "twice", "method": null}), "`method` must be a string"),
        (json!({"fault": "twice", "path": "apiKeys"}), "`path` must begin with /"),
        (json!({"fault": "twice", "path": "/apiKeys?a=b"}), "without a query"),
        (json!({"fault": "twice", "path": "/_emulator/*"}), "controls"),
        (json!({"fault": "status"}), "`status` is missing"),
        (json!({"fault": "status", "status": 100}), "`status` must be a whole number from 200 to 599"),
        (json!({"fault": "status", "status": 500, "effect": "never"}), "`effect` must be one of `none`, `now`, `late`"),
        (json!({"fault": "status", "status": 500, "effect": "late"}), "`milliseconds` or `requests` is missing"),
        (
            json!({"fault": "status", "status": 500, "milliseconds": 1}),
            "`milliseconds` and `requests` need the `effect` `late`",
        ),
        (json!({"fault": "status", "status": 500, "from": "mars"}), "`from` must be `codat` or `gateway`"),
        (json!({"fault": "status", "status": 500, "retryAfter": 1}), "`retryAfter` must be a string"),
        (json!({"fault": "status", "status": 500, "retryAfter": "1\n"}), "`retryAfter`"),
        (json!({"fault": "status", "status": 204, "body": {}}), "`body`"),
        (json!({"fault": "foreign-creator"}), "`when` is missing"),
        (json!({"fault": "foreign-creator", "when": {"after": null}}), "`when` must be a string"),
        (json!({"fault": "foreign-creator", "when": "after", "name": null}), "`name` must be a string"),
        (json!({"fault": "foreign-creator", "when": "after", "name": "x".repeat(51)}), "`name`"),
        (json!({"fault": "redirect"}), "`location` is missing"),
        (json!({"fault": "redirect", "location": "/", "status": 200}), "`status`"),
    ] {
        let response = put(&emulator, &json!({"faults": [{"fault": "twice"}, fault]}).to_string());
        assert_eq!(response.status, 400, "{fault}");
        assert!(
            response.error().starts_with("fault 2: ") && response.error().contains(reason),
            "{}: {fault}",
            response.error()
        );
    }
    for (body, reason) in [
        ("", "must be JSON"),
        ("1", "must be JSON"),
        ("{}", "`faults` must be an array"),
        (r#"{"faults":{}}"#, "`faults` must be an array"),
        (r#"{"faults":[],"more":1}"#, "`more` is unknown"),
        (&json!({"faults": vec![json!({"fault": "twice"}); 1001]}).to_string(), "at most 1000"),
    ] {
        let response = put(&emulator, body);
        assert_eq!(response.status, 400, "{body:.40}");
        assert!(response.error().contains(reason), "{}", response.error());
        assert_eq!(emulator.set_faults(body), Err(response.error()), "the handle returns the same error");
    }
    assert_eq!(remaining(&emulator), before, "an invalid script changes nothing");
    assert_eq!(
        send_with_headers(&emulator, "POST", "/_emulator/faults", &[], None).header("allow"),
        Some("GET, PUT, DELETE")
    );
}

#[test]
fn an_error_names_the_field_and_quotes_no_value() {
    let emulator = Emulator::start().unwrap();
    let secret = "MadeUpKey, expected `MadeUpKey`";
    for (fault, fields) in [
        (json!({"fault": "twice"}), &["fault", "method", "path", "skip", "count"][..]),
        (json!({"fault": "status", "status": 500}), &["status", "effect", "from", "milliseconds", "requests"]),
        (json!({"fault": "late"}), &["milliseconds", "requests"]),
        (json!({"fault": "foreign-creator", "when": "after"}), &["when"]),
        (json!({"fault": "redirect", "location": "/"}), &["status"]),
    ] {
        for field in fields {
            for value in [json!(secret), json!([secret]), json!({ secret: secret })] {
                let mut fault = fault.clone();
                fault[field] = value;
                let error = emulator.set_faults(&json!({"faults": [fault]}).to_string()).unwrap_err();
                assert!(error.starts_with(&format!("fault 1: `{field}` must b")), "{error}");
                assert!(!error.contains("MadeUpKey"), "{error}");
            }
        }
    }
}

#[test]
fn the_builder_accepts_a_script_and_rejects_an_invalid_one() {
    let error = Emulator::builder().faults(r#"{"faults":[{"fault":"x"}]}"#).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().starts_with("the faults: fault 1: `fault` must be one of"), "{error}");

    let script = r#"{"faults":[{"method":"POST","path":"/apiKeys","fault":"twice"}]}"#;
    let emulator = Emulator::builder().faults(script).start().unwrap();
    assert_eq!(send(&emulator, "POST", "/apiKeys", None).status, 201);
    assert_eq!((list(&emulator).len(), names(&emulator).len()), (3, 3));
}
