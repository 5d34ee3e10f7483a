//! A canary key is used with every command. Only the options that reveal a key print it.

use codat_keys_emulator::Emulator;

use crate::raw_server::{RawServer, Reply, json};
use crate::support::{Ended, against, program, run, run_with_input, start, with_key};

const CANARY: &str = "CanaryKeyMadeUpForThisTest00000000000Zq7";
/// From Python: base64.b64encode(CANARY), without the last characters, which depend on the padding.
const ENCODED: &str = "Q2FuYXJ5S2V5TWFkZVVwRm9yVGhpc1Rlc3QwMDAwMDAwMDAwMFpxN";

fn is_silent(ended: &Ended) {
    for secret in [CANARY, ENCODED] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{ended:?}");
    }
}

#[test]
fn no_command_prints_a_key_without_reveal() {
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
            vec![Reply::Bytes(header.clone().into_bytes())],
        ] {
            let server = RawServer::with_replies(answers);
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

const OTHER: &str = "OtherKeyMadeUpForThisTest000000000000Zq8";
/// From Python: base64.b64encode of OTHER, `OTHER:` and `:OTHER`.
const OTHER_ENCODED: [&str; 3] = [
    "T3RoZXJLZXlNYWRlVXBGb3JUaGlzVGVzdDAwMDAwMDAwMDAwMFpxOA==",
    "T3RoZXJLZXlNYWRlVXBGb3JUaGlzVGVzdDAwMDAwMDAwMDAwMFpxODo=",
    "Ok90aGVyS2V5TWFkZVVwRm9yVGhpc1Rlc3QwMDAwMDAwMDAwMDBacTg=",
];

/// Returns a list of keys whose names and ids contain other keys of the list.
fn list_of_keys_in_names() -> String {
    let escaped: String = OTHER.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let names = [
        CANARY,
        OTHER,
        &format!("Basic {}", OTHER_ENCODED[0]),
        OTHER_ENCODED[1],
        OTHER_ENCODED[2],
        &escaped,
        &format!("{} {}", &OTHER[..20], &OTHER[20..]),
        &format!("{}\\u200b{}", &OTHER[..20], &OTHER[20..]),
    ];
    let keys = names.iter().enumerate().map(|(number, name)| {
        let key = format!("MadeUpKey{number:031}");
        format!(r#"{{"id":"id-{number}","name":"{name}","apiKey":"{key}","createdDate":"2020-01-01T00:00:00Z"}}"#)
    });
    let keys: Vec<String> = keys.collect();
    format!(
        r#"{{"results":[{},{{"id":"{OTHER}","name":"id","apiKey":"{OTHER}"}},{{"id":"own","name":"of {OTHER}","apiKey":"{CANARY}"}}]}}"#,
        keys.join(",")
    )
}

fn holds_no_key(shown: &str) {
    let squeezed: String = shown.chars().filter(char::is_ascii_alphanumeric).collect();
    for secret in [CANARY, OTHER, "4F746865724B6579", ENCODED, &OTHER_ENCODED[0][..40], &OTHER_ENCODED[2][8..50]] {
        assert!(!shown.contains(secret) && !squeezed.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn no_command_prints_a_key_in_a_name_or_an_id() {
    let list = list_of_keys_in_names();
    let commands: [&[&str]; 18] = [
        &["list"],
        &["list", "--json"],
        &["whoami"],
        &["whoami", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["audit", "--max-age", "90d"],
        &["audit", "--max-age", "90d", "--json"],
        &["show", "id-0"],
        &["show", "id-1", "--json"],
        &["show", "id"],
        &["api", "/apiKeys"],
        &["api", "/apiKeys", "--paginate", "--jsonl"],
        &["delete", "id-0", "--yes"],
        &["delete", "id-1", "--yes", "--json"],
        &["delete", "own", "--yes", "--allow-key-in-use"],
        &["create", "ci"],
        &["create", "ci", "--json"],
    ];
    for command in commands {
        let list = list.clone();
        let server = RawServer::with_handler(move |request| match request.split(' ').next() {
            Some("GET") => json(200, &list),
            Some("DELETE") => json(204, ""),
            _ => json(201, &format!(r#"{{"id":"{OTHER}","name":"ci","apiKey":"MadeUpKeyThatIsNew"}}"#)),
        });
        let ended = run(&mut with_key(&server.url, CANARY), command);
        assert!(!ended.stdout.is_empty() || !ended.stderr.is_empty());
        holds_no_key(&format!("{}{}", ended.stdout, ended.stderr));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_confirmation_of_a_deletion_contains_no_key() {
    let list = list_of_keys_in_names();
    for id in ["id-0", "id-1", "id-2", "id"] {
        let server = RawServer::with_replies(vec![json(200, &list)]);
        let mut command = with_key(&server.url, CANARY);
        let (status, shown) = crate::terminal::on_a_terminal(command.args(["delete", id]), "n\n");
        assert!(status == 130 && shown.contains("for good?"), "{shown}");
        holds_no_key(&shown);
    }
}

#[test]
fn candidates_contain_no_key() {
    let before = format!(r#"{{"results":[{{"id":"own","apiKey":"{CANARY}"}},{{"id":"b","apiKey":"{OTHER}"}}]}}"#);
    let new = format!(r#"{{"id":"{OTHER}","name":"ci","apiKey":"MadeUpKeyThatIsNew"}}"#);
    let after = before.replace("]}", &format!(",{new}]}}"));
    for format in [&["create", "ci"][..], &["create", "ci", "--json"]] {
        let (before, after, posted) = (before.clone(), after.clone(), std::sync::atomic::AtomicBool::new(false));
        let server = RawServer::with_handler(move |request| {
            use std::sync::atomic::Ordering::SeqCst;
            match request.starts_with("POST") {
                true => {
                    posted.store(true, SeqCst);
                    json(500, &format!(r#"{{"error":"{OTHER}","statusCode":500,"correlationId":"{OTHER}"}}"#))
                }
                false => json(200, if posted.load(SeqCst) { &after } else { &before }),
            }
        });
        let ended = run(&mut with_key(&server.url, CANARY), format);
        assert_eq!(ended.status, 9, "{ended:?}");
        assert!(ended.stderr.contains("****"), "{ended:?}");
        holds_no_key(&format!("{}{}", ended.stdout, ended.stderr));
    }
}

#[test]
fn printed_headers_contain_no_key() {
    let escaped: String = CANARY.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let answer = format!("HTTP/1.1 200 OK\r\nx-echo: {escaped}\r\ncontent-length: 2\r\n\r\n{{}}");
    let encoded = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {CANARY}\r\ncontent-length: 2\r\n\r\n{{}}");
    for answer in [answer, encoded] {
        let server = RawServer::with_replies(vec![Reply::Bytes(answer.into_bytes())]);
        let ended = run(&mut with_key(&server.url, CANARY), &["api", "/x", "--include"]);
        let shown = format!("{}{}", ended.stdout, ended.stderr);
        assert!(shown.contains("****"), "{shown}");
        holds_no_key(&shown);
        assert!(!shown.contains(&escaped[..30]), "{shown}");
    }
}

#[test]
fn control_characters_of_a_server_are_escaped() {
    let list = r#"{"results":[{"id":"a\u001b[2J","name":"b\u001b]0;x\u0007","apiKey":"k"}]}"#;
    let error = r#"{"error":"\u001b[2Jhello"}"#;
    for answer in [list, error] {
        let server = RawServer::with_replies(vec![json(if answer == list { 200 } else { 500 }, answer)]);
        let ended = run(&mut with_key(&server.url, "k"), &["list"]);
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains('\u{1b}'), "{ended:?}");
    }
}

#[test]
fn a_closed_standard_output_is_not_an_error() {
    let emulator = Emulator::start().unwrap();
    for arguments in [&["list"][..], &["completions", "bash"], &["--help"]] {
        let mut child = start(against(&emulator).args(arguments).stdout(std::process::Stdio::piped()));
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
    }
}
