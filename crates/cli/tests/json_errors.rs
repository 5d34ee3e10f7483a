//! With `--json`, errors on standard error are JSON.

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::raw_server::{RawServer, Reply, json as answer};
use crate::support::{Ended, against, program, run, with_key};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";
const ONE_KEY: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"}]}"#;
const TWO_KEYS: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"},
    {"id":"b","name":"ci","apiKey":"MadeUpKeyB000000000000000000000000000000","createdDate":"2026-01-01T00:00:00Z"}]}"#;

/// Parses the error. Standard error must contain nothing else.
fn error_of(ended: &Ended) -> Value {
    assert_eq!(ended.stderr.lines().count(), 1, "one line for programs: {ended:?}");
    let mut document: Value = serde_json::from_str(&ended.stderr).unwrap_or_else(|_| panic!("{ended:?}"));
    assert_eq!(document.as_object().unwrap().len(), 1, "{document}");
    document["error"].take()
}

#[test]
fn every_failing_command_has_its_code_message_and_hint() {
    let emulator = Emulator::start().unwrap();
    let ok = || against(&emulator);
    for (mut command, arguments, status, code, message) in [
        (program(), &["list", "--json"][..], 4, "no_credential", "no API key was given"),
        (program(), &["list", "--json", "--bad"], 2, "invalid_input", "the argument `--bad` was not expected"),
        (program(), &["create", "--json"], 2, "invalid_input", "<NAME> is missing"),
        (program(), &["whoami", "--timeout", "soon", "--json"], 2, "invalid_input", "the value of --timeout <SECONDS>"),
        (ok(), &["show", "none", "--json"], 7, "not_found", "no key has this id or name"),
        (ok(), &["delete", "none", "--yes", "--json"], 7, "not_found", "no key has this id or name"),
        (ok(), &["delete", "none", "--json"], 2, "invalid_input", "there is no terminal"),
        (ok(), &["create", "a", "--json", "--out", "/nowhere/key"], 2, "invalid_input", "/nowhere/key cannot be"),
        (with_key("http://127.0.0.1:1", KEY), &["doctor", "--json"], 10, "connect", "nothing listens there"),
        (program(), &["profile", "show", "--json"], 2, "invalid_input", "no profile is in use"),
        (program(), &["emulator", "--json", "--faults", "/nowhere"], 1, "local", "/nowhere cannot be read"),
    ] {
        let ended = run(&mut command, arguments);
        let error = error_of(&ended);
        assert_eq!((ended.status, &error["code"]), (status, &json!(code)), "{arguments:?}: {ended:?}");
        assert!(error["message"].as_str().unwrap().contains(message), "{arguments:?}: {ended:?}");
        assert!(!error["hint"].as_str().unwrap().is_empty(), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn json_errors_contain_the_details_of_the_response() {
    let refused = answer(429, r#"{"error":"slow down","correlationId":"0123456789abcdef0123456789abcdef"}"#);
    let Reply::Bytes(bytes) = refused else { unreachable!() };
    let refused = String::from_utf8(bytes).unwrap().replacen("\r\n", "\r\nretry-after: 3600\r\n", 1);
    let server = RawServer::with_replies(vec![Reply::Bytes(refused.into_bytes())]);
    let error = error_of(&run(&mut with_key(&server.url, KEY), &["list", "--json"]));
    assert_eq!(error["status"], 429, "{error}");
    assert_eq!(error["correlationId"], "0123456789abcdef0123456789abcdef", "{error}");
    assert_eq!((&error["retryAfterSeconds"], &error["retryable"]), (&json!(3600), &json!(true)), "{error}");
    assert!(error.get("candidates").is_none() && error.get("idempotencyKey").is_none(), "{error}");
}

#[test]
fn permanent_errors_are_not_retryable() {
    let proxy = RawServer::with_replies(vec![answer(407, "")]);
    let arguments = ["list", "--json", "--proxy", &proxy.url];
    let error = error_of(&run(&mut with_key("https://codat.example", KEY), &arguments));
    assert_eq!((&error["code"], &error["retryable"]), (&json!("connect"), &json!(false)), "{error}");
}

#[test]
fn an_unknown_outcome_has_an_idempotency_key_and_masked_candidates() {
    let server =
        RawServer::with_replies(vec![answer(200, ONE_KEY), Reply::Disconnect, answer(401, ""), answer(200, TWO_KEYS)]);
    let ended = run(&mut with_key(&server.url, KEY), &["create", "ci", "--json"]);
    let error = error_of(&ended);
    assert_eq!((ended.status, &error["code"]), (9, &json!("outcome_unknown")), "{error}");
    let sent = server.requests()[1].lines().find_map(|line| line.strip_prefix("idempotency-key: ").map(str::to_owned));
    assert_eq!(error["idempotencyKey"].as_str(), sent.as_deref(), "{error}");
    assert_eq!(
        error["candidates"],
        json!([{ "id": "b", "created": "2026-01-01T00:00:00Z", "key": "****0000" }]),
        "{error}"
    );
}

#[test]
fn json_among_the_arguments_of_a_child_has_no_effect() {
    for (arguments, is_json) in [(&["exec", "--", "no-such-command", "--json"][..], false), (&["list"], false)] {
        let ended = run(&mut with_key("http://127.0.0.1:1", KEY), arguments);
        assert_eq!(ended.stderr.starts_with('{'), is_json, "{ended:?}");
    }
}

#[test]
fn doctor_delete_and_profiles_print_json() {
    let emulator = Emulator::start().unwrap();
    let printed = |arguments: &[&str]| {
        let ended = run(&mut against(&emulator), arguments);
        serde_json::from_str::<Value>(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"))
    };
    printed(&["create", "ci", "--json"]);
    let report = printed(&["doctor", "--json"]);
    assert_eq!((&report["keys"], &report["problem"]), (&json!("2 of 10"), &Value::Null), "{report}");
    assert!(report["CODAT_API_KEY"].as_str().unwrap().starts_with("in use: a raw key, ****"), "{report}");
    assert!(report["baseUrl"].as_str().unwrap().starts_with(emulator.base_url()), "{report}");
    assert!(report["codatKeys"].is_string() && report["keyInUse"].is_string() && report["tls"].is_string());
    assert!(!report.to_string().contains(emulator.api_key()), "{report}");

    let deleted = printed(&["delete", "ci", "--yes", "--json"]);
    assert_eq!((&deleted["deleted"]["name"], &deleted["deleted"]["inUse"]), (&json!("ci"), &json!(false)));
    assert!(deleted["deleted"]["key"].as_str().unwrap().starts_with("****"), "{deleted}");
    assert_eq!(printed(&["profile", "list", "--json"]), json!({ "profiles": [] }));

    let ended = run(&mut with_key("http://127.0.0.1:1", KEY), &["doctor", "--json"]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["problem"]["code"], "connect", "{report}");
}

/// Each kind of character that a terminal interprets or hides.
const UNSEEN: &str =
    "\u{7f}\u{9b}\u{ad}\u{600}\u{200b}\u{200f}\u{2028}\u{2029}\u{202e}\u{2066}\u{feff}\u{fff9}\u{e0001}";

#[test]
#[cfg(unix)]
fn json_escapes_control_and_invisible_characters() {
    let list = format!(
        r#"{{"results":[{{"id":"a","name":"own{UNSEEN}","apiKey":"{KEY}"}},
            {{"id":"b","name":"x{UNSEEN}","apiKey":"MadeUpKeyB000000000000000000000000000000"}}],
            "pageNumber":1,"pageSize":100,"totalResults":2}}"#
    );
    let deleted = Reply::Bytes(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".into());
    let server = RawServer::with_handler(move |request| match request.split(' ').next() {
        Some("DELETE") => deleted.clone(),
        Some("POST") => answer(400, &format!(r#"{{"error":"bad {UNSEEN}"}}"#)),
        _ => answer(200, &list),
    });
    for (arguments, status) in [
        (&["list", "--json"][..], 0),
        (&["whoami", "--json"], 0),
        (&["show", "b", "--json"], 0),
        (&["audit", "--json"], 0),
        (&["doctor", "--json"], 0),
        (&["delete", "b", "--yes", "--json"], 0),
        (&["create", "new", "--json"], 2),
        (&["api", "/apiKeys"], 0),
        (&["api", "/apiKeys", "--paginate"], 0),
        (&["api", "/apiKeys", "--paginate", "--jsonl"], 0),
    ] {
        let ended = run(&mut with_key(&server.url, KEY), arguments);
        assert_eq!(ended.status, status, "{arguments:?}: {ended:?}");
        // Standard error is checked only if it is JSON.
        let said = Some(ended.stderr.as_str()).filter(|said| said.starts_with('{')).unwrap_or_default();
        let mut all = ended.stdout.chars().chain(said.chars());
        assert!(all.all(|c| c == '\n' || c == ' ' || c.is_ascii_graphic()), "{arguments:?}: {ended:?}");
    }
    let listed = run(&mut with_key(&server.url, KEY), &["list", "--json"]).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["keys"][1]["name"], format!("x{UNSEEN}"), "it is equal when it is parsed");
    let (_, shown) = crate::terminal::on_a_terminal(with_key(&server.url, KEY).args(["api", "/apiKeys"]), "");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["results"][1]["name"], format!("x{UNSEEN}"));
}
