//! The control endpoints and the origin check.

use std::net::TcpStream;

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{
    Connection, avoid_midnight, basic, create, list, names, requests, send, send_with_headers, send_with_key,
    set_state, text,
};

fn state(emulator: &Emulator) -> Value {
    send_with_headers(emulator, "GET", "/_emulator/state", &[], None).json()
}

#[test]
fn the_state_contains_masked_keys() {
    avoid_midnight();
    let emulator = Emulator::start().unwrap();
    create(&emulator, "named");
    let shown = send_with_headers(&emulator, "GET", "/_emulator/state", &[], None);
    assert_eq!(shown.header("x-rate-limit-limit"), None, "controls are not part of Codat's API");
    let shown = shown.json();
    let keys = list(&emulator);
    for (shown, key) in shown["keys"].as_array().unwrap().iter().zip(&keys) {
        assert_eq!(text(&shown["apiKey"]), format!("****{}", &text(&key["apiKey"])[36..]));
        assert_eq!(
            (&shown["id"], &shown["createdDate"], shown.get("name")),
            (&key["id"], &key["createdDate"], key.get("name"))
        );
    }
    assert_eq!(shown["companies"], 5);
    assert_eq!((&shown["lastKeyCanBeDeleted"], &shown["enforceLimits"]), (&json!(false), &json!(false)));
    assert_eq!((&shown["rateLimit"]["limit"], &shown["rateLimit"]["remaining"]), (&json!(6000), &json!(5999)));
    assert!(text(&shown["rateLimit"]["reset"]).ends_with("T00:00:00Z"));
}

