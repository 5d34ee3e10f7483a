//! Tests of `doctor`: the report, which contains no secret, and the exit status.

use codat_keys_emulator::Emulator;

use crate::raw_server::{RawServer, Reply, json};
use crate::support::{Ended, against, program, run, with_key};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";
/// From Python: base64.b64encode(KEY).
const HEADER: &str = "Basic TWFkZVVwS2V5QTAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA==";

/// Returns the text of a line of the report.
fn report_line<'a>(ended: &'a Ended, what: &str) -> &'a str {
    let line = ended.stdout.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no line {what}: {ended:?}")).trim()
}

fn dated(date: &str) -> Reply {
    let body = format!(r#"{{"results":[{{"id":"a","apiKey":"{KEY}","createdDate":"2020-01-01T00:00:00Z"}}]}}"#);
    let head =
        format!("HTTP/1.1 200 OK\r\ndate: {date}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    Reply::Bytes((head + &body).into_bytes())
}

#[test]
fn a_healthy_set_up_is_reported_without_its_key() {
    let emulator = Emulator::start().unwrap();
    let ended = run(&mut against(&emulator), &["doctor"]);
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""), "{ended:?}");
    assert!(!ended.stdout.contains(emulator.api_key()), "{ended:?}");
    for (what, part) in [
        ("CODAT_API_KEY", "in use: a raw key, ****"),
        ("CODAT_AUTH_HEADER", "not set"),
        ("CODAT_API_KEY_FILE", "not set"),
        ("base URL", emulator.base_url()),
        ("base URL", "(CODAT_BASE_URL)"),
        ("TLS", "none"),
        ("proxy", "none"),
        ("answers", "HTTP 200 after "),
        ("clock", "as the server's"),
        ("rate limit", " of 6000 requests left, whole again at "),
        ("keys", "1 of 10"),
        ("key in use", "(no name), 0 days old"),
        ("problems", "none"),
    ] {
        assert!(report_line(&ended, what).contains(part), "{what}: {ended:?}");
    }
}

#[test]
fn doctor_reports_the_state_of_each_source() {
    let emulator = Emulator::start().unwrap();
    emulator_with(&emulator, KEY);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "another-made-up-key\n").unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let doctor = |more: &[(&str, &str)]| {
        let mut command = program();
        command.env("CODAT_BASE_URL", emulator.base_url()).env("CODAT_AUTH_HEADER", HEADER);
        run(command.envs(more.iter().copied()), &["doctor"])
    };
    let ended = doctor(&[]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(report_line(&ended, "CODAT_AUTH_HEADER"), "in use: a whole header, ****0000");

    let ended = doctor(&[("CODAT_API_KEY", KEY)]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(report_line(&ended, "CODAT_AUTH_HEADER"), "passed over: it holds the same key as CODAT_API_KEY");

    let ended = doctor(&[("CODAT_API_KEY", KEY), ("CODAT_API_KEY_FILE", file.to_str().unwrap())]);
    assert_eq!(ended.status, 4, "{ended:?}");
    assert_eq!(report_line(&ended, "CODAT_API_KEY_FILE"), "passed over: it holds another key than CODAT_API_KEY");
    assert_eq!(report_line(&ended, "CODAT_API_KEY"), "not used: a raw key, ****0000");
    assert!(report_line(&ended, "problem").contains("hold different keys"), "{ended:?}");
}

/// A pipe can be read only once, so the report leaves its content to the client.
#[cfg(unix)]
#[test]
fn doctor_leaves_a_pipe_to_the_client() {
    let emulator = Emulator::start().unwrap();
    emulator_with(&emulator, KEY);
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("key");
    assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().unwrap().success());
    let doctor = |timeout| {
        let mut command = program();
        command.env("CODAT_BASE_URL", emulator.base_url()).env("CODAT_API_KEY_FILE", &pipe);
        run(&mut command, &["doctor", "--timeout", timeout])
    };
    let ended = doctor("1");
    assert_eq!(ended.status, 10, "{ended:?}");
    assert!(report_line(&ended, "problem").contains("no whole key came within 1s"), "{ended:?}");

    let write = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, KEY).unwrap()
    });
    let ended = doctor("60");
    write.join().unwrap();
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(report_line(&ended, "CODAT_API_KEY_FILE").contains("is a pipe"), "{ended:?}");
    assert!(report_line(&ended, "key in use").contains("(no name)"), "{ended:?}");
}

