//! The rules about keys.

use std::collections::HashSet;
use std::thread;

use codat_keys_emulator::Emulator;
use serde_json::json;

use crate::support::{ask, ask_as, call, create, list, set_state, text};

#[test]
fn starts_with_one_nameless_key() {
    let emulator = Emulator::start().unwrap();
    let keys = list(&emulator);
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["apiKey"], emulator.api_key());
    assert_eq!(keys[0].get("name"), None);
    let date = text(&keys[0]["createdDate"]);
    assert!(date.len() == 20 && date.ends_with('Z') && date.as_bytes()[10] == b'T', "{date}");
}

#[test]
fn creates_keys_with_and_without_a_name() {
    let emulator = Emulator::start().unwrap();
    for (body, name) in [
        (None, None),
        (Some("{}"), None),
        (Some(r#"{"name":null}"#), None),
        (Some(r#"{"name":""}"#), Some("")),
        (Some(r#"{"name":"twice","other":[1]}"#), Some("twice")),
        (Some(r#"{"name":"twice"}"#), Some("twice")),
    ] {
        let answer = ask(&emulator, "POST", "/apiKeys", body);
        assert_eq!(answer.status, 201, "{body:?}");
        let key = answer.json();
        assert_eq!(key.get("name").map(text), name);
        let value = text(&key["apiKey"]);
        assert!(value.len() == 40 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let id = text(&key["id"]);
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(list(&emulator).last(), Some(&key), "the answer is what the list shows");
    }
}

#[test]
fn counts_a_name_in_utf_16_units() {
    let emulator = Emulator::start().unwrap();
    let rockets = "🚀".repeat(25);
    for name in ["x".repeat(50), "é".repeat(50), rockets.clone()] {
        assert_eq!(create(&emulator, &name)["name"], *name);
    }
    for name in ["x".repeat(51), format!("{rockets}x"), "🚀".repeat(26)] {
        let answer = ask(&emulator, "POST", "/apiKeys", Some(&json!({ "name": name }).to_string()));
        assert_eq!((answer.status, &*answer.error()), (400, "Max string length (50) for `name` reached."));
    }
    assert_eq!(list(&emulator).len(), 4);
}

#[test]
fn refuses_bodies_that_are_not_a_request_for_a_key() {
    let emulator = Emulator::start().unwrap();
    let deep = "[".repeat(100_000);
    for body in
        [" ", "{", "null", "[]", "\"name\"", r#"{"name":1}"#, r#"{"name":["x"]}"#, r#"{"name":"\ud800"}"#, &*deep]
    {
        assert_eq!(ask(&emulator, "POST", "/apiKeys", Some(body)).status, 400, "{body:.40}");
    }
    assert_eq!(list(&emulator).len(), 1);
}

#[test]
fn keeps_to_ten_keys() {
    let emulator = Emulator::start().unwrap();
    for number in 2..=10 {
        create(&emulator, &format!("key {number}"));
    }
    let refused = ask(&emulator, "POST", "/apiKeys", None);
    assert_eq!(refused.status, 409);
    assert_eq!(refused.json()["statusCode"], 400);
    assert_eq!(
        refused.error(),
        "Maximum number of API keys reached. To create a new API key, delete an unused key and try again."
    );
    let long = json!({ "name": "x".repeat(51) }).to_string();
    assert_eq!(ask(&emulator, "POST", "/apiKeys", Some(&long)).status, 400);

    let id = list(&emulator)[5]["id"].clone();
    assert_eq!(ask(&emulator, "DELETE", &format!("/apiKeys/{}", text(&id)), None).status, 204);
    create(&emulator, "in the free place");
}

#[test]
fn keeps_to_ten_keys_when_twenty_ask_at_once() {
    let emulator = Emulator::start().unwrap();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let askers: Vec<_> = (0..20).map(|_| scope.spawn(|| ask(&emulator, "POST", "/apiKeys", None).status)).collect();
        askers.into_iter().map(|asker| asker.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 9);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 11);
    let ids: HashSet<String> = list(&emulator).iter().map(|key| text(&key["id"]).to_owned()).collect();
    assert_eq!(ids.len(), 10);
}

#[test]
fn deletes_a_key_once() {
    let emulator = Emulator::start().unwrap();
    let created = create(&emulator, "to be deleted");
    let path = format!("/apiKeys/{}", text(&created["id"]));
    let answer = ask(&emulator, "DELETE", &path, None);
    assert_eq!((answer.status, &*answer.body, answer.header("content-type")), (204, "", None));
    let again = ask(&emulator, "DELETE", &path, None);
    assert_eq!((again.status, &*again.error()), (404, "API key not found"));
    assert_eq!(list(&emulator).len(), 1);
}

#[test]
fn an_error_does_not_repeat_what_was_sent_as_an_id() {
    let emulator = Emulator::start().unwrap();
    let answer = ask(&emulator, "DELETE", &format!("/apiKeys/{}", emulator.api_key()), None);
    assert_eq!(answer.status, 404);
    assert!(!answer.body.contains(emulator.api_key()));
}

#[test]
fn finds_an_id_behind_percent_signs() {
    let emulator = Emulator::start().unwrap();
    let keys = json!({"keys": [{"id": "an id/é", "apiKey": "made-up-key-one"}, {"apiKey": emulator.api_key()}]});
    assert_eq!(set_state(&emulator, &keys).status, 200);
    assert_eq!(ask(&emulator, "DELETE", "/apiKeys/an%20id%2F%C3%A9", None).status, 204);
}

#[test]
fn keeps_the_last_key() {
    let emulator = Emulator::start().unwrap();
    let id = list(&emulator)[0]["id"].clone();
    let answer = ask(&emulator, "DELETE", &format!("/apiKeys/{}", text(&id)), None);
    assert_eq!((answer.status, &*answer.error()), (409, "The last remaining API key cannot be deleted."));
    assert_eq!(answer.json()["statusCode"], 409);
    assert_eq!(ask(&emulator, "DELETE", "/apiKeys/unknown", None).status, 404);
    assert_eq!(list(&emulator).len(), 1);
}

#[test]
fn gives_the_last_key_up_when_told_so() {
    let emulator = Emulator::builder().last_key_can_be_deleted(true).start().unwrap();
    let id = list(&emulator)[0]["id"].clone();
    assert_eq!(ask(&emulator, "DELETE", &format!("/apiKeys/{}", text(&id)), None).status, 204);
    assert_eq!(ask(&emulator, "GET", "/apiKeys", None).status, 401);
    let state = call(&emulator, "GET", "/_emulator/state", &[], None).json();
    assert_eq!(state["keys"], json!([]));
}

#[test]
fn a_key_may_delete_itself() {
    let emulator = Emulator::start().unwrap();
    let created = create(&emulator, "short-lived");
    let (id, key) = (text(&created["id"]), text(&created["apiKey"]));
    assert_eq!(ask_as(&emulator, key, "DELETE", &format!("/apiKeys/{id}"), None).status, 204);
    assert_eq!(ask_as(&emulator, key, "DELETE", &format!("/apiKeys/{id}"), None).status, 401);
}
