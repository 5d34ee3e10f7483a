//! Tests of `portal` and of the page of an emulator: how they start, open and end.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use codat_keys_emulator::Emulator;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bounded::{LIMIT, wait_until};
use crate::raw_server::{RawServer, Reply, json};
use crate::support::{PROGRAM, against, clear_environment, program, run, start, with_key};
use crate::terminal::start_on_a_terminal;

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
        let mut command = with_key(&server.url, "MadeUpKeyA000000000000000000000000000000");
        let command = command.args(["portal", "--no-open"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = start(command);
        let link = link_in(child.stdout.as_mut().unwrap());
        let opened = answer(&link, "GET", "", "");
        let cookie = opened.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap();
        let (origin, _) = link.split_once("/developers").unwrap();
        let page = answer(&format!("{origin}/developers/api-keys"), "GET", &format!("Cookie: {cookie}\r\n"), "");
        let token = page.split("data-token=\"").nth(1).unwrap().split('"').next().unwrap();
        let (path, form) = match method {
            "POST" => ("keys", format!("token={token}&name=new")),
            _ => ("keys/b/revoke", format!("token={token}&confirm=ci")),
        };
        let headers = format!("Cookie: {cookie}\r\nOrigin: {origin}\r\nSec-Fetch-Site: same-origin\r\n");
        let url = format!("{origin}/developers/api-keys/{path}");
        let changes = std::thread::spawn(move || answer(&url, "POST", &headers, &form));
        wait_until("the change is sent", || server.requests().iter().any(|request| request.starts_with(method)));
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(9), "{said}");
        assert!(said.contains("it is unknown whether the change took effect"), "{said}");
        assert_eq!(said.contains("the idempotency key was "), method == "POST", "{said}");
        changes.join().unwrap();
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
