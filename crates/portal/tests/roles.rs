//! Access by role.

use codat_keys_portal::Role;

use crate::middleware::CHANGES;
use crate::support::{Visitor, emulated, local, set_state, state};

const PAGES: [&str; 3] = ["", "?name=x", "/keys/an-id/revoke"];

fn set_keys(emulator: &codat_keys_emulator::Emulator) {
    let key = emulator.api_key();
    let keys = format!(
        r#"{{"keys":[{{"id":"first","apiKey":"{key}"}},{{"id":"an-id","name":"doomed","apiKey":"MadeUpKeyThatIsNotForAll"}}]}}"#
    );
    set_state(emulator, &keys);
}

#[test]
fn other_roles_have_no_access() {
    let emulator = emulated();
    set_keys(&emulator);
    let before = state(&emulator);
    for role in Role::ALL.into_iter().filter(|role| !role.manages_keys()) {
        let visitor = Visitor::signed_in(&emulator, role);
        let changes = CHANGES.iter().filter(|(path, _)| !path.starts_with("/sign-"));
        let posted = changes.map(|(path, fields)| visitor.post(&path.replace("{id}", "an-id"), fields));
        for response in PAGES.map(|path| visitor.get(path)).into_iter().chain(posted) {
            assert_eq!(response.status, 403, "{}", role.name());
            assert!(response.body.contains("Only an Administrator or a Developer"), "{}", response.body);
            assert!(!response.body.contains("doomed") && !response.body.contains("****"), "{}", response.body);
        }
    }
    assert_eq!(state(&emulator), before);
}

#[test]
fn administrators_and_developers_have_full_access() {
    for role in [Role::Administrator, Role::Developer] {
        let emulator = emulated();
        set_keys(&emulator);
        let visitor = Visitor::signed_in(&emulator, role);
        assert!(PAGES.iter().all(|path| visitor.get(path).status == 200));
        assert_eq!(visitor.post("/keys/an-id/key", &[]).body, "MadeUpKeyThatIsNotForAll");
        assert_eq!(visitor.post("/keys/an-id/header", &[]).body, "Basic TWFkZVVwS2V5VGhhdElzTm90Rm9yQWxs");
        assert_eq!(visitor.post("/keys", &[("name", "made")]).status, 303);
        assert_eq!(visitor.post("/keys/an-id/revoke", &[("confirm", "doomed")]).status, 303);
        assert!(state(&emulator).contains("made") && !state(&emulator).contains("doomed"));
    }
}

#[test]
fn anonymous_visitors_are_asked_to_sign_in() {
    let emulator = emulated();
    set_keys(&emulator);
    let unknown = Visitor { emulator: &emulator, cookie: "x=y".into(), form_token: String::new() };
    for path in PAGES {
        let response = unknown.get(path);
        assert!(response.body.contains("Who are you?") && !response.body.contains("****"));
    }
    let before = state(&emulator);
    for (path, fields) in CHANGES {
        let response = unknown.post(&path.replace("{id}", "an-id"), fields);
        assert!(!response.body.contains("MadeUp") && !response.body.contains("****"), "{path}");
    }
    assert_eq!(state(&emulator), before);
}

#[test]
fn signing_out_ends_the_session() {
    let emulator = emulated();
    let visitor = Visitor::signed_in(&emulator, Role::Developer);
    assert_eq!(visitor.post("/sign-out", &[]).status, 303);
    assert!(visitor.get("").body.contains("Who are you?"));
    assert_eq!(visitor.post("/keys", &[("name", "made")]).status, 200, "the sign-in page");
    assert!(!state(&emulator).contains("made"));
}

#[test]
fn a_read_only_page_rejects_changes() {
    let (emulator, links) = local(true);
    set_keys(&emulator);
    let (visitor, before) = (Visitor::with_link(&emulator, &links), state(&emulator));
    assert!(visitor.get("").body.contains("it was started with --read-only"));
    for (path, fields) in &CHANGES[..2] {
        assert_eq!(visitor.post(&path.replace("{id}", "an-id"), fields).status, 403);
    }
    assert_eq!(state(&emulator), before);
}
