//! Faults that change what happens to the state, judged by the state and the journal.

use std::time::{Duration, Instant};

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{
    Connection, ask, ask_as, create, list, names, own_request, post, post_request, requests, text, until_closed,
    wait_until,
};

const NAMED: &str = r#"{"name":"mine"}"#;

/// An emulator with one fault for the next request that creates a key.
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
fn dropped_before_nothing_happens_and_after_all_but_the_answer() {
    for (fault, keys) in [("drop-before", 1), ("drop-after", 2)] {
        let emulator = with(&json!({ "fault": fault }));
        assert!(until_closed(&emulator, &post_request(&emulator, "one", NAMED)).is_empty());
        assert_eq!(number_of_keys(&emulator), keys, "{fault}");
        let entry = &requests(&emulator)[0];
        assert_eq!((entry.get("status"), &entry["ended"], &entry["fault"]), (None, &json!("dropped"), &json!(fault)));

        let again = post(&emulator, "one", NAMED);
        assert_eq!((again.status, number_of_keys(&emulator)), (201, 2));
        assert_eq!(requests(&emulator)[1].get("replayed").is_some(), fault == "drop-after");
    }
}

#[test]
fn delayed_before_the_effect_waits_and_after_the_answer_only() {
    for (fault, during) in [("delay-before", 1), ("delay-after", 2)] {
        let emulator = with(&json!({"fault": fault, "milliseconds": 300}));
        let mut connection = Connection::open(&emulator);
        let started = Instant::now();
        connection.write(own_request(&emulator, "POST", "/apiKeys", Some(NAMED)).as_bytes());
        wait_until(|| requests(&emulator).len() == 1);
        let (entry, keys) = (requests(&emulator)[0].clone(), number_of_keys(&emulator));
        // A machine that was too busy to look in time proves nothing.
        if started.elapsed() < Duration::from_millis(250) {
            assert_eq!((entry.get("status"), entry.get("ended"), keys), (None, None, during), "{fault}");
        }
        assert_eq!(connection.read(true).status, 201);
        assert!(started.elapsed() >= Duration::from_millis(300));
        assert_eq!((number_of_keys(&emulator), &requests(&emulator)[0]["ended"]), (2, &json!("answered")));
    }
}

#[test]
fn a_client_that_goes_away_is_noticed() {
    for fault in ["delay-before", "delay-after"] {
        let emulator = with(&json!({"fault": fault, "milliseconds": 60_000}));
        send_and_go_away(&emulator);
        wait_until(|| requests(&emulator)[0]["ended"] == "client-closed");
        assert_eq!(requests(&emulator)[0].get("status"), None);
        assert_eq!(post(&emulator, "one", NAMED).status, 409, "its request is still running");
    }
}

#[test]
fn what_a_client_asked_for_is_done_when_it_has_gone_away() {
    for fault in ["delay-before", "delay-after"] {
        let emulator = with(&json!({"fault": fault, "milliseconds": 300}));
        send_and_go_away(&emulator);
        wait_until(|| number_of_keys(&emulator) == 2);
        wait_until(|| post(&emulator, "one", NAMED).status == 201);
        assert_eq!(requests(&emulator).last().unwrap()["replayed"], true);
        assert_eq!(number_of_keys(&emulator), 2);
    }
}

fn send_and_go_away(emulator: &Emulator) {
    let mut connection = Connection::open(emulator);
    connection.write(post_request(emulator, "one", NAMED).as_bytes());
    wait_until(|| requests(emulator).len() == 1);
}

