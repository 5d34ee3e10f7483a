//! A small HTTP/1.1 client on a bare socket, so that the tests share no HTTP or Base64 code with what they test.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use codat_keys_emulator::Emulator;
use serde_json::Value;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header that is there at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} came twice");
        value
    }

    pub(crate) fn number(&self, header: &str) -> u64 {
        self.header(header).unwrap().parse().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    /// The member `error` of an error body.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

/// One connection, kept alive.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(emulator: &Emulator) -> Connection {
        let stream = TcpStream::connect(emulator.base_url().strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Connection(BufReader::new(stream))
    }

    /// Sends what is given and reads one answer.
    pub(crate) fn send(&mut self, request: &[u8]) -> Answer {
        self.write(request);
        self.read(!request.starts_with(b"HEAD "))
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    pub(crate) fn read(&mut self, with_body: bool) -> Answer {
        let status = self.line().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut answer = Answer { status, headers, body: String::new() };
        if with_body && status != 204 {
            let mut body = vec![0; usize::try_from(answer.number("content-length")).unwrap()];
            self.0.read_exact(&mut body).unwrap();
            answer.body = String::from_utf8(body).unwrap();
        }
        answer
    }

    /// What comes until the connection is closed or reset.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.0.read_to_end(&mut bytes) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("not closed: {error}"),
            _ => bytes,
        }
    }

    pub(crate) fn some(&mut self, length: usize) -> Vec<u8> {
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

/// One request on a connection of its own. A `Host` is added unless one is given.
pub(crate) fn call(
    emulator: &Emulator,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> Answer {
    Connection::open(emulator).send(request(method, target, headers, body).as_bytes())
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

/// A request with the key that the emulator started with, as text.
pub(crate) fn own_request(emulator: &Emulator, method: &str, target: &str, body: Option<&str>) -> String {
    request(method, target, &[("Authorization", &basic(emulator.api_key()))], body)
}

/// All that comes back until the emulator ends the connection, one way or another.
pub(crate) fn until_closed(emulator: &Emulator, request: &str) -> Vec<u8> {
    let mut connection = Connection::open(emulator);
    connection.write(request.as_bytes());
    connection.rest()
}

/// `POST /apiKeys` under an idempotency key.
pub(crate) fn post(emulator: &Emulator, idempotency_key: &str, body: &str) -> Answer {
    Connection::open(emulator).send(post_request(emulator, idempotency_key, body).as_bytes())
}

/// The same, as text.
pub(crate) fn post_request(emulator: &Emulator, idempotency_key: &str, body: &str) -> String {
    let headers = [("Authorization", &*basic(emulator.api_key())), ("Idempotency-Key", idempotency_key)];
    request("POST", "/apiKeys", &headers, Some(body))
}

/// A request with the key that the emulator started with.
pub(crate) fn ask(emulator: &Emulator, method: &str, target: &str, body: Option<&str>) -> Answer {
    ask_as(emulator, emulator.api_key(), method, target, body)
}

pub(crate) fn ask_as(emulator: &Emulator, key: &str, method: &str, target: &str, body: Option<&str>) -> Answer {
    call(emulator, method, target, &[("Authorization", &basic(key))], body)
}

/// Creates a key and gives its JSON.
pub(crate) fn create(emulator: &Emulator, name: &str) -> Value {
    let answer = ask(emulator, "POST", "/apiKeys", Some(&serde_json::json!({ "name": name }).to_string()));
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()
}

pub(crate) fn list(emulator: &Emulator) -> Vec<Value> {
    ask(emulator, "GET", "/apiKeys", None).json()["results"].as_array().unwrap().clone()
}

pub(crate) fn set_state(emulator: &Emulator, state: &Value) -> Answer {
    call(emulator, "PUT", "/_emulator/state", &[], Some(&state.to_string()))
}

pub(crate) fn requests(emulator: &Emulator) -> Vec<Value> {
    call(emulator, "GET", "/_emulator/journal", &[], None).json()["requests"].as_array().unwrap().clone()
}

/// The names of the keys that there are, whatever a list says.
pub(crate) fn names(emulator: &Emulator) -> Vec<Value> {
    let state = call(emulator, "GET", "/_emulator/state", &[], None).json();
    state["keys"].as_array().unwrap().iter().map(|key| key["name"].clone()).collect()
}

/// What comes true, sooner or later.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(20), "it does not come true");
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

/// For tests that count requests: none of them shall run over midnight UTC, when the count starts again.
pub(crate) fn keep_clear_of_midnight() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let left = 86_400 - now % 86_400;
    if left < 30 {
        std::thread::sleep(Duration::from_secs(left));
    }
}
