//! Responses that contain keys, and responses that must not contain keys.

use codat_keys_portal::{PATH, Role};

use crate::support::{Response, Visitor, emulated, host_of, local, send, set_state, state};

const KEY: &str = "MadeUpKeyOfThePageThatNobodyMaySee000042";
const HEADER: &str = "Basic TWFkZVVwS2V5T2ZUaGVQYWdlVGhhdE5vYm9keU1heVNlZTAwMDA0Mg==";

#[test]
fn no_page_contains_a_key_or_a_header() {
    let emulator = emulated();
    let keys = format!(
        r#"{{"keys":[{{"id":"a","apiKey":"{}"}},{{"id":"b","name":"b","apiKey":"{KEY}"}}]}}"#,
        emulator.api_key()
    );
    set_state(&emulator, &keys);
    let visitor = Visitor::signed_in(&emulator, Role::Administrator);
    visitor.post("/keys", &[("name", "made")]);
    let made = visitor.post(&created(&visitor.get("").body), &[]).body;
    let mut secrets = vec![KEY.to_owned(), HEADER.to_owned(), emulator.api_key().to_owned()];
    secrets.extend(made.lines().map(ToOwned::to_owned));
    for path in ["", "?name=b", "/keys/b/revoke", "/keys/a/revoke", "/portal.js", "/portal.css", "/icon.svg"] {
        let response = visitor.get(path);
        assert_eq!(response.status, 200, "{path}");
        for secret in &secrets {
            let encoded = secret.trim_start_matches("Basic ");
            assert!(!response.body.contains(encoded) && !response.head.contains(encoded), "{path}");
        }
    }
}

/// A message about a key is shown on a later page, when the list can contain a key that occurs in the name.
#[test]
fn a_name_that_becomes_a_key_is_masked_in_a_message() {
    let (emulator, links) = local(false);
    let name = "MadeUpKeyOfALaterList00001";
    let visitor = Visitor::with_link(&emulator, &links);
    visitor.post("/keys", &[("name", name)]);
    let keys = format!(
        r#"{{"keys":[{{"id":"a","apiKey":"{}"}},{{"id":"b","name":"b","apiKey":"{name}"}}]}}"#,
        emulator.api_key()
    );
    set_state(&emulator, &keys);
    let page = visitor.get("").body;
    assert!(page.contains("The key was created") && !page.contains(name), "{page}");
}

/// The message about a creation with an unknown outcome stays on every page, with the name that was typed. Its form
/// would send the name again, and no creation has a name that contains a key.
#[test]
fn a_name_of_an_unknown_creation_that_becomes_a_key_is_not_in_the_page() {
    let emulator = emulated();
    let name = "MadeUpKeyOfALaterList00001";
    let visitor = Visitor::signed_in(&emulator, Role::Administrator);
    emulator.set_faults(r#"{"faults":[{"method":"POST","fault":"drop-after"}]}"#).expect("faults");
    visitor.post("/keys", &[("name", name)]);
    let page = visitor.get("").body;
    assert!(page.contains("idempotency_key") && page.contains(name), "{page}");
    let keys = format!(
        r#"{{"keys":[{{"id":"a","apiKey":"{}"}},{{"id":"b","name":"b","apiKey":"{name}"}}]}}"#,
        emulator.api_key()
    );
    set_state(&emulator, &keys);
    let page = visitor.get("").body;
    assert!(page.contains("/dismiss") && !page.contains(name) && !page.contains("idempotency_key"), "{page}");
}

/// A name can be any text that a user enters. An id can be any text that the emulator's state contains.
#[test]
fn keys_in_names_and_ids_are_masked() {
    let emulator = emulated();
    let own = emulator.api_key();
    let encoded = HEADER.trim_start_matches("Basic ");
    let keys = format!(
        r#"{{"keys":[{{"id":"a","name":"of {KEY}","apiKey":"{own}"}},{{"id":"{KEY}","name":"b","apiKey":"{KEY}"}},
        {{"id":"c","name":"{HEADER}"}},{{"id":"d","name":"{own}"}},{{"id":"e","name":"{} {}"}}]}}"#,
        &KEY[..20],
        &KEY[20..],
    );
    set_state(&emulator, &keys);
    let visitor = Visitor::signed_in(&emulator, Role::Administrator);
    let holds_no_key = |path: &str, response: &Response| {
        for secret in [KEY, encoded, own, &KEY[20..]] {
            assert!(!response.body.contains(secret) && !response.head.contains(secret), "{path}: {}", response.body);
        }
    };
    let page = visitor.get("");
    let masked = ["****</bdi>", "****==</bdi>"].map(|end| page.body.matches(end).count());
    assert_eq!(masked, [3, 1], "{}", page.body);
    holds_no_key("", &page);
    for path in ["/keys/c/revoke", "/keys/d/revoke", "/keys/e/revoke", &format!("/keys/{KEY}/revoke"), ""] {
        holds_no_key(path, &visitor.get(path));
    }
    for id in ["c", KEY] {
        holds_no_key(id, &visitor.post(&format!("/keys/{id}/revoke"), &[("confirm", "wrong")]));
        holds_no_key(id, &visitor.get(""));
    }
    visitor.post("/keys/d/revoke", &[("confirm", "****")]);
    let page = visitor.get("");
    assert!(page.body.contains("The key was revoked"), "confirmed by the name as it is shown: {}", page.body);
    holds_no_key("", &page);
}

