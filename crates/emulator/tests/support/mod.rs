//! A small HTTP/1.1 client on a bare socket, so that the tests share no HTTP or Base64 code with what they test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    request += "\r\n";
    request += body.unwrap_or_default();
    Connection::open(emulator).send(request.as_bytes())
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
