//! Start and shutdown of the emulator.

use std::io::ErrorKind;
use std::thread;

use codat_keys_emulator::Emulator;

use crate::support::{Connection, basic, send, wait_until};

fn port(emulator: &Emulator) -> u16 {
    emulator.base_url().rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn dropping_it_closes_open_connections_and_frees_the_port() {
    let emulator = Emulator::start().unwrap();
    let mut idle = Connection::open(&emulator);
    let authorization = basic(emulator.api_key());
    let request = format!("GET /apiKeys HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n\r\n");
    assert_eq!(idle.send(request.as_bytes()).status, 200);
    let mut unfinished = Connection::open(&emulator);
    unfinished.write(b"POST /apiKeys HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
    let port = port(&emulator);

    let stopping = thread::spawn(move || drop(emulator));
    wait_until(|| stopping.is_finished());
    let next = Emulator::builder().port(port).start().unwrap();
    assert_eq!(send(&next, "GET", "/apiKeys", None).status, 200);
}

#[test]
fn a_port_in_use_is_an_error() {
    let emulator = Emulator::start().unwrap();
    let error = Emulator::builder().port(port(&emulator)).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn it_starts_and_stops_in_async_code() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let emulator = Emulator::start().unwrap();
        assert_eq!(send(&emulator, "GET", "/profile", None).status, 200);
        let taken = Emulator::builder().port(port(&emulator)).start();
        assert!(taken.is_err());
    });
}

#[test]
fn debug_prints_the_address_and_no_key() {
    let emulator = Emulator::start().unwrap();
    let shown = format!("{emulator:?}");
    assert!(shown.contains(emulator.base_url()) && !shown.contains(emulator.api_key()));
    assert!(emulator.base_url().starts_with("http://127.0.0.1:"));
}

#[test]
fn the_same_seed_gives_the_same_keys_and_ids() {
    let run = |errors: usize| {
        let emulator = Emulator::builder().seed(42).start().unwrap();
        (0..errors).for_each(|_| assert_eq!(send(&emulator, "GET", "/nowhere", None).status, 404));
        let created = crate::support::create(&emulator, "seeded");
        let correlation_id = send(&emulator, "GET", "/nowhere", None).json()["correlationId"].clone();
        (emulator.api_key().to_owned(), created["apiKey"].clone(), created["id"].clone(), correlation_id)
    };
    let (first, second, with_errors) = (run(0), run(0), run(3));
    assert_eq!(first, second);
    assert_eq!((&first.0, &first.1, &first.2), (&with_errors.0, &with_errors.1, &with_errors.2));
    assert_ne!(Emulator::start().unwrap().api_key(), Emulator::start().unwrap().api_key());
}