#[test]
fn sixty_four_delays_pass_together() {
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
fn late_is_performed_after_the_connection_has_ended() {
    let emulator = with(&json!({"fault": "late", "milliseconds": 60_000}));
    assert!(until_closed(&emulator, &post_request(&emulator, "one", NAMED)).is_empty());
    assert_eq!(requests(&emulator)[0]["ended"], "dropped");
    assert_eq!(post(&emulator, "one", NAMED).status, 409, "it is still to come");
    assert_eq!(number_of_keys(&emulator), 1);

    let emulator = with(&json!({"fault": "late", "milliseconds": 50}));
    assert!(until_closed(&emulator, &post_request(&emulator, "one", NAMED)).is_empty());
    wait_until(|| number_of_keys(&emulator) == 2);
    assert_eq!(post(&emulator, "one", NAMED).status, 201);
    assert_eq!(number_of_keys(&emulator), 2);
}

#[test]
fn a_late_effect_may_wait_for_requests_in_place_of_time() {
    let status = |from| json!({"fault": "status", "status": 503, "effect": "late", "requests": 2, "from": from});
    for fault in [json!({"fault": "late", "requests": 2}), status("codat"), status("gateway")] {
        let emulator = with(&fault);
        until_closed(
            &emulator,
            &post_request(&emulator, "one", NAMED).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
        );
        assert_eq!((list(&emulator).len(), number_of_keys(&emulator)), (1, 1), "{fault}");
        // The effect takes place before this list is answered.
        assert_eq!((list(&emulator).len(), list(&emulator).len()), (2, 2), "{fault}");
    }
}

#[test]
fn twice_makes_two_keys_unless_the_request_has_an_idempotency_key() {
    let emulator = with(&json!({"fault": "twice"}));
    let answer = ask(&emulator, "POST", "/apiKeys", Some(NAMED));
    assert_eq!((names(&emulator), requests(&emulator).len()), (vec![json!(null), json!("mine"), json!("mine")], 1));
    assert_eq!(list(&emulator)[2], answer.json(), "the second answer is sent");

    let emulator = with(&json!({"fault": "twice"}));
    assert_eq!(post(&emulator, "one", NAMED).status, 201);
    assert_eq!((number_of_keys(&emulator), &requests(&emulator)[0]["replayed"]), (2, &json!(true)));
}

#[test]
fn a_key_that_works_later_gets_401_until_then() {
    let emulator = with(&json!({"fault": "key-works-after", "milliseconds": 300}));
    let started = Instant::now();
    let key = create(&emulator, "sleepy")["apiKey"].clone();
    let status = || ask_as(&emulator, text(&key), "GET", "/profile", None).status;
    let first = status();
    assert!(first == 401 || started.elapsed() >= Duration::from_millis(300), "{first}");
    wait_until(|| status() == 200);
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(create(&emulator, "awake")["name"], "awake");
}

#[test]
fn a_stale_list_lacks_the_newest_change() {
    let emulator = Emulator::start().unwrap();
    let stale = || {
        emulator.set_faults(r#"{"faults":[{"method":"GET","path":"/apiKeys","fault":"stale-list"}]}"#).unwrap();
        list(&emulator)
    };
    assert_eq!(stale().len(), 1, "nothing has changed");
    create(&emulator, "one");
    let before = list(&emulator);
    let id = create(&emulator, "two")["id"].clone();
    assert_eq!(stale(), before);
    assert_eq!(list(&emulator).len(), 3, "the next list is as it should be");
    assert_eq!(ask(&emulator, "DELETE", &format!("/apiKeys/{}", text(&id)), None).status, 204);
    assert_eq!(stale().len(), 3);
    emulator.set_faults(r#"{"faults":[{"fault":"stale-list"}]}"#).unwrap();
    assert_eq!(ask(&emulator, "GET", "/profile", None).status, 200, "other requests are not affected");
}

#[test]
fn a_foreign_creator_comes_before_or_after() {
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
fn a_foreign_creator_may_take_the_tenth_place_but_not_an_eleventh() {
    let emulator = Emulator::start().unwrap();
    (0..8).for_each(|_| drop(create(&emulator, "one more")));
    let script = json!({"faults": [
        {"fault": "foreign-creator", "when": "before"}, {"fault": "foreign-creator", "when": "after"},
    ]});
    emulator.set_faults(&script.to_string()).unwrap();
    assert_eq!(ask(&emulator, "POST", "/apiKeys", None).status, 409);
    assert_eq!(ask(&emulator, "POST", "/apiKeys", None).status, 409);
    assert_eq!(number_of_keys(&emulator), 10);
}