fn emulator_with(emulator: &Emulator, key: &str) {
    let body = format!(r#"{{"keys":[{{"apiKey":"{key}"}}]}}"#);
    let put = ["api", "PUT", "/_emulator/state", "--input", "-"];
    assert_eq!(crate::support::run_with_input(&mut against(emulator), &put, &body).status, 0);
}

#[test]
fn the_first_problem_is_the_exit_status() {
    let emulator = Emulator::start().unwrap();
    let url = emulator.base_url();
    let mut no_key = program();
    no_key.env("CODAT_BASE_URL", url);
    let mut bad_url = against(&emulator);
    bad_url.env("CODAT_BASE_URL", "http://api.example");
    let closed_port = with_key("http://127.0.0.1:1", KEY);
    for (mut command, status, problem) in [
        (no_key, 4, "no API key was given"),
        (with_key(url, "\"quoted\""), 4, "has quotes around it"),
        (with_key(url, KEY), 4, "Codat does not accept the API key (HTTP 401;"),
        (bad_url, 2, "would send the key unencrypted"),
        (closed_port, 10, "no connection to http://127.0.0.1:1 could be made"),
        (with_key(&RawServer::with_replies(vec![json(200, "<html>")]).url, KEY), 10, "cannot be read"),
        (with_key(&RawServer::with_replies(vec![json(200, r#"{"results":[]}"#)]).url, KEY), 7, "not in the list"),
    ] {
        let ended = run(&mut command, &["doctor"]);
        assert_eq!(ended.status, status, "{ended:?}");
        assert!(report_line(&ended, "problem").contains(problem), "{ended:?}");
        assert!(ended.stderr.starts_with("error: ") && !ended.stdout.contains(KEY), "{ended:?}");
    }
}

#[test]
fn clock_skew_and_the_age_of_the_key_are_reported() {
    let server = RawServer::with_replies(vec![dated("Wed, 01 Jan 2020 00:00:00 GMT")]);
    let ended = run(&mut with_key(&server.url, KEY), &["doctor"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(
        report_line(&ended, "clock").starts_with('+') && report_line(&ended, "clock").ends_with("`create` misjudges"),
        "{ended:?}"
    );
    assert!(report_line(&ended, "key in use").split_once(", ").unwrap().1.ends_with(" days old"), "{ended:?}");
    assert_eq!(report_line(&ended, "rate limit"), "the responses contain none");
}

#[test]
fn a_slow_response_is_not_clock_skew_and_a_429_reports_the_rate_limit() {
    let emulator = Emulator::start().unwrap();
    let faults = r#"{"faults":[{"fault":"delay-before","milliseconds":2500,"skip":1},{"fault":"status","status":429,"retryAfter":"3600","skip":1}]}"#;
    emulator.set_faults(faults).unwrap();
    let ended = run(&mut against(&emulator), &["doctor"]);
    assert_eq!(report_line(&ended, "clock"), "as the server's", "{ended:?}");
    assert_eq!(ended.status, 8, "{ended:?}");
    assert!(report_line(&ended, "rate limit").contains(" of 6000 requests left"), "{ended:?}");
}

#[test]
fn a_proxy_is_reported_without_its_password() {
    let mut command = with_key("https://api.example", KEY);
    command.env("HTTPS_PROXY", "http://user:MadeUpPassword@127.0.0.1:1");
    let ended = run(&mut command, &["doctor", "--timeout", "1"]);
    assert_eq!(report_line(&ended, "proxy"), "http://127.0.0.1:1 (HTTPS_PROXY)", "{ended:?}");
    assert_eq!(report_line(&ended, "TLS"), "rustls, bundled roots", "{ended:?}");
    assert!(!format!("{ended:?}").contains("MadeUpPassword"), "{ended:?}");
}

#[test]
fn the_key_limit_and_an_impossible_date_are_reported() {
    let key = |number: usize| {
        format!(r#"{{"id":"k{number}","apiKey":"MadeUpKey{number}","createdDate":"2125-01-01T00:00:00Z"}}"#)
    };
    let mut keys: Vec<String> = (1..10).map(key).collect();
    keys.push(format!(r#"{{"id":"own","apiKey":"{KEY}","createdDate":"0001-01-01T00:00:00"}}"#));
    let server = RawServer::with_replies(vec![json(200, &format!(r#"{{"results":[{}]}}"#, keys.join(",")))]);
    let ended = run(&mut with_key(&server.url, KEY), &["doctor"]);
    let full = "10 of 10, the most that Codat allows: delete one before you create or replace one";
    assert_eq!(report_line(&ended, "keys"), full, "{ended:?}");
    let age = ", of unknown age: its date, 0001-01-01T00:00:00Z, is impossible";
    assert!(report_line(&ended, "key in use").ends_with(age), "{ended:?}");
}

#[test]
fn a_key_that_is_listed_twice_counts_once() {
    let key = |id: usize, key: &str| format!(r#"{{"id":"k{id}","apiKey":"{key}"}}"#);
    let mut keys: Vec<String> = (1..9).map(|number| key(number, &format!("MadeUpKey{number}"))).collect();
    keys.extend([key(9, KEY), key(9, "MadeUpKey****")]);
    let server = RawServer::with_replies(vec![json(200, &format!(r#"{{"results":[{}]}}"#, keys.join(",")))]);
    let ended = run(&mut with_key(&server.url, KEY), &["doctor"]);
    assert_eq!(report_line(&ended, "keys"), "9 of 10", "{ended:?}");
}
