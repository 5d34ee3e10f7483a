//! The memory of an emulator.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::bounded::LIMIT;
use crate::support::{Running, program, start};

const REQUESTS: usize = 1_000;

/// The number of clients that read the journal at the same time. A copy of the journal has about 5 MB.
const READERS: usize = 40;

/// The size in bytes of the receive buffer of each of these clients.
const RECEIVE_BUFFER: usize = 16 * 1024;

/// The maximum size in bytes of the segments that these clients receive. The kernel derives the size of the send buffer
/// from it. On the loopback interface, segments are larger by default, and the send buffer has 2.6 MB.
const SEGMENT: u32 = 1_400;

/// The maximum memory of the process in KiB. The emulator needs about 20 MiB, and each request has 4 KiB.
const MAX_KIB: u64 = 100 * 1024;

struct Server {
    process: Running,
    host: String,
}

impl Server {
    /// Starts an emulator that has received [`REQUESTS`] requests.
    fn start() -> Self {
        let mut process = start(program().args(["emulator", "--json"]).stdout(Stdio::piped()));
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap();
        let host = started["baseUrl"].as_str().unwrap().trim_start_matches("http://").to_owned();
        let server = Self { process, host };
        server.send_requests();
        server
    }

    /// Sends requests whose parsed bodies would need about 400 KiB each.
    fn send_requests(&self) {
        let body = format!("[{}{{\"\":0}}]", "{\"\":0},".repeat(580));
        let head = format!("POST /apiKeys HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n", self.host);
        let connection = |is_last: bool| if is_last { "close" } else { "keep-alive" };
        let mut socket = TcpStream::connect(&self.host).unwrap();
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
    }

    /// Asks for the journal on this connection.
    fn ask(&self, mut socket: TcpStream) -> TcpStream {
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        write!(socket, "GET /_emulator/journal HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.host).unwrap();
        socket
    }

    fn kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        memory.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The journal keeps requests without a key, too. Clients that read it slowly do not each need a copy of it.
#[test]
fn the_journal_needs_little_more_memory_than_its_texts() {
    let server = Server::start();
    assert!(server.kib() < MAX_KIB, "{} KiB", server.kib());
    let readers: Vec<TcpStream> = (0..READERS)
        .map(|_| {
            let mut reader = server.ask(with_small_buffer(&server.host));
            reader.read_exact(&mut [0; 100]).unwrap();
            reader
        })
        .collect();
    assert!(server.kib() < MAX_KIB, "{} KiB", server.kib());
    drop(readers);
    let mut journal = String::new();
    server.ask(TcpStream::connect(&server.host).unwrap()).read_to_string(&mut journal).unwrap();
    assert_eq!(journal.matches("\"ended\":\"answered\"").count(), REQUESTS);
}

fn with_small_buffer(host: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
    socket.set_tcp_mss(SEGMENT).unwrap();
    socket.connect(&host.parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.into()
}
