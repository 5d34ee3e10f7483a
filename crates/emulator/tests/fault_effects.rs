//! Faults that change the effect of a request. The tests check the state and the journal of the emulator.

use std::time::{Duration, Instant};

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{
    Connection, create, list, names, own_request, post, post_request, read_until_closed, requests, send, send_with_key,
    text, wait_until,
};

const NAMED: &str = r#"{"name":"mine"}"#;

/// Starts an emulator with one fault for the next request that creates a key.
fn with(fault: &Value) -> Emulator {
    let mut fault = fault.clone();
    fault["method"] = json!("POST");
    fault["path"] = json!("/apiKeys");
    Emulator::builder().faults(json!({"faults": [fault]}).to_string()).start().unwrap()
}

fn number_of_keys(emulator: &Emulator) -> usize {
    names(emulator).len()
}

#[test]
fn drop_before_has_no_effect_and_drop_after_has_one() {
    for (fault, keys) in [("drop-before", 1), ("drop-after", 2)] {
        let emulator = with(&json!({ "fault": fault }));
        assert!(read_until_closed(&emulator, &post_request(&emulator, "one", NAMED)).is_empty());
        assert_eq!(number_of_keys(&emulator), keys, "{fault}");
        let entry = &requests(&emulator)[0];
        assert_eq!((entry.get("status"), &entry["ended"], &entry["fault"]), (None, &json!("dropped"), &json!(fault)));

        let again = post(&emulator, "one", NAMED);
        assert_eq!((again.status, number_of_keys(&emulator)), (201, 2));
        assert_eq!(requests(&emulator)[1].get("replayed").is_some(), fault == "drop-after");
    }
}

#[test]
fn delay_before_delays_the_effect_and_delay_after_only_the_response() {
    for (fault, during) in [("delay-before", 1), ("delay-after", 2)] {
        let emulator = with(&json!({"fault": fault, "milliseconds": 300}));
        let mut connection = Connection::open(&emulator);
        let started = Instant::now();
        connection.write(own_request(&emulator, "POST", "/apiKeys", Some(NAMED)).as_bytes());
        wait_until(|| requests(&emulator).len() == 1);
        let (entry, keys) = (requests(&emulator)[0].clone(), number_of_keys(&emulator));
        // On a slow machine, the delay may have ended before the journal is read.
        if started.elapsed() < Duration::from_millis(250) {
            assert_eq!((entry.get("status"), entry.get("ended"), keys), (None, None, during), "{fault}");
        }
        assert_eq!(connection.read(true).status, 201);
        assert!(started.elapsed() >= Duration::from_millis(300));
        assert_eq!((number_of_keys(&emulator), &requests(&emulator)[0]["ended"]), (2, &json!("answered")));
    }
}

#[test]
fn a_disconnect_of_the_client_is_recorded() {
    for fault in ["delay-before", "delay-after"] {
        let emulator = with(&json!({"fault": fault, "milliseconds": 60_000}));
        send_and_disconnect(&emulator);
        wait_until(|| requests(&emulator)[0]["ended"] == "client-closed");
        assert_eq!(requests(&emulator)[0].get("status"), None);
        assert_eq!(post(&emulator, "one", NAMED).status, 409, "the first request is still running");
    }
}

#[test]
fn a_request_is_performed_after_the_client_disconnects() {
    for fault in ["delay-before", "delay-after"] {
        let emulator = with(&json!({"fault": fault, "milliseconds": 300}));
        send_and_disconnect(&emulator);
        wait_until(|| number_of_keys(&emulator) == 2);
        wait_until(|| post(&emulator, "one", NAMED).status == 201);
        assert_eq!(requests(&emulator).last().unwrap()["replayed"], true);
        assert_eq!(number_of_keys(&emulator), 2);
    }
}

fn send_and_disconnect(emulator: &Emulator) {
    let mut connection = Connection::open(emulator);
    connection.write(post_request(emulator, "one", NAMED).as_bytes());
    wait_until(|| requests(emulator).len() == 1);
}

#[test]
fn delays_run_concurrently() {
    let script = json!({"faults": [{"count": 64, "fault": "delay-before", "milliseconds": 600_000}]});
    let emulator = Emulator::builder().faults(script.to_string()).start().unwrap();
    let mut connections: Vec<Connection> = (0..64).map(|_| Connection::open(&emulator)).collect();
    for connection in &mut connections {
        connection.write(own_request(&emulator, "GET", "/profile", None).as_bytes());
    }
    // All requests have arrived, and none has ended.
    wait_until(|| requests(&emulator).len() == 64);
    assert!(requests(&emulator).iter().all(|entry| entry.get("ended").is_none()));
    let seqs: Vec<u64> = requests(&emulator).iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=64).collect::<Vec<u64>>());
}

#[test]
fn late_is_performed_after_the_connection_ends() {
    let emulator = with(&json!({"fault": "late", "milliseconds": 60_000}));
    assert!(read_until_closed(&emulator, &post_request(&emulator, "one", NAMED)).is_empty());
    assert_eq!(requests(&emulator)[0]["ended"], "dropped");
    assert_eq!(post(&emulator, "one", NAMED).status, 409, "the first request is still running");
    assert_eq!(number_of_keys(&emulator), 1);

    let emulator = with(&json!({"fault": "late", "milliseconds": 50}));
    assert!(read_until_closed(&emulator, &post_request(&emulator, "one", NAMED)).is_empty());
    wait_until(|| number_of_keys(&emulator) == 2);
    assert_eq!(post(&emulator, "one", NAMED).status, 201);
    assert_eq!(number_of_keys(&emulator), 2);
}

