//! `refuse`: connections that are closed, and others that are not let in.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use codat_keys_emulator::Emulator;
use serde_json::json;

use crate::support::{Connection, ask, create, own_request, requests, wait_until};

fn address(emulator: &Emulator) -> &str {
    emulator.base_url().strip_prefix("http://").unwrap()
}

fn refuse(emulator: &Emulator, milliseconds: u32) {
    let script = json!({"faults": [{"fault": "refuse", "milliseconds": milliseconds}]});
    emulator.set_faults(&script.to_string()).unwrap();
}

#[test]
fn refuses_for_a_time_and_comes_back_on_the_same_port() {
    let emulator = Emulator::start().unwrap();
    let mut idle = Connection::open(&emulator);
    let profile = own_request(&emulator, "GET", "/profile", None);
    assert_eq!(idle.send(profile.as_bytes()).status, 200);

    refuse(&emulator, 700);
    let started = Instant::now();
    let mut last = Connection::open(&emulator);
    let answer = last.send(own_request(&emulator, "POST", "/apiKeys", None).as_bytes());
    assert_eq!((answer.status, answer.header("connection")), (201, Some("close")));
    assert!(last.rest().is_empty() && idle.rest().is_empty(), "both are closed");
    let refused = TcpStream::connect(address(&emulator));
    if started.elapsed() < Duration::from_millis(700) {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }

    wait_until(|| TcpStream::connect(address(&emulator)).is_ok());
    assert!(started.elapsed() >= Duration::from_millis(700));
    create(&emulator, "afterwards");
    let journal = requests(&emulator);
    assert_eq!((&journal[1]["fault"], &journal[1]["ended"]), (&json!("refuse"), &json!("answered")));
    assert_eq!(journal.len(), 3);
}

#[test]
fn a_request_that_is_running_is_answered_all_the_same() {
    let emulator = Emulator::start().unwrap();
    let script = json!({"faults": [
        {"path": "/profile", "fault": "delay-before", "milliseconds": 300},
        {"path": "/apiKeys", "fault": "refuse", "milliseconds": 10},
    ]});
    emulator.set_faults(&script.to_string()).unwrap();
    let mut running = Connection::open(&emulator);
    let started = Instant::now();
    running.write(own_request(&emulator, "GET", "/profile", None).as_bytes());
    wait_until(|| requests(&emulator).len() == 1);
    assert_eq!(ask(&emulator, "GET", "/apiKeys", None).status, 200);
    let in_time = started.elapsed() < Duration::from_millis(250);
    let answer = running.read(true);
    assert_eq!(answer.status, 200);
    assert!(answer.header("connection") == Some("close") || !in_time);
}

#[test]
fn ends_while_it_refuses() {
    let emulator = Emulator::start().unwrap();
    refuse(&emulator, 60_000);
    assert_eq!(ask(&emulator, "GET", "/profile", None).status, 200);
    let port = address(&emulator).rsplit(':').next().unwrap().parse().unwrap();
    drop(emulator);
    Emulator::builder().port(port).start().unwrap();
}
