//! The memory of an emulator.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::Value;

use crate::bounded::LIMIT;
use crate::support::{program, start};

const REQUESTS: usize = 1_000;

/// The number of clients that read the journal at the same time. A copy of the journal has about 5 MB.
const READERS: usize = 40;

/// The maximum memory of the process in KiB. The emulator needs about 20 MiB, and each request has 4 KiB.
const MAX_KIB: u64 = 100 * 1024;

/// The journal keeps requests without a key, too. The parsed values of these bodies need about 400 KiB each.
#[test]
fn the_journal_needs_little_more_memory_than_its_texts() {
    let mut emulator = start(program().args(["emulator", "--json"]).stdout(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(emulator.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let started: Value = serde_json::from_str(&line).unwrap();
    let host = started["baseUrl"].as_str().unwrap().trim_start_matches("http://");
    let body = format!("[{}{{\"\":0}}]", "{\"\":0},".repeat(580));
    let head = format!("POST /apiKeys HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n");
    let connection = |is_last: bool| if is_last { "close" } else { "keep-alive" };
    let mut socket = TcpStream::connect(host).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let mut sender = socket.try_clone().unwrap();
    let sent = std::thread::spawn(move || {
        for number in 1..=REQUESTS {
            let (length, connection) = (body.len(), connection(number == REQUESTS));
            write!(sender, "{head}Connection: {connection}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        }
    });
    let mut answers = String::new();
    socket.read_to_string(&mut answers).unwrap();
    sent.join().unwrap();
    assert_eq!(answers.matches("HTTP/1.1 401").count(), REQUESTS);
    assert!(kib_of(emulator.id()) < MAX_KIB, "{} KiB", kib_of(emulator.id()));
    // Clients that ask for the journal and read its start only.
    let readers: Vec<TcpStream> = (0..READERS)
        .map(|_| {
            let mut socket = TcpStream::connect(host).unwrap();
            socket.set_read_timeout(Some(LIMIT)).unwrap();
            write!(socket, "GET /_emulator/journal HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
            socket.read_exact(&mut [0; 100]).unwrap();
            socket
        })
        .collect();
    assert!(kib_of(emulator.id()) < MAX_KIB, "{} KiB", kib_of(emulator.id()));
    let mut body = String::new();
    readers.into_iter().next_back().unwrap().read_to_string(&mut body).unwrap();
    assert_eq!(body.matches("\"ended\":\"answered\"").count(), REQUESTS);
    emulator.kill().unwrap();
}

fn kib_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    memory.trim().trim_end_matches(" kB").parse().unwrap()
}