#[test]
fn a_created_key_is_returned_once() {
    let emulator = emulated();
    let visitor = Visitor::signed_in(&emulator, Role::Developer);
    visitor.post("/keys", &[("name", "made")]);
    let page = visitor.get("").body;
    assert!(page.contains("The key was created"));
    assert!(!visitor.get("").body.contains("The key was created"), "shown once");
    assert_eq!(visitor.post("/keys/another/created", &[]).status, 404);
    let created_key = visitor.post(&created(&page), &[]);
    let (key, header) = created_key.body.split_once('\n').unwrap_or_default();
    assert!(key.len() == 40 && header.starts_with("Basic "));
    assert_eq!(visitor.post(&created(&page), &[]).status, 404);
}

#[test]
fn a_name_that_contains_a_key_is_not_shown_again() {
    let emulator = emulated();
    set_state(
        &emulator,
        &format!(r#"{{"keys":[{{"id":"a","apiKey":"{}"}},{{"id":"b","apiKey":"{KEY}"}}]}}"#, emulator.api_key()),
    );
    let visitor = Visitor::signed_in(&emulator, Role::Developer);
    let header = HEADER.replace(' ', "+").replace('=', "%3D");
    let unknown = "Basic+TWFkZVVwS2V5T2ZOb2JvZHk%3D";
    let within = format!("Authorization:+{unknown}");
    let other = "MadeUpKeyNotInUse00000000000000000000000";
    let typed =
        [KEY, emulator.api_key(), &format!("of+{KEY}"), &format!("{KEY}{KEY}"), &header, unknown, &within, other];
    for typed in typed {
        visitor.post("/keys", &[("name", typed)]);
        let page = visitor.get("").body;
        assert!(
            page.contains("What you typed holds an API key") && page.contains("name=\"name\" value=\"\""),
            "{page}"
        );
        for secret in [KEY, emulator.api_key(), &HEADER[6..], "TWFkZVVwS2V5T2ZOb2JvZHk", other] {
            assert!(!page.contains(secret), "{page}");
        }
        let searched = visitor.get(&format!("?name={typed}")).body;
        for secret in [KEY, emulator.api_key(), "TWFkZVVwS2V5T2ZOb2JvZHk", other] {
            assert!(!searched.contains(secret), "{searched}");
        }
    }
    assert_eq!(state(&emulator).matches("\"id\"").count(), 2);
}

/// Returns the path from which the page's script fetches the created key.
fn created(page: &str) -> String {
    let (_, path) = page.split_once("data-created=\"").expect("a key that was made");
    path.split('"').next().unwrap_or_default().trim_start_matches(PATH).to_owned()
}

#[test]
fn a_link_can_be_used_once() {
    let (emulator, links) = local(false);
    let head = format!("Host: {}\r\nAccept: text/html\r\n", host_of(&emulator));
    let link = links.create();
    let path = link.trim_start_matches(emulator.base_url());
    assert_eq!(send(&emulator, "GET", path, &head, "").status, 200);
    for path in [path, PATH, &format!("{PATH}/open/{}", "0".repeat(64)), &format!("{PATH}/keys/x/revoke")] {
        let response = send(&emulator, "GET", path, &head, "");
        assert_eq!(response.status, 401, "{path}");
        assert!(response.header("set-cookie").is_none() && !response.body.contains("****"), "{path}");
    }
    let visitor = Visitor::with_link(&emulator, &links);
    assert!(visitor.get("").body.contains("1 of 10 keys"));
}
