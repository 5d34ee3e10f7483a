//! One key through every command: it comes out where that was asked for, and nowhere else.

use codat_keys_emulator::Emulator;

use crate::stand_in::{Answer, StandIn, json};
use crate::support::{Ended, against, program, run, run_with_input, start, with_key};

const CANARY: &str = "CanaryKeyMadeUpForThisTest00000000000Zq7";
/// From Python: base64.b64encode(CANARY), without what the padding decides.
const ENCODED: &str = "Q2FuYXJ5S2V5TWFkZVVwRm9yVGhpc1Rlc3QwMDAwMDAwMDAwMFpxN";

fn is_silent(ended: &Ended) {
    for secret in [CANARY, ENCODED] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{ended:?}");
    }
}

#[test]
fn no_command_prints_a_key_unasked() {
    let list = format!(
        r#"{{"results":[{{"id":"a","name":"of {CANARY}","apiKey":"{CANARY}"}},{{"id":"b","name":"ci","apiKey":"{CANARY}x"}}]}}"#
    );
    let page = format!(r#"{{"totalResults":1,"results":[{{"apiKey":"{CANARY}y","echo":"Basic {ENCODED}w=="}}]}}"#);
    let header = format!("HTTP/1.1 200 OK\r\nx-echo: {CANARY}\r\nx-basic: {ENCODED}w==\r\n\r\n<p>{CANARY}");
    let echo = format!(r#"{{"error":"{CANARY}","correlationId":"{ENCODED}w==","statusCode":400}}"#);
    let commands: [&[&str]; 19] = [
        &["api", "GET", "/apiKeys"],
        &["api", "GET", "/apiKeys", "--include"],
        &["api", "POST", "/apiKeys"],
        &["api", "GET", "/companies", "--paginate", "--jsonl"],
        &["doctor"],
        &["doctor", "--json"],
        &["audit"],
        &["audit", "--json"],
        &["whoami"],
        &["list"],
        &["list", "--json"],
        &["show", "a"],
        &["show", "a", "--json"],
        &["create", "ci"],
        &["create", "ci", "--json"],
        &["delete", "b", "--yes"],
        &["delete", "b", "--yes", "--json"],
        &["show", CANARY],
        &["delete", CANARY, "--yes"],
    ];
    for command in commands {
        for answers in [
            vec![json(200, &list)],
            vec![json(200, &list), json(200, &list), json(500, &echo)],
            vec![json(200, &list), json(401, &echo)],
            vec![json(400, &echo)],
            vec![json(200, &echo)],
            vec![json(200, &page)],
            vec![Answer::Bytes(header.clone().into_bytes())],
        ] {
            let server = StandIn::answering(answers);
            is_silent(&run(&mut with_key(&server.url, CANARY), command));
            #[cfg(target_os = "linux")]
            is_silent(&crate::home::Home::new().login(&server.url, CANARY, &[]));
        }
    }
    for wrong in [format!("Bearer {CANARY}"), format!("Basic {CANARY}"), format!("{CANARY}\n"), format!("{ENCODED}w==")]
    {
        for command in ["list", "doctor"] {
            is_silent(&run(program().env("CODAT_API_KEY", &wrong), &[command]));
            is_silent(&run(program().env("CODAT_AUTH_HEADER", &wrong), &[command]));
        }
        is_silent(&run_with_input(&mut program(), &["header"], &format!("{wrong}\n")));
    }
}

#[test]
fn a_server_cannot_move_the_cursor() {
    let list = r#"{"results":[{"id":"a\u001b[2J","name":"b\u001b]0;x\u0007","apiKey":"k"}]}"#;
    let error = r#"{"error":"\u001b[2Jhello"}"#;
    for answer in [list, error] {
        let server = StandIn::answering(vec![json(if answer == list { 200 } else { 500 }, answer)]);
        let ended = run(&mut with_key(&server.url, "k"), &["list"]);
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains('\u{1b}'), "{ended:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let emulator = Emulator::start().unwrap();
    for arguments in [&["list"][..], &["completions", "bash"], &["--help"]] {
        let mut child = start(against(&emulator).args(arguments).stdout(std::process::Stdio::piped()));
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
    }
}
