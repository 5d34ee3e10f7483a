//! An HTTP server on a raw socket. It shares no code with the emulator and the core, so it also detects errors that both
//! have in common.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The reply of a [`RawServer`] to a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Sends these bytes and closes the connection.
    Bytes(Vec<u8>),
    /// Closes the connection without a response.
    Disconnect,
    /// Sends no response and keeps the connection open.
    Hang,
    /// Sends this head and an endless body.
    Endless(&'static str),
    /// Sends these parts with a pause after each, and closes the connection.
    Slow(Vec<Vec<u8>>, Duration),
}

/// Returns a reply that consists of a status, a JSON body and the length of the body.
pub(crate) fn json(status: u16, body: &str) -> Reply {
    Reply::Bytes(
        format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}

/// A running server. It accepts one request on each connection, and runs until the test process ends.
#[derive(Clone)]
pub(crate) struct RawServer {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl RawServer {
    /// Starts a server that sends `replies` in order. All further requests get the last reply.
    pub(crate) fn with_replies(replies: Vec<Reply>) -> Self {
        Self::start(move |number, _| replies[number.min(replies.len() - 1)].clone())
    }

    /// Starts a server that calls `handler` with the head and the body of each request.
    pub(crate) fn with_handler(handler: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |_, request| handler(request))
    }

    fn start(handler: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Self { url, requests: Arc::default(), connections: Arc::default() };
        let (running, handler) = (server.clone(), Arc::new(handler));
        thread::spawn(move || {
            for (number, connection) in listener.incoming().flatten().enumerate() {
                let (server, handler) = (running.clone(), Arc::clone(&handler));
                server.connections.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    serve(connection, |request| handler(number, request), &server.requests);
                    server.connections.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    /// Returns the number of connections that neither side has closed. The server notices that a client has closed a
    /// connection when it writes.
    pub(crate) fn open_connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Returns the raw heads and bodies of the requests received so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no poison").clone()
    }
}

fn serve(connection: TcpStream, handler: impl Fn(&str) -> Reply, received: &Mutex<Vec<String>>) {
    let Some(request) = read_request(&connection) else { return };
    let reply = handler(&request);
    received.lock().expect("no poison").push(request);
    let mut connection = connection;
    // Write errors are ignored, because a client can close the connection before the end of the response.
    match &reply {
        Reply::Bytes(bytes) => drop(connection.write_all(bytes)),
        Reply::Disconnect => {}
        Reply::Hang => thread::sleep(Duration::from_secs(60)),
        Reply::Slow(parts, pause) => {
            for part in parts {
                if connection.write_all(part).is_err() {
                    return;
                }
                thread::sleep(*pause);
            }
        }
        Reply::Endless(head) => {
            let mut sent = connection.write_all(head.as_bytes());
            while sent.is_ok() {
                sent = connection.write_all(&[b' '; 64 * 1024]);
            }
        }
    }
}

fn read_request(connection: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(connection);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request).ok()? == 0 {
            return None;
        }
    }
    let length = request.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(request + &String::from_utf8_lossy(&body))
}
