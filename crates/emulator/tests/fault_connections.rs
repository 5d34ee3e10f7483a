//! The fault `refuse`, which closes connections and refuses new ones.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use codat_keys_emulator::Emulator;
use serde_json::json;

use crate::support::{Connection, create, own_request, requests, send, wait_until};

fn address(emulator: &Emulator) -> &str {
    emulator.base_url().strip_prefix("http://").unwrap()
}

fn refuse(emulator: &Emulator, milliseconds: u32) {
    let script = json!({"faults": [{"fault": "refuse", "milliseconds": milliseconds}]});
    emulator.set_faults(&script.to_string()).unwrap();
}

#[test]
fn refuse_closes_and_reopens_the_port() {
    let emulator = Emulator::start().unwrap();
    let mut idle = Connection::open(&emulator);
    let profile = own_request(&emulator, "GET", "/profile", None);
    assert_eq!(idle.send(profile.as_bytes()).status, 200);

    refuse(&emulator, 700);
    let started = Instant::now();
    let mut last = Connection::open(&emulator);
    let response = last.send(own_request(&emulator, "POST", "/apiKeys", None).as_bytes());
    assert_eq!((response.status, response.header("connection")), (201, Some("close")));
    assert!(last.read_to_end().is_empty() && idle.read_to_end().is_empty(), "both connections are closed");
    let rejected = TcpStream::connect(address(&emulator));
    if started.elapsed() < Duration::from_millis(700) {
        assert_eq!(rejected.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }

    wait_until(|| TcpStream::connect(address(&emulator)).is_ok());
    assert!(started.elapsed() >= Duration::from_millis(700));
    create(&emulator, "afterwards");
    let journal = requests(&emulator);
    assert_eq!((&journal[1]["fault"], &journal[1]["ended"]), (&json!("refuse"), &json!("answered")));
    assert_eq!(journal.len(), 3);
}

#[test]
fn refuse_does_not_interrupt_running_requests() {
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
    assert_eq!(send(&emulator, "GET", "/apiKeys", None).status, 200);
    let in_time = started.elapsed() < Duration::from_millis(250);
    let response = running.read(true);
    assert_eq!(response.status, 200);
    assert!(response.header("connection") == Some("close") || !in_time);
}

#[test]
fn the_emulator_stops_while_connections_are_refused() {
    let emulator = Emulator::start().unwrap();
    refuse(&emulator, 60_000);
    assert_eq!(send(&emulator, "GET", "/profile", None).status, 200);
    let port = address(&emulator).rsplit(':').next().unwrap().parse().unwrap();
    drop(emulator);
    Emulator::builder().port(port).start().unwrap();
}