#[test]
fn the_methods_of_the_emulator_do_the_same_as_the_controls() {
    let emulator = Emulator::start().unwrap();
    emulator.set_state(r#"{"companies": 2}"#).unwrap();
    assert_eq!((emulator.state(), &emulator.state()["companies"]), (state(&emulator), &json!(2)));
    assert_eq!(emulator.set_state("[]"), Err(set_state(&emulator, &json!([])).error()));
    emulator.set_faults(r#"[{"fault": "status", "status": 503}]"#).unwrap();
    assert_eq!(emulator.set_faults("5").unwrap_err(), r#"the faults must be JSON: [...] or {"faults": [...]}"#);
    assert_eq!(send(&emulator, "GET", "/companies", None).status, 503);
    assert_eq!((emulator.journal(), emulator.journal().len()), (requests(&emulator), 1));
    emulator.clear_journal();
    assert!(emulator.journal().is_empty());
}

#[test]
fn absent_fields_do_not_change() {
    let emulator = Emulator::builder().last_key_can_be_deleted(true).start().unwrap();
    let before = state(&emulator);
    assert_eq!(set_state(&emulator, &json!({})).json(), before);
    let after = set_state(&emulator, &json!({"companies": 2})).json();
    assert_eq!(after["companies"], 2);
    assert_eq!((&after["keys"], &after["lastKeyCanBeDeleted"]), (&before["keys"], &json!(true)));
}

#[test]
fn absent_fields_of_keys_are_generated() {
    let emulator = Emulator::start().unwrap();
    let dates = ["2020-01-02T03:04:05", "2020-01-02T03:04:05.1234567Z", "2020-01-02T03:04:05+02:00", "yesterday"];
    let mut keys: Vec<Value> = dates.iter().map(|date| json!({"name": date, "createdDate": date})).collect();
    keys.push(json!({"id": "an-id", "name": "x".repeat(60), "apiKey": "made-up-key-of-a-test"}));
    keys.push(json!({"apiKey": "tiny"}));
    let shown = set_state(&emulator, &json!({ "keys": keys })).json();
    assert_eq!(shown["keys"][4]["apiKey"], "****test");
    assert_eq!(shown["keys"][5]["apiKey"], "****");

    let response = send_with_key(&emulator, "made-up-key-of-a-test", "GET", "/apiKeys", None).json();
    for (key, date) in response["results"].as_array().unwrap().iter().zip(dates) {
        assert_eq!((text(&key["createdDate"]), text(&key["name"])), (date, date));
        assert_eq!((text(&key["apiKey"]).len(), text(&key["id"]).len()), (40, 36));
    }
    assert_eq!(response["results"][4]["id"], "an-id");
    assert_eq!(response["results"][4].get("createdDate"), None);
    assert_eq!(send_with_key(&emulator, emulator.api_key(), "GET", "/apiKeys", None).status, 401);
}

#[test]
fn an_invalid_state_changes_nothing() {
    let emulator = Emulator::start().unwrap();
    let before = state(&emulator);
    for wrong in [
        json!({"companies": 1, "colour": "red"}),
        json!({"companies": 1, "keys": [{"colour": "red"}]}),
        json!({"companies": 1, "rateLimit": {"limit": 1}}),
        json!({"companies": 1, "rateLimit": {"remaining": -1}}),
        json!({"companies": 1, "generator": 1}),
        json!({"companies": 1, "keys": [{"id": "one"}, {"id": "one"}]}),
        json!({"companies": 1, "keys": [{"apiKey": "made-up"}, {"apiKey": "made-up"}]}),
        json!({"companies": 1, "keys": vec![json!({}); 101]}),
        json!({"companies": 4_000_000_000_u32}),
        json!([]),
        json!([null, 1, 1, true, true, null, null]),
        json!({"companies": 1, "keys": [["an-id", "a name", "made-up-key-of-a-test", null]]}),
        json!({"companies": 1, "rateLimit": [5]}),
    ] {
        assert_eq!(set_state(&emulator, &wrong).status, 400, "{wrong}");
    }
    assert_eq!(send_with_headers(&emulator, "PUT", "/_emulator/state", &[], None).status, 400);
    assert_eq!(state(&emulator), before);
    assert_eq!(set_state(&emulator, &json!({"keys": vec![json!({}); 101]})).error(), "`keys` has at most 100 entries");
    let unknown = set_state(&emulator, &json!({"colour": "red"}));
    assert!(unknown.error().contains("`colour`"), "{}", unknown.body);
    let secret = set_state(&emulator, &json!({"companies": "made-up-key-in-the-wrong-place"}));
    assert!(!secret.body.contains("made-up-key"), "{}", secret.body);
}

#[test]
fn a_foreign_host_is_rejected() {
    let emulator = Emulator::start().unwrap();
    for host in ["127.0.0.1", "127.0.0.1:1", "localhost", "LocalHost:65535", "[::1]", "[::1]:80"] {
        assert_eq!(
            send_with_headers(&emulator, "GET", "/_emulator/state", &[("Host", host)], None).status,
            200,
            "{host}"
        );
    }
    for host in
        ["example.com", "example.com:80", "127.0.0.1.example.com", "localhost.example.com", "localhost@example.com", ""]
    {
        for (method, path) in [("GET", "/_emulator/state"), ("DELETE", "/_emulator/journal"), ("GET", "/_emulator")] {
            let response = send_with_headers(&emulator, method, path, &[("Host", host)], None);
            assert_eq!((response.status, &response.json()["statusCode"]), (421, &json!(421)), "{host} {path}");
        }
        let key = basic(emulator.api_key());
        let headers = [("Host", host), ("Authorization", &*key)];
        assert_eq!(send_with_headers(&emulator, "POST", "/apiKeys", &headers, Some("{}")).status, 421, "{host}");
    }
    let two = [("Host", "localhost"), ("Host", "example.com")];
    assert_ne!(send_with_headers(&emulator, "GET", "/_emulator/state", &two, None).status, 200);
    let target = "http://example.com/_emulator/state";
    assert_eq!(send_with_headers(&emulator, "GET", target, &[("Host", "localhost")], None).status, 421);
    assert_eq!(names(&emulator), [Value::Null], "nothing was created");
    assert_eq!(requests(&emulator), Vec::<Value>::new());
}

#[test]
fn an_allowed_host_and_the_bound_address_are_accepted() {
    let status = |emulator: &Emulator, host: &str| {
        send_with_headers(emulator, "GET", "/_emulator/state", &[("Host", host)], None).status
    };
    let emulator = Emulator::builder().allow_host("codat").allow_host("codat.test").start().unwrap();
    for (host, expected) in [("codat", 200), ("CODAT:4010", 200), ("codat.test", 200), ("codat.example", 421)] {
        assert_eq!(status(&emulator, host), expected, "{host}");
    }
    let emulator = Emulator::builder().host("127.0.0.2".parse().unwrap()).start().unwrap();
    assert!(emulator.base_url().starts_with("http://127.0.0.2:"));
    for (host, expected) in [("127.0.0.2:1", 200), ("localhost", 200), ("127.0.0.3", 421)] {
        assert_eq!(status(&emulator, host), expected, "{host}");
    }
    for wrong in ["http://codat", "codat:4010", "user@codat", "", "co dat", "*", "*.test"] {
        let error = Emulator::builder().allow_host(wrong).start().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{wrong}: {error}");
    }
}

#[test]
fn it_listens_on_loopback_by_default() {
    let every = Emulator::builder().host("0.0.0.0".parse().unwrap()).start().unwrap();
    let port = every.base_url().strip_prefix("http://127.0.0.1:").unwrap().to_owned();
    assert!(TcpStream::connect(format!("127.0.0.2:{port}")).is_ok());
    assert_eq!(send_with_headers(&every, "GET", "/_emulator/state", &[], None).status, 200);

    let alone = Emulator::start().unwrap();
    let port = alone.base_url().strip_prefix("http://127.0.0.1:").unwrap().to_owned();
    assert!(TcpStream::connect(format!("127.0.0.2:{port}")).is_err());
}

/// Headers that browsers send with requests from pages of another origin.
const FOREIGN: [&[(&str, &str)]; 7] = [
    &[("Origin", "https://example.com")],
    &[("Origin", "null")],
    &[("Origin", "http://127.0.0.1:1")],
    &[("Origin", "https://127.0.0.1")],
    &[("Sec-Fetch-Site", "cross-site")],
    &[("Sec-Fetch-Site", "same-site")],
    &[("Origin", "http://127.0.0.1"), ("Sec-Fetch-Site", "cross-site")],
];

#[test]
fn web_pages_of_another_origin_are_rejected() {
    let emulator = Emulator::start().unwrap();
    let before = state(&emulator);
    let key = basic(emulator.api_key());
    for foreign in FOREIGN {
        for (method, path, body) in [
            ("PUT", "/_emulator/state", Some(r#"{"companies":1}"#)),
            ("POST", "/_emulator/clock", Some(r#"{"advanceSeconds":60}"#)),
            ("PUT", "/_emulator/faults", Some(r#"{"faults":[{"fault":"drop-before"}]}"#)),
            ("DELETE", "/_emulator/journal", None),
            ("GET", "/_emulator/state", None),
            ("POST", "/apiKeys", Some("{}")),
            ("GET", "/apiKeys", None),
        ] {
            let headers: Vec<_> = foreign.iter().copied().chain([("Authorization", &*key)]).collect();
            let response = send_with_headers(&emulator, method, path, &headers, body);
            assert_eq!(
                (response.status, &response.json()["statusCode"]),
                (403, &json!(403)),
                "{foreign:?} {method} {path}"
            );
        }
    }
    assert_eq!(state(&emulator), before);
    assert_eq!(send_with_headers(&emulator, "GET", "/_emulator/faults", &[], None).json(), json!({"faults": []}));
    assert_eq!(requests(&emulator), Vec::<Value>::new());
    let own: [&[(&str, &str)]; 2] = [&[("Origin", "http://127.0.0.1")], &[("Sec-Fetch-Site", "none")]];
    for own in own {
        assert_eq!(send_with_headers(&emulator, "PUT", "/_emulator/state", own, Some("{}")).status, 200, "{own:?}");
    }
}

#[test]
fn controls_accept_only_json() {
    let emulator = Emulator::start().unwrap();
    let send = |media_type: &str| {
        let body = r#"{"companies":1}"#;
        let length = body.len();
        let request = format!(
            "PUT /_emulator/state HTTP/1.1\r\nHost: localhost\r\n{media_type}Content-Length: {length}\r\n\r\n{body}"
        );
        Connection::open(&emulator).send(request.as_bytes()).status
    };
    for other in ["", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"] {
        assert_eq!(send(other), 415, "{other}");
    }
    assert_eq!(state(&emulator)["companies"], 5);
    assert_eq!(send("Content-Type: Application/JSON; charset=utf-8\r\n"), 200);
    assert_eq!(state(&emulator)["companies"], 1);
}

#[test]
fn unknown_controls_get_an_error_in_json() {
    let emulator = Emulator::start().unwrap();
    for path in ["/_emulator", "/_emulator/", "/_emulator/unknown", "/_emulator/state/"] {
        assert_eq!(send_with_headers(&emulator, "GET", path, &[], None).json()["statusCode"], 404, "{path}");
    }
    for (path, allowed) in [("/_emulator/state", "GET, PUT"), ("/_emulator/journal", "GET, DELETE")] {
        let response = send_with_headers(&emulator, "POST", path, &[], None);
        assert_eq!((response.status, response.header("allow")), (405, Some(allowed)));
    }
    assert_eq!(requests(&emulator), Vec::<Value>::new(), "controls are not in the journal");
}

#[test]
fn a_body_with_a_byte_order_mark_is_read_and_utf16_is_named() {
    let emulator = Emulator::start().unwrap();
    let put = |path: &str, body: &str| send_with_headers(&emulator, "PUT", path, &[], Some(body));
    for (path, body) in [("/_emulator/faults", r#"{"faults":[]}"#), ("/_emulator/state", r#"{"companies":2}"#)] {
        assert_eq!(put(path, &format!("\u{feff}{body}")).status, 200, "{path}");
        let utf16: String = body.chars().flat_map(|c| [c, '\0']).collect();
        let refused = put(path, &utf16);
        assert_eq!(
            (refused.status, refused.error().as_str()),
            (400, "the body is encoded as UTF-16: save it as UTF-8")
        );
    }
    let advanced =
        send_with_headers(&emulator, "POST", "/_emulator/clock", &[], Some("\u{feff}{\"advanceSeconds\":1}"));
    assert_ne!(advanced.status, 400, "{}", advanced.body);
}
