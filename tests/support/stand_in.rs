//! A server on a raw socket that shares no code with the emulator or the core: what both misread alike shows here.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the stand-in does with a request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Closes without a word.
    Lost,
    /// Says nothing, and leaves the connection open.
    Silence,
    /// Sends a head, and then a body without end.
    Endless(&'static str),
}

/// An answer with a status line, JSON and its length.
pub(crate) fn json(status: u16, body: &str) -> Answer {
    Answer::Bytes(
        format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}

/// Answers each request with the next answer, and with the last one from then on.
pub(crate) struct StandIn {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    pub(crate) fn answering(answers: Vec<Answer>) -> Self {
        Self::serving(move |number, _| answers[number.min(answers.len() - 1)].clone())
    }

    /// Answers each request as it is judged, head and body.
    pub(crate) fn judging(judge: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::serving(move |_, request| judge(request))
    }

    fn serving(judge: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, judge) = (Arc::clone(&requests), Arc::new(judge));
        thread::spawn(move || {
            for (number, connection) in listener.incoming().flatten().enumerate() {
                let (seen, judge) = (Arc::clone(&seen), Arc::clone(&judge));
                thread::spawn(move || serve(connection, |request| judge(number, request), &seen));
            }
        });
        Self { url, requests }
    }

    /// The requests so far, head and body, as they came over the wire.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no poison").clone()
    }
}

fn serve(connection: TcpStream, judge: impl Fn(&str) -> Answer, seen: &Mutex<Vec<String>>) {
    let Some(request) = read_request(&connection) else { return };
    let answer = judge(&request);
    seen.lock().expect("no poison").push(request);
    let mut connection = connection;
    // A client that has had enough closes: that is its right.
    match &answer {
        Answer::Bytes(bytes) => drop(connection.write_all(bytes)),
        Answer::Lost => {}
        Answer::Silence => thread::sleep(Duration::from_secs(60)),
        Answer::Endless(head) => {
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
