//! The rules for keys.

use std::collections::HashSet;
use std::thread;

use codat_keys_emulator::Emulator;
use serde_json::json;

use crate::support::{create, list, send, send_with_headers, send_with_key, set_state, text};

#[test]
fn it_starts_with_one_key_without_a_name() {
    let emulator = Emulator::start().unwrap();
    let keys = list(&emulator);
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["apiKey"], emulator.api_key());
    assert_eq!(keys[0].get("name"), None);
    let date = text(&keys[0]["createdDate"]);
    assert!(date.len() == 20 && date.ends_with('Z') && date.as_bytes()[10] == b'T', "{date}");
}

#[test]
fn keys_are_created_with_and_without_a_name() {
    let emulator = Emulator::start().unwrap();
    for (body, name) in [
        (None, None),
        (Some("{}"), None),
        (Some(r#"{"name":null}"#), None),
        (Some(r#"{"name":""}"#), Some("")),
        (Some(r#"{"name":"twice","other":[1]}"#), Some("twice")),
        (Some(r#"{"name":"twice"}"#), Some("twice")),
    ] {
        let response = send(&emulator, "POST", "/apiKeys", body);
        assert_eq!(response.status, 201, "{body:?}");
        let key = response.json();
        assert_eq!(key.get("name").map(text), name);
        let value = text(&key["apiKey"]);
        assert!(value.len() == 40 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let id = text(&key["id"]);
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(list(&emulator).last(), Some(&key), "the response equals the entry in the list");
    }
}

#[test]
fn the_length_of_a_name_is_counted_in_utf_16_units() {
    let emulator = Emulator::start().unwrap();
    let rockets = "🚀".repeat(25);
    for name in ["x".repeat(50), "é".repeat(50), rockets.clone()] {
        assert_eq!(create(&emulator, &name)["name"], *name);
    }
    for name in ["x".repeat(51), format!("{rockets}x"), "🚀".repeat(26)] {
        let response = send(&emulator, "POST", "/apiKeys", Some(&json!({ "name": name }).to_string()));
        assert_eq!((response.status, &*response.error()), (400, "Max string length (50) for `name` reached."));
    }
    assert_eq!(list(&emulator).len(), 4);
}

#[test]
fn invalid_create_bodies_are_rejected() {
    let emulator = Emulator::start().unwrap();
    let deep = "[".repeat(100_000);
    for body in
        [" ", "{", "null", "[]", "\"name\"", r#"{"name":1}"#, r#"{"name":["x"]}"#, r#"{"name":"\ud800"}"#, &*deep]
    {
        assert_eq!(send(&emulator, "POST", "/apiKeys", Some(body)).status, 400, "{body:.40}");
    }
    assert_eq!(list(&emulator).len(), 1);
}

#[test]
fn there_are_at_most_ten_keys() {
    let emulator = Emulator::start().unwrap();
    for number in 2..=10 {
        create(&emulator, &format!("key {number}"));
    }
    let rejected = send(&emulator, "POST", "/apiKeys", None);
    assert_eq!(rejected.status, 409);
    assert_eq!(rejected.json()["statusCode"], 400);
    assert_eq!(
        rejected.error(),
        "Maximum number of API keys reached. To create a new API key, delete an unused key and try again."
    );
    let long = json!({ "name": "x".repeat(51) }).to_string();
    assert_eq!(send(&emulator, "POST", "/apiKeys", Some(&long)).status, 400);

    let id = list(&emulator)[5]["id"].clone();
    assert_eq!(send(&emulator, "DELETE", &format!("/apiKeys/{}", text(&id)), None).status, 204);
    create(&emulator, "in the free slot");
}

#[test]
fn the_key_limit_holds_for_concurrent_requests() {
    let emulator = Emulator::start().unwrap();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..20).map(|_| scope.spawn(|| send(&emulator, "POST", "/apiKeys", None).status)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 9);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 11);
    let ids: HashSet<String> = list(&emulator).iter().map(|key| text(&key["id"]).to_owned()).collect();
    assert_eq!(ids.len(), 10);
}

#[test]
fn a_key_is_deleted_once() {
    let emulator = Emulator::start().unwrap();
    let created = create(&emulator, "to be deleted");
    let path = format!("/apiKeys/{}", text(&created["id"]));
    let response = send(&emulator, "DELETE", &path, None);
    assert_eq!((response.status, &*response.body, response.header("content-type")), (204, "", None));
    let again = send(&emulator, "DELETE", &path, None);
    assert_eq!((again.status, &*again.error()), (404, "API key not found"));
    assert_eq!(list(&emulator).len(), 1);
}

#[test]
fn errors_do_not_contain_the_requested_id() {
    let emulator = Emulator::start().unwrap();
    let response = send(&emulator, "DELETE", &format!("/apiKeys/{}", emulator.api_key()), None);
    assert_eq!(response.status, 404);
    assert!(!response.body.contains(emulator.api_key()));
}

#[test]
fn ids_are_percent_decoded() {
    let emulator = Emulator::start().unwrap();
    let keys = json!({"keys": [{"id": "an id/é", "apiKey": "made-up-key-one"}, {"apiKey": emulator.api_key()}]});
    assert_eq!(set_state(&emulator, &keys).status, 200);
    assert_eq!(send(&emulator, "DELETE", "/apiKeys/an%20id%2F%C3%A9", None).status, 204);
}

#[test]
fn the_last_key_cannot_be_deleted_by_default() {
    let emulator = Emulator::start().unwrap();
    let id = list(&emulator)[0]["id"].clone();
    let response = send(&emulator, "DELETE", &format!("/apiKeys/{}", text(&id)), None);
    assert_eq!((response.status, &*response.error()), (409, "The last remaining API key cannot be deleted."));
    assert_eq!(response.json()["statusCode"], 409);
    assert_eq!(send(&emulator, "DELETE", "/apiKeys/unknown", None).status, 404);
    assert_eq!(list(&emulator).len(), 1);
}

#[test]
fn the_last_key_can_be_deleted_if_allowed() {
    let emulator = Emulator::builder().last_key_can_be_deleted(true).start().unwrap();
    let id = list(&emulator)[0]["id"].clone();
    assert_eq!(send(&emulator, "DELETE", &format!("/apiKeys/{}", text(&id)), None).status, 204);
    assert_eq!(send(&emulator, "GET", "/apiKeys", None).status, 401);
    let state = send_with_headers(&emulator, "GET", "/_emulator/state", &[], None).json();
    assert_eq!(state["keys"], json!([]));
}

#[test]
fn a_key_can_delete_itself() {
    let emulator = Emulator::start().unwrap();
    let created = create(&emulator, "short-lived");
    let (id, key) = (text(&created["id"]), text(&created["apiKey"]));
    assert_eq!(send_with_key(&emulator, key, "DELETE", &format!("/apiKeys/{id}"), None).status, 204);
    assert_eq!(send_with_key(&emulator, key, "DELETE", &format!("/apiKeys/{id}"), None).status, 401);
}
