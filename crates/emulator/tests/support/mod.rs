//! A small HTTP/1.1 client on a raw socket. It shares no HTTP or Base64 code with the emulator.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use codat_keys_emulator::Emulator;
use serde_json::Value;

use crate::openapi::check_response;

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    /// Returns the value of a header, which must occur at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} occurs twice");
        value
    }

    pub(crate) fn number(&self, header: &str) -> u64 {
        self.header(header).unwrap().parse().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns the field `error` of an error body.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

/// A connection for several requests.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(emulator: &Emulator) -> Connection {
        let stream = TcpStream::connect(emulator.base_url().strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Connection(BufReader::new(stream))
    }

    /// Sends a request and reads its response.
    pub(crate) fn send(&mut self, request: &[u8]) -> Response {
        self.write(request);
        self.read(!request.starts_with(b"HEAD "))
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    pub(crate) fn read(&mut self, with_body: bool) -> Response {
        let status = self.line().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut response = Response { status, headers, body: String::new() };
        if with_body && status != 204 {
            let body = match response.header("transfer-encoding") {
                Some(_) => self.chunks(),
                None => self.bytes(usize::try_from(response.number("content-length")).unwrap()),
            };
            response.body = String::from_utf8(body).unwrap();
        }
        response
    }

    /// Reads a body with the transfer coding `chunked`.
    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line(), 16).unwrap();
            body.extend(self.bytes(length));
            assert_eq!(self.line(), "");
            if length == 0 {
                return body;
            }
        }
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Reads until the connection is closed or reset.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.0.read_to_end(&mut bytes) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("not closed: {error}"),
            _ => bytes,
        }
    }

    pub(crate) fn read_exact(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// Sends a request on a new connection. Adds a `Host` unless `headers` contains one. Checks the response of a control
/// against the description of the controls.
pub(crate) fn send_with_headers(
    emulator: &Emulator,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> Response {
    let response = Connection::open(emulator).send(request(method, target, headers, body).as_bytes());
    if target.starts_with("/_emulator/") {
        check_response(method, target, &response);
    }
    response
}

pub(crate) fn request(method: &str, target: &str, headers: &[(&str, &str)], body: Option<&str>) -> String {
    let mut request = format!("{method} {target} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request += "Host: 127.0.0.1\r\n";
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if let Some(body) = body {
        request += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    request + "\r\n" + body.unwrap_or_default()
}

/// Returns a request with the emulator's first key, as text.
pub(crate) fn own_request(emulator: &Emulator, method: &str, target: &str, body: Option<&str>) -> String {
    request(method, target, &[("Authorization", &basic(emulator.api_key()))], body)
}

/// Sends a request and reads until the connection is closed or reset.
pub(crate) fn read_until_closed(emulator: &Emulator, request: &str) -> Vec<u8> {
    let mut connection = Connection::open(emulator);
    connection.write(request.as_bytes());
    connection.read_to_end()
}

/// Sends `POST /apiKeys` with an idempotency key.
pub(crate) fn post(emulator: &Emulator, idempotency_key: &str, body: &str) -> Response {
    Connection::open(emulator).send(post_request(emulator, idempotency_key, body).as_bytes())
}

/// Returns the request of [`post`] as text.
pub(crate) fn post_request(emulator: &Emulator, idempotency_key: &str, body: &str) -> String {
    let headers = [("Authorization", &*basic(emulator.api_key())), ("Idempotency-Key", idempotency_key)];
    request("POST", "/apiKeys", &headers, Some(body))
}

/// Sends a request with the emulator's first key.
pub(crate) fn send(emulator: &Emulator, method: &str, target: &str, body: Option<&str>) -> Response {
    send_with_key(emulator, emulator.api_key(), method, target, body)
}

pub(crate) fn send_with_key(
    emulator: &Emulator,
    key: &str,
    method: &str,
    target: &str,
    body: Option<&str>,
) -> Response {
    send_with_headers(emulator, method, target, &[("Authorization", &basic(key))], body)
}

/// Creates a key and returns its JSON.
pub(crate) fn create(emulator: &Emulator, name: &str) -> Value {
    let response = send(emulator, "POST", "/apiKeys", Some(&serde_json::json!({ "name": name }).to_string()));
    assert_eq!(response.status, 201, "{}", response.body);
    response.json()
}

pub(crate) fn list(emulator: &Emulator) -> Vec<Value> {
    send(emulator, "GET", "/apiKeys", None).json()["results"].as_array().unwrap().clone()
}

pub(crate) fn set_state(emulator: &Emulator, state: &Value) -> Response {
    send_with_headers(emulator, "PUT", "/_emulator/state", &[], Some(&state.to_string()))
}

pub(crate) fn requests(emulator: &Emulator) -> Vec<Value> {
    send_with_headers(emulator, "GET", "/_emulator/journal", &[], None).json()["requests"].as_array().unwrap().clone()
}

/// Returns the names of all keys in the state. Faults do not affect this request.
pub(crate) fn names(emulator: &Emulator) -> Vec<Value> {
    let state = send_with_headers(emulator, "GET", "/_emulator/state", &[], None).json();
    state["keys"].as_array().unwrap().iter().map(|key| key["name"].clone()).collect()
}

/// Waits until a condition is true.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(20), "the condition does not hold in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn basic(key: &str) -> String {
    format!("Basic {}", base64(key.as_bytes()))
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().chain([&0, &0]).take(3).fold(0, |group, byte| group << 8 | usize::from(*byte));
        for place in 0..4 {
            let digit = DIGITS[group >> (18 - 6 * place) & 63];
            text.push(if place <= chunk.len() { digit.into() } else { '=' });
        }
    }
    text
}

/// Waits if it is almost midnight UTC, when the count of requests is reset.
pub(crate) fn avoid_midnight() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let left = 86_400 - now % 86_400;
    if left < 30 {
        std::thread::sleep(Duration::from_secs(left));
    }
}