#[test]
fn a_late_effect_can_wait_for_a_number_of_requests() {
    let status = |from| json!({"fault": "status", "status": 503, "effect": "late", "requests": 2, "from": from});
    for fault in [json!({"fault": "late", "requests": 2}), status("codat"), status("gateway")] {
        let emulator = with(&fault);
        read_until_closed(
            &emulator,
            &post_request(&emulator, "one", NAMED).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
        );
        assert_eq!((list(&emulator).len(), number_of_keys(&emulator)), (1, 1), "{fault}");
        // The effect takes place before this list is returned.
        assert_eq!((list(&emulator).len(), list(&emulator).len()), (2, 2), "{fault}");
    }
}

#[test]
fn twice_creates_two_keys_without_an_idempotency_key() {
    let emulator = with(&json!({"fault": "twice"}));
    let response = send(&emulator, "POST", "/apiKeys", Some(NAMED));
    assert_eq!((names(&emulator), requests(&emulator).len()), (vec![json!(null), json!("mine"), json!("mine")], 1));
    assert_eq!(list(&emulator)[2], response.json(), "the second response is sent");

    let emulator = with(&json!({"fault": "twice"}));
    assert_eq!(post(&emulator, "one", NAMED).status, 201);
    assert_eq!((number_of_keys(&emulator), &requests(&emulator)[0]["replayed"]), (2, &json!(true)));
}

#[test]
fn key_works_after_makes_a_new_key_get_401() {
    let emulator = with(&json!({"fault": "key-works-after", "milliseconds": 300}));
    let started = Instant::now();
    let key = create(&emulator, "not yet valid")["apiKey"].clone();
    let status = || send_with_key(&emulator, text(&key), "GET", "/profile", None).status;
    let first = status();
    assert!(first == 401 || started.elapsed() >= Duration::from_millis(300), "{first}");
    wait_until(|| status() == 200);
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(create(&emulator, "valid")["name"], "valid");
}

#[test]
fn stale_list_returns_the_keys_before_the_last_change() {
    let emulator = Emulator::start().unwrap();
    let stale = || {
        emulator.set_faults(r#"{"faults":[{"method":"GET","path":"/apiKeys","fault":"stale-list"}]}"#).unwrap();
        list(&emulator)
    };
    assert_eq!(stale().len(), 1, "the keys have not changed");
    create(&emulator, "one");
    let before = list(&emulator);
    let id = create(&emulator, "two")["id"].clone();
    assert_eq!(stale(), before);
    assert_eq!(list(&emulator).len(), 3, "the next list is current");
    assert_eq!(send(&emulator, "DELETE", &format!("/apiKeys/{}", text(&id)), None).status, 204);
    assert_eq!(stale().len(), 3);
    emulator.set_faults(r#"{"faults":[{"fault":"stale-list"}]}"#).unwrap();
    assert_eq!(send(&emulator, "GET", "/profile", None).status, 200, "other requests are not affected");
}

#[test]
fn foreign_creator_creates_a_key_before_or_after() {
    for (when, expected) in [("before", ["ci", "mine"]), ("after", ["mine", "ci"])] {
        let emulator = with(&json!({"fault": "foreign-creator", "name": "ci", "when": when}));
        assert_eq!(create(&emulator, "mine")["name"], "mine");
        assert_eq!(names(&emulator)[1..], expected.map(Value::from));
        assert_eq!(requests(&emulator).len(), 1);
    }
    let emulator = with(&json!({"fault": "foreign-creator", "when": "before"}));
    create(&emulator, "mine");
    assert_eq!(names(&emulator), [json!(null), json!(null), json!("mine")]);
}

#[test]
fn foreign_creator_respects_the_key_limit() {
    let emulator = Emulator::start().unwrap();
    (0..8).for_each(|_| drop(create(&emulator, "one more")));
    let script = json!({"faults": [
        {"fault": "foreign-creator", "when": "before"}, {"fault": "foreign-creator", "when": "after"},
    ]});
    emulator.set_faults(&script.to_string()).unwrap();
    assert_eq!(send(&emulator, "POST", "/apiKeys", None).status, 409);
    assert_eq!(send(&emulator, "POST", "/apiKeys", None).status, 409);
    assert_eq!(number_of_keys(&emulator), 10);
}

#[test]
fn at_most_a_thousand_requests_are_delayed() {
    for delay in ["requests", "milliseconds"] {
        let emulator = with(&json!({"fault": "late", delay: 1_000_000, "count": 1_001}));
        let post = own_request(&emulator, "POST", "/apiKeys", Some(NAMED));
        for _ in 0..1_000 {
            assert!(read_until_closed(&emulator, &post).is_empty());
        }
        assert_eq!(number_of_keys(&emulator), 1, "{delay}");
        assert!(read_until_closed(&emulator, &post).is_empty());
        assert_eq!(number_of_keys(&emulator), 2, "{delay}");
    }
}
