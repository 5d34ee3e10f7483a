//! The result of commands whose response is lost, late or endless, and of interrupted commands.

use crate::bounded::wait_until;
use crate::raw_server::{RawServer, Reply, json};
use crate::support::{run, start, with_key};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";
const ONE_KEY: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"}]}"#;
const TWO_KEYS: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"},
    {"id":"b","name":"ci","apiKey":"MadeUpKeyB000000000000000000000000000000"}]}"#;

#[test]
fn a_lost_create_reports_an_unknown_outcome_and_the_candidate() {
    let server =
        RawServer::with_replies(vec![json(200, ONE_KEY), Reply::Disconnect, json(401, ""), json(200, TWO_KEYS)]);
    let ended = run(&mut with_key(&server.url, KEY), &["create", "ci"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (9, ""), "{ended:?}");
    let said =
        ["it is unknown whether the change took effect", "the idempotency key was ", "may be the one: b ****0000"];
    assert!(said.iter().all(|said| ended.stderr.contains(said)), "{ended:?}");
}

#[test]
fn a_lost_delete_reports_an_unknown_outcome() {
    let server =
        RawServer::with_replies(vec![json(200, TWO_KEYS), json(200, TWO_KEYS), Reply::Disconnect, json(401, "")]);
    let ended = run(&mut with_key(&server.url, KEY), &["delete", "b", "--yes"]);
    assert_eq!(ended.status, 9, "{ended:?}");
}

#[test]
fn an_endless_answer_is_an_error() {
    let server = RawServer::with_replies(vec![Reply::Endless("HTTP/1.1 200 OK\r\n\r\n")]);
    let ended = run(&mut with_key(&server.url, KEY), &["list"]);
    assert_eq!(ended.status, 10, "{ended:?}");
    assert!(ended.stderr.starts_with("error: the response is larger than 8 MiB"), "{ended:?}");
}

#[test]
#[cfg(unix)]
fn an_interrupt_ends_a_list_as_cancelled_and_a_create_as_unknown() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::process::Stdio;

    for (arguments, answers, status) in
        [(&["list"][..], vec![Reply::Hang], 130), (&["create", "ci"], vec![json(200, ONE_KEY), Reply::Hang], 9)]
    {
        let waited_for = answers.len();
        let server = RawServer::with_replies(answers);
        let child = start(with_key(&server.url, KEY).args(arguments).stderr(Stdio::piped()));
        wait_until("every request has arrived", || server.requests().len() >= waited_for);
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(status), "{arguments:?}");
        let has_key = String::from_utf8(ended.stderr).unwrap().contains("the idempotency key was ");
        assert_eq!(has_key, status == 9, "{arguments:?}");
    }
}
