//! The pages without JavaScript.

use std::thread;

use codat_keys_emulator::Emulator;
use codat_keys_portal::{PATH, Role};

use crate::bounded::wait_until;
use crate::support::{Response, Visitor, emulated, host_of, send, set_state, state};

fn developer(emulator: &Emulator) -> Visitor<'_> {
    Visitor::signed_in(emulator, Role::Developer)
}

#[test]
fn names_are_escaped() {
    let emulator = emulated();
    let names = ["<script>alert(1)</script>", "\\\"><img src=x>", "abc\\u202Etxt", "a\\u0007b", "🔑 & co"];
    let keys: Vec<_> = names.iter().map(|name| format!(r#"{{"name":"{name}"}}"#)).collect();
    let key = emulator.api_key();
    set_state(&emulator, &format!(r#"{{"keys":[{{"apiKey":"{key}"}},{}]}}"#, keys.join(",")));
    let body = developer(&emulator).get("").body;
    for shown in [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&quot;&gt;&lt;img src=x&gt;",
        "abc\\u{202e}txt",
        "a\\u{7}b",
        "🔑 &amp; co",
    ] {
        assert!(body.contains(&format!(">{shown}</bdi>")), "{shown}: {body}");
    }
    assert!(!body.contains("<img") && !body.contains('\u{202e}'));
}

#[test]
fn implausible_dates_have_no_age() {
    let emulator = emulated();
    let key = emulator.api_key();
    let dates = ["2125-01-01T00:00:00Z", "0001-01-01T00:00:00Z"];
    let keys = dates.map(|date| format!(r#"{{"name":"{date}","createdDate":"{date}"}}"#)).join(",");
    set_state(&emulator, &format!(r#"{{"keys":[{{"apiKey":"{key}"}},{keys}]}}"#));
    let body = developer(&emulator).get("").body;
    assert_eq!(body.matches(">unknown</").count(), 3, "{body}");
    assert!(body.contains("1 January 2125 at 00:00 UTC") && !body.contains("just now"), "{body}");
}

#[test]
fn an_invalid_name_stays_in_the_form() {
    let emulator = emulated();
    let visitor = developer(&emulator);
    for typed in ["", "%20%20", &"x".repeat(51), "a%07b"] {
        assert_eq!(visitor.post("/keys", &[("name", typed)]).header("location"), Some(PATH));
        assert!(visitor.get("").body.contains("A name has 1 to 50 characters"), "{typed}");
    }
    assert!(!state(&emulator).contains("name"));
}

#[test]
fn the_page_explains_the_limit_and_the_last_key() {
    let emulator = emulated();
    let visitor = developer(&emulator);
    let page = visitor.get("").body;
    assert!(page.contains("The last key cannot be revoked") && !page.contains("/revoke\""), "{page}");
    for number in 2..=10 {
        visitor.post("/keys", &[("name", &format!("k{number}"))]);
    }
    let page = visitor.get("").body;
    assert!(page.contains("10 of 10 keys") && page.contains("There are ten keys") && !page.contains("id=\"name\""));
    assert_eq!(visitor.post("/keys", &[("name", "eleventh")]).status, 303);
    assert!(visitor.get("").body.contains("10 keys already"));
}

#[test]
fn a_revocation_requires_the_name_or_the_last_characters() {
    let emulator = emulated();
    let key = emulator.api_key();
    let keys = r#"{"id":"b","name":"b","apiKey":"MadeUpKeyOne1111"},{"id":"c","apiKey":"MadeUpKeyTwo2222"}"#;
    set_state(&emulator, &format!(r#"{{"keys":[{{"id":"a","apiKey":"{key}"}},{keys}]}}"#));
    let visitor = developer(&emulator);
    for (id, wrong) in [("b", ""), ("b", "B"), ("b", "222"), ("c", ""), ("c", "no+name"), ("c", "1111")] {
        let response = visitor.post(&format!("/keys/{id}/revoke"), &[("confirm", wrong)]);
        assert_eq!(response.header("location"), Some(&*format!("{PATH}/keys/{id}/revoke")), "{wrong}");
        assert!(visitor.get(&format!("/keys/{id}/revoke")).body.contains("Nothing was revoked"), "{wrong}");
    }
    for (id, right) in [("b", "b"), ("c", "2222")] {
        visitor.post(&format!("/keys/{id}/revoke"), &[("confirm", right)]);
        assert!(visitor.get("").body.contains("The key was revoked"));
    }
    assert_eq!(state(&emulator).matches("\"id\"").count(), 1);
}

#[test]
fn revoking_the_key_in_use_requires_a_checkbox() {
    let emulator = emulated();
    let key = emulator.api_key();
    set_state(&emulator, &format!(r#"{{"keys":[{{"id":"a","name":"a","apiKey":"{key}"}},{{"id":"b","name":"b"}}]}}"#));
    let visitor = developer(&emulator);
    assert!(visitor.get("/keys/a/revoke").body.contains("This page itself uses this key"));
    assert!(!visitor.get("/keys/b/revoke").body.contains("This page itself uses this key"));
    visitor.post("/keys/a/revoke", &[("confirm", "a")]);
    assert!(visitor.get("").body.contains("This is the key in use"));
    visitor.post("/keys/a/revoke", &[("confirm", "a"), ("in_use", "on")]);
    // The emulator's page continues with the remaining key.
    let page = visitor.get("").body;
    assert!(page.contains("The key was revoked") && page.contains("used by this page"), "{page}");
}

#[test]
fn resuming_an_unknown_outcome_creates_one_key() {
    let emulator = emulated();
    let visitor = developer(&emulator);
    emulator.set_faults(r#"{"faults":[{"method":"POST","fault":"drop-after"}]}"#).expect("faults");
    visitor.post("/keys", &[("name", "made")]);
    let page = visitor.get("").body;
    assert!(page.contains("It is unknown whether the change took effect") && page.contains("One of these may be it"));
    assert!(visitor.get("").body.contains("It is unknown"), "until it is resolved");
    let (_, idempotency_key) = page.split_once("name=\"idempotency_key\" value=\"").expect("a form that resumes");
    let idempotency_key = idempotency_key.split('"').next().unwrap_or_default();
    visitor.post("/keys", &[("name", "made"), ("idempotency_key", idempotency_key)]);
    let page = visitor.get("").body;
    assert!(page.contains("The key was created") && !page.contains("It is unknown"));
    assert_eq!(state(&emulator).matches("\"id\"").count(), 2);
}

#[test]
fn a_repeated_form_is_processed_once() {
    let emulator = emulated();
    let visitor = developer(&emulator);
    let delays = r#"{"faults":[{"method":"POST","fault":"delay-before","milliseconds":300,"count":2}]}"#;
    emulator.set_faults(delays).expect("faults");
    let form = [("name", "made"), ("form", "0123")];
    let sent = || visitor.post("/keys", &form).status;
    thread::scope(|scope| {
        let both = [scope.spawn(sent), scope.spawn(sent)];
        assert_eq!(both.map(|one| one.join().expect("an response")), [303, 303]);
    });
    assert!(visitor.get("").body.contains("The key was created"));
    assert_eq!(visitor.post("/keys", &form).status, 303);
    assert!(visitor.get("").body.contains("The key was created"), "also after navigating back");
    assert_eq!(state(&emulator).matches("\"id\"").count(), 2);
    visitor.post("/keys", &[("name", "made"), ("form", "4567")]);
    assert_eq!(state(&emulator).matches("\"id\"").count(), 3, "another form creates another key");
}

#[test]
fn an_action_continues_after_the_browser_disconnects() {
    let emulator = emulated();
    let visitor = developer(&emulator);
    let delay = r#"{"faults":[{"method":"POST","fault":"delay-before","milliseconds":300}]}"#;
    emulator.set_faults(delay).expect("faults");
    visitor.submit_and_disconnect("/keys", &[("name", "made")]);
    wait_until("the key is created", || visitor.get("").body.contains("The key was created"));
}

#[test]
fn errors_have_a_correlation_id_and_a_hint() {
    let emulator = emulated();
    let visitor = developer(&emulator);
    emulator.set_faults(r#"{"faults":[{"method":"GET","fault":"status","status":503}]}"#).expect("faults");
    let response = visitor.get("");
    assert_eq!(response.status, 502);
    for said in ["Codat failed to process the request.", "Correlation id, for Codat's support <code>", "Try again"] {
        assert!(response.body.contains(said), "{said}: {}", response.body);
    }
}

#[test]
fn the_language_is_selected_or_preferred() {
    let emulator = emulated();
    let head = format!("Host: {}\r\n", host_of(&emulator));
    let get = |more: &str| -> Response { send(&emulator, "GET", PATH, &format!("{head}{more}"), "") };
    for (accepted, language) in [
        ("", "en"),
        ("Accept-Language: fr-CH, fr;q=0.9, en;q=0.8\r\n", "fr"),
        ("Accept-Language: en;q=0.5, fr;q=0.6\r\n", "fr"),
        ("Accept-Language: de, fr;q=0, en;q=0.1\r\n", "en"),
        ("Accept-Language: frr, en;q=0.5\r\n", "en"),
        ("Accept-Language: de, é, ;;q=, f\r\n", "en"),
        ("Cookie: codat_keys_language=fr\r\nAccept-Language: en\r\n", "fr"),
    ] {
        assert!(get(accepted).body.contains(&format!("<html lang=\"{language}\">")), "{accepted}");
    }
    let chosen = send(&emulator, "GET", &format!("{PATH}/language/fr"), &head, "");
    assert_eq!((chosen.status, chosen.header("location")), (303, Some(PATH)));
    assert!(chosen.header("set-cookie").is_some_and(|cookie| cookie.starts_with("codat_keys_language=fr; ")));
    let attributes = ["HttpOnly", "Max-Age=31536000", &format!("Path={PATH}"), "SameSite=Strict"];
    assert_eq!(chosen.cookie_attributes(), attributes);
    assert_eq!(send(&emulator, "GET", &format!("{PATH}/language/xx"), &head, "").status, 404);
}
