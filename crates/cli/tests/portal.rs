//! Tests of `portal` and of the page of an emulator: how they start, open and end.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;

use codat_keys_emulator::Emulator;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bounded::{LIMIT, wait_until};
use crate::raw_server::{RawServer, Reply, json};
use crate::support::{PROGRAM, Running, against, clear_environment, program, run, start, with_key};
use crate::terminal::{start_on_a_terminal, terminal};

#[test]
fn each_link_opens_once_and_enter_creates_another() {
    let (mut terminal, mut child) = start_on_a_terminal(program().args(["portal", "--demo", "--no-open"]));
    let first = link_in(&mut terminal);
    assert_eq!((status(&first), status(&first)), (200, 401));
    terminal.write_all(b"\n").unwrap();
    let second = link_in(&mut terminal);
    assert_ne!(first, second);
    assert_eq!((status(&first), status(&second), status(&second)), (401, 200, 401));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_browser_gets_the_link_in_a_file_and_not_in_an_argument() {
    let (emulator, folder) = (Emulator::start().unwrap(), tempfile::tempdir().unwrap());
    let browser = folder.path().join("xdg-open");
    let dump = folder.path().join("dump");
    // The script renames the file when it is complete, because the test waits for the file.
    let script = format!(
        "#!/bin/sh\n{{ echo \"$@\"; stat -c %a \"$1\"; cat \"$1\"; }} > {0}.part; mv {0}.part {0}\n",
        dump.display()
    );
    fs::write(&browser, script).unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut child = start(against(&emulator).arg("portal").env("PATH", path).stdout(Stdio::piped()));
    let link = link_in(child.stdout.as_mut().unwrap());
    let token = link.rsplit('/').next().unwrap();
    wait_until("the browser is started", || dump.exists());
    let dump = fs::read_to_string(dump).unwrap();
    let lines: Vec<&str> = dump.lines().collect();
    assert!(!lines[0].contains(token) && lines[1] == "600" && lines[2].contains(&link), "{dump}");
    interrupt(&child);
    child.wait().unwrap();
    assert!(!fs::exists(lines[0]).unwrap(), "it goes with the page");
}

#[test]
fn the_emulator_serves_the_page() {
    let mut child = start(program().args(["emulator", "--json"]).stdout(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let page = said["page"].as_str().unwrap();
    assert_eq!(page, format!("{}/developers/api-keys", said["baseUrl"].as_str().unwrap()));
    assert_eq!(status(page), 200);
    interrupt(&child);
    child.wait().unwrap();

    let within = ["emulator", "exec", "--", "codat-keys", "api", "GET", "/developers/api-keys"];
    let asked = run(&mut program(), &within);
    assert!(asked.status == 0 && asked.stdout.contains("Who are you?"), "{asked:?}");
}

#[test]
fn errors_at_the_start_of_the_page_are_reported() {
    let ended = run(&mut program(), &["portal", "--no-open"]);
    assert_eq!(ended.status, 4, "{ended:?}");
    let emulator = Emulator::start().unwrap();
    let port = emulator.base_url().rsplit(':').next().unwrap();
    let ended = run(&mut against(&emulator), &["portal", "--no-open", "--port", port]);
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.contains("choose another --port"), "{ended:?}");
}

/// Idle clients connect and send nothing, half a head, or half a body.
#[test]
fn idle_connections_do_not_block_the_page() {
    let mut child = start(with_few_files(&["portal", "--demo", "--no-open"]).stdout(Stdio::piped()));
    let link = link_in(child.stdout.as_mut().unwrap());
    let _idle = idle_connections(&link);
    assert_eq!((status(&link), status(&link)), (200, 401));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn idle_connections_do_not_block_the_emulator() {
    let mut child = start(with_few_files(&["emulator", "--json"]).stdout(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let page = said["page"].as_str().unwrap();
    let _idle = idle_connections(page);
    assert_eq!(status(page), 200);
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_key_that_is_listed_twice_counts_once() {
    let key = |id: usize, key: &str| format!(r#"{{"id":"k{id}","apiKey":"{key}"}}"#);
    let mut keys: Vec<String> = (1..10).map(|number| key(number, &format!("MadeUpKey{number}"))).collect();
    keys.push(key(9, "MadeUpKey****"));
    let server = RawServer::with_replies(vec![json(200, &format!(r#"{{"results":[{}]}}"#, keys.join(",")))]);
    let page = OpenPage::start_with(&server.url, "MadeUpKey1");
    let shown = page.get("");
    assert!(shown.contains("9 of 10 keys") && shown.contains("id=\"name\""), "{shown}");
    page.end(Signal::TERM);
}

/// A page repeats each name, and calculates for each key whether it can be deleted.
#[test]
fn a_hostile_list_makes_a_small_page_in_linear_time() {
    let name = "\u{7f}".repeat(4_000);
    let keys: Vec<Value> = (0..1_000)
        .map(|number| serde_json::json!({ "id": number.to_string(), "name": name, "apiKey": "MadeUpKey1" }))
        .collect();
    let list = serde_json::json!({ "results": keys }).to_string();
    let server = RawServer::with_replies(vec![json(200, &list)]);
    let page = OpenPage::start_with(&server.url, "MadeUpKey1");
    let shown = page.get("");
    assert!(
        shown.contains("The last key cannot be revoked") && shown.contains("\\u{7f}") && shown.contains("…"),
        "{}",
        &shown[..1_000]
    );
    assert!(shown.len() < 10_000_000, "{} bytes", shown.len());
    page.end(Signal::TERM);
}

/// Returns the program with a limit of 64 open files.
fn with_few_files(arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    clear_environment(&mut command);
    command.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\"", PROGRAM]).args(arguments);
    command
}

fn idle_connections(url: &str) -> Vec<TcpStream> {
    let host = url.trim_start_matches("http://").split('/').next().unwrap();
    let request = format!("POST /developers/api-keys HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\nhalf");
    let idle = (0..300).map(|number| {
        let mut connection = TcpStream::connect(host).unwrap();
        let _ = connection.write_all(&request.as_bytes()[..[0, 40, request.len()][number % 3]]);
        connection
    });
    idle.collect()
}

#[test]
fn a_change_that_the_page_cancels_at_exit_is_reported() {
    for (signal, method) in
        [(Signal::INT, "POST"), (Signal::TERM, "POST"), (Signal::HUP, "POST"), (Signal::TERM, "DELETE")]
    {
        let server = RawServer::with_handler(move |request| match request.starts_with(method) {
            true => Reply::Hang,
            false => json(
                200,
                r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"},
                    {"id":"b","name":"ci","apiKey":"MadeUpKeyB000000000000000000000000000000"}]}"#,
            ),
        });
        let page = OpenPage::start(&server.url);
        let (path, form) = match method {
            "POST" => ("keys", "name=new"),
            _ => ("keys/b/revoke", "confirm=ci"),
        };
        let change = page.post(path, form);
        wait_until("the change is sent", || server.requests().iter().any(|request| request.starts_with(method)));
        let (status, said) = page.end(signal);
        assert_eq!(status, Some(9), "{said}");
        assert!(said.contains("it is unknown whether the change took effect"), "{said}");
        assert_eq!(said.contains("the idempotency key was "), method == "POST", "{said}");
        let which = if method == "POST" { "the creation of the key new" } else { "the deletion of the key b" };
        assert!(said.contains(which), "{said}");
        change.join().unwrap();
    }
}

/// Enter asks for another link. It cannot be printed if the program that started the page has closed the output.
#[test]
fn a_change_is_reported_if_standard_output_is_closed() {
    let server = RawServer::with_handler(|request| match request.starts_with("POST") {
        true => Reply::Hang,
        false => json(200, r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"}]}"#),
    });
    let (mut controller, terminal) = terminal();
    let mut page = OpenPage::of(with_key(&server.url, "MadeUpKeyA000000000000000000000000000000").stdin(terminal));
    let change = page.post("keys", "name=new");
    wait_until("the change is sent", || server.requests().iter().any(|request| request.starts_with("POST")));
    drop(page.child.stdout.take());
    controller.write_all(b"\n").unwrap();
    let ended = page.child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(9), "{said}");
    assert!(said.contains("the idempotency key was ") && said.contains("the creation of the key new"), "{said}");
    change.join().unwrap();
}

/// The browser may be closed before it shows the outcome of a change. The outcome is then reported at the end.
#[test]
fn an_outcome_that_no_page_has_shown_is_reported_at_exit() {
    for is_shown in [false, true] {
        let emulator = Emulator::start().unwrap();
        let page = OpenPage::start_with(emulator.base_url(), emulator.api_key());
        let created = page.post("keys", "name=new").join().unwrap();
        assert!(created.starts_with("HTTP/1.1 303"), "{created}");
        assert!(!page.get("Purpose: prefetch\r\n").is_empty());
        if is_shown {
            assert!(page.get("").contains("The key was created"));
        }
        let (status, said) = page.end(Signal::TERM);
        assert_eq!((status, said.starts_with("created ")), (Some(0), !is_shown), "{said}");
    }
}

#[test]
fn an_unknown_outcome_that_no_page_has_shown_is_reported_at_exit() {
    for is_shown in [false, true] {
        let server = RawServer::with_handler(|request| match request.starts_with("POST") {
            true => Reply::Disconnect,
            false if request.contains("/apiKeys") && request.starts_with("GET") => {
                json(200, r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"}]}"#)
            }
            false => json(404, "{}"),
        });
        let page = OpenPage::start(&server.url);
        page.post("keys", "name=new").join().unwrap();
        if is_shown {
            assert!(page.get("").contains("idempotency_key"));
        }
        let (status, said) = page.end(Signal::TERM);
        assert_eq!(status, Some(if is_shown { 0 } else { 9 }), "{said}");
        assert_eq!(said.contains("the idempotency key was "), !is_shown, "{said}");
    }
}

/// `codat-keys portal`, and a browser that has opened its link.
struct OpenPage {
    child: Running,
    origin: String,
    cookie: String,
    form_token: String,
}

impl OpenPage {
    fn start(base_url: &str) -> Self {
        Self::start_with(base_url, "MadeUpKeyA000000000000000000000000000000")
    }

    fn start_with(base_url: &str, key: &str) -> Self {
        Self::of(&mut with_key(base_url, key))
    }

    fn of(command: &mut Command) -> Self {
        let mut child = start(command.args(["portal", "--no-open"]).stdout(Stdio::piped()).stderr(Stdio::piped()));
        let link = link_in(child.stdout.as_mut().unwrap());
        let opened = answer(&link, "GET", "", "");
        let cookie = opened.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap().to_owned();
        let (origin, _) = link.split_once("/developers").unwrap();
        let mut page = Self { child, origin: origin.to_owned(), cookie, form_token: String::new() };
        page.form_token = page.get("").split("data-token=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        page
    }

    /// Opens the list of the keys with these header lines.
    fn get(&self, headers: &str) -> String {
        let url = format!("{}/developers/api-keys", self.origin);
        answer(&url, "GET", &format!("Cookie: {}\r\n{headers}", self.cookie), "")
    }

    /// Submits a form, and does not follow the redirect.
    fn post(&self, path: &str, form: &str) -> thread::JoinHandle<String> {
        let Self { origin, cookie, form_token, .. } = self;
        let headers = format!("Cookie: {cookie}\r\nOrigin: {origin}\r\nSec-Fetch-Site: same-origin\r\n");
        let url = format!("{origin}/developers/api-keys/{path}");
        let form = format!("token={form_token}&{form}");
        thread::spawn(move || answer(&url, "POST", &headers, &form))
    }

    /// Ends the program with a signal, and returns its status and standard error.
    fn end(self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let ended = self.child.wait_with_output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    }
}

fn link_in(output: &mut impl std::io::Read) -> String {
    let mut shown = String::new();
    let mut byte = [0];
    loop {
        output.read_exact(&mut byte).unwrap();
        shown.push(char::from(byte[0]));
        let link = shown.lines().map(str::trim).find(|line| line.contains("/open/"));
        if let Some(link) = link.filter(|_| byte[0] == b'\n') {
            return link.to_owned();
        }
    }
}

fn status(url: &str) -> u16 {
    answer(url, "GET", "", "").split(' ').nth(1).unwrap().parse().unwrap()
}

/// Sends a request and returns the part of the response that arrives before the connection ends.
fn answer(url: &str, method: &str, headers: &str, form: &str) -> String {
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut socket = TcpStream::connect(host).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let length = form.len();
    write!(
        socket,
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n{headers}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    )
    .unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}
