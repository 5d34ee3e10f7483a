//! Tests of `emulator verify`, against the emulator and against servers that differ from it in one row.

use std::collections::{BTreeSet, HashSet};
use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use codat_keys_emulator::{BEHAVIOURS, Emulator};
use serde_json::{Value, json};

use crate::raw_server::{RawServer, Reply};
use crate::support::{Ended, against, run, with_key};
use crate::verify_proxy::{Change, NO_RESPONSE, change, proxy};

const VERIFY: [&str; 4] = ["emulator", "verify", "--yes", "--json"];

/// Runs the command, and returns its exit status and its report.
fn verify(url: &str, key: &str) -> (Ended, Value) {
    let ended = run(&mut with_key(url, key), &VERIFY);
    let report = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    (ended, report)
}

fn rows(report: &Value) -> impl Iterator<Item = (&str, &str, &str)> {
    let rows = report["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["row"].as_str().unwrap(), row["outcome"].as_str().unwrap(), row["seen"].as_str().unwrap()))
}

fn with_outcome<'a>(report: &'a Value, outcome: &str) -> BTreeSet<&'a str> {
    rows(report).filter(|(_, of, _)| *of == outcome).map(|(row, ..)| row).collect()
}

fn names(emulator: &Emulator) -> Vec<Value> {
    emulator.state()["keys"].as_array().unwrap().iter().map(|key| key["name"].clone()).collect()
}

fn creations(emulator: &Emulator) -> usize {
    let journal = emulator.journal();
    let is_creation = |request: &&Value| {
        request["method"] == "POST" && request["status"] == 201 && request["replayed"] != json!(true)
    };
    journal.iter().filter(is_creation).count()
}

#[test]
fn every_row_of_the_emulator_is_as_assumed() {
    let emulator = Emulator::builder().companies(3).start().unwrap();
    run(&mut against(&emulator), &["create", "in-use-elsewhere"]);
    let before = emulator.state()["keys"].clone();
    emulator.clear_journal();
    let (ended, report) = verify(emulator.base_url(), emulator.api_key());
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""), "{report:#}");
    assert_eq!(with_outcome(&report, "differs"), BTreeSet::new(), "{report:#}");
    let all: Vec<&str> = rows(&report).map(|(row, ..)| row).collect();
    assert_eq!(all, BEHAVIOURS.iter().map(|behaviour| behaviour.name).collect::<Vec<_>>());
    assert!(with_outcome(&report, "as_assumed").len() > 45, "{report:#}");
    assert_eq!(emulator.state()["keys"], before);
    let requests = emulator.journal().len();
    assert!((40..=60).contains(&requests), "{requests}");
    assert_eq!((report["requests"].as_u64(), creations(&emulator)), (Some(requests as u64), 2));
    assert!(report["baseUrl"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{report}");
}

#[test]
fn without_json_the_report_is_lines_and_the_plan_comes_first() {
    let emulator = Emulator::start().unwrap();
    let ended = run(&mut against(&emulator), &VERIFY[..3]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(ended.stdout.lines().count(), BEHAVIOURS.len(), "{ended:?}");
    let line = ended.stdout.lines().find(|line| line.starts_with("new-key\t")).unwrap();
    assert_eq!(line, "new-key\tassumed\tas_assumed\tvalid at the first request\tA new key is valid immediately.");
    let plan = ended.stderr.find("at most 60 requests").unwrap();
    assert!(ended.stderr[..plan].contains(emulator.base_url()), "{ended:?}");
    assert!(ended.stderr.contains("the name codat-keys-verify~2"), "{ended:?}");
    assert!(ended.stderr.contains("created 2 keys, and deleted them"), "{ended:?}");
}

#[test]
fn exec_runs_it_against_an_emulator_of_its_own() {
    let ended = run(
        &mut crate::support::program(),
        &["emulator", "exec", "--", crate::support::PROGRAM, "emulator", "verify", "--yes"],
    );
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.stdout.contains("as_assumed"), "{ended:?}");
}

/// Every row that is tried is reported if an API differs from it, also if it differs from no other row.
#[test]
fn each_difference_is_reported_and_no_key_is_left() {
    let emulator = Emulator::start().unwrap();
    let (_, report) = verify(emulator.base_url(), emulator.api_key());
    let tried: Vec<String> = with_outcome(&report, "as_assumed").into_iter().map(str::to_owned).collect();
    for rows in tried.chunks(8) {
        thread::scope(|scope| {
            for row in rows {
                scope.spawn(|| check_difference(row, change(row)));
            }
        });
    }
}

fn check_difference(row: &str, change: Change) {
    let emulator = Emulator::start().unwrap();
    let server = proxy(&emulator, change);
    let (ended, report) = verify(&server.url, emulator.api_key());
    let (_, outcome, seen) = rows(&report).find(|(of, ..)| *of == row).unwrap();
    assert_eq!((outcome, ended.status), ("differs", 3), "{row}: {seen}: {report:#} {}", ended.stderr);
    assert!(!seen.is_empty(), "{row}");
    assert_eq!(names(&emulator), [Value::Null], "{row}: a key is left");
    assert!(creations(&emulator) <= 2, "{row}: {} keys were created", creations(&emulator));
    assert!(server.requests().len() <= 60, "{row}: {} requests", server.requests().len());
}

#[test]
fn a_late_key_is_reported_with_its_delay() {
    let emulator = Emulator::start().unwrap();
    let fault = json!({ "fault": "key-works-after", "method": "POST", "milliseconds": 400 });
    emulator.set_faults(&json!([fault]).to_string()).unwrap();
    let (ended, report) = verify(emulator.base_url(), emulator.api_key());
    let (_, outcome, seen) = rows(&report).find(|(row, ..)| *row == "new-key").unwrap();
    assert_eq!((outcome, ended.status), ("differs", 3), "{report:#}");
    assert!(seen.starts_with("valid after ") && seen.ends_with(" s"), "{seen}");
    assert_eq!(names(&emulator), [Value::Null]);
}

#[test]
fn a_lost_response_to_the_creation_leaves_no_key() {
    for fault in [
        json!({ "fault": "drop-after", "method": "POST" }),
        json!({ "fault": "garbage", "method": "POST" }),
        json!({ "fault": "late", "method": "POST", "milliseconds": 500 }),
        json!({ "fault": "status", "status": 503, "effect": "now", "method": "POST" }),
        json!({ "fault": "status", "status": 500, "effect": "now", "method": "POST" }),
    ] {
        let emulator = Emulator::start().unwrap();
        emulator.set_faults(&json!([fault]).to_string()).unwrap();
        let ended = run(&mut against(&emulator), &VERIFY);
        assert_ne!(ended.status, 0, "{fault}: {ended:?}");
        assert_eq!(names(&emulator), [Value::Null], "{fault}: {ended:?}");
        assert!(creations(&emulator) <= 2 && emulator.journal().len() <= 60, "{fault}");
    }
}

#[test]
fn a_failed_deletion_is_repeated_and_then_reported() {
    let emulator = Emulator::start().unwrap();
    let fault = |count: u32| json!([{ "fault": "status", "status": 503, "method": "DELETE", "path": "/apiKeys/*", "count": count }]);
    emulator.set_faults(&fault(1).to_string()).unwrap();
    let ended = run(&mut against(&emulator), &VERIFY);
    assert_eq!(ended.status, 10, "{ended:?}");
    assert_eq!(names(&emulator), [Value::Null], "{ended:?}");

    emulator.set_faults(&fault(100).to_string()).unwrap();
    emulator.clear_journal();
    let ended = run(against(&emulator).env("NO_COLOR", "1"), &VERIFY[..3]);
    assert_eq!(ended.status, 10, "{ended:?}");
    assert_eq!(names(&emulator).len(), 3);
    for key in &emulator.state()["keys"].as_array().unwrap()[1..] {
        let id = key["id"].as_str().unwrap();
        assert!(ended.stderr.contains(&format!("delete it: codat-keys delete --id {id}")), "{ended:?}");
    }
    assert!(emulator.journal().len() <= 60);
}

/// Starts a server whose lists contain no created key. The first deletions get the status, and have no effect.
fn with_stale_lists(emulator: &Emulator, deletions: usize, status: u16) -> RawServer {
    let failed = AtomicUsize::new(0);
    proxy(
        emulator,
        Box::new(move |exchange| {
            let is_deletion = exchange.request.method == "DELETE";
            if is_deletion && failed.fetch_add(1, Ordering::SeqCst) < deletions {
                let mut response = exchange.get("/profile");
                response.error(status);
                return response;
            }
            let is_list = exchange.request.is("GET", "/apiKeys");
            let mut response = exchange.forward();
            if is_list {
                response.edit(|body| {
                    if let Some(keys) = body["results"].as_array_mut() {
                        keys.truncate(1);
                    }
                });
            }
            response
        }),
    )
}

/// A list that is older than the keys does not confirm that they were deleted.
#[test]
fn a_key_is_not_reported_as_deleted_because_a_list_does_not_contain_it() {
    thread::scope(|scope| {
        for status in [403, 500, 503, NO_RESPONSE] {
            scope.spawn(move || check_failed_deletions(status));
        }
    });
}

fn check_failed_deletions(status: u16) {
    let emulator = Emulator::start().unwrap();
    let server = with_stale_lists(&emulator, usize::MAX, status);
    let ended = run(with_key(&server.url, emulator.api_key()).env("NO_COLOR", "1"), &VERIFY[..3]);
    assert_ne!(ended.status, 0, "{status}: {ended:?}");
    assert!(!ended.stderr.contains("and deleted"), "{status}: {ended:?}");
    assert_eq!(names(&emulator).len(), 3, "{status}: {ended:?}");
    for key in &emulator.state()["keys"].as_array().unwrap()[1..] {
        let id = key["id"].as_str().unwrap();
        let left = format!("this key may be left: {id}; delete it: codat-keys delete --id {id}");
        assert!(ended.stderr.contains(&left), "{status}: {ended:?}");
    }
    assert!(server.requests().len() <= 60, "{status}");
}

/// A 404 can be the response of a server that does not know the new key yet.
#[test]
fn a_404_counts_as_a_deletion_only_after_a_second_list() {
    let emulator = Emulator::start().unwrap();
    // The probe of the deletion, and one deletion of each of the two keys.
    let server = with_stale_lists(&emulator, 3, 404);
    let ended = run(&mut with_key(&server.url, emulator.api_key()), &VERIFY[..3]);
    assert_eq!(names(&emulator), [Value::Null], "{ended:?}");
    assert!(ended.stderr.contains("created 2 keys, and deleted them"), "{ended:?}");

    let server = with_stale_lists(&emulator, usize::MAX, 404);
    run(&mut with_key(&server.url, emulator.api_key()), &VERIFY[..3]);
    let requests = server.requests();
    let deletions = requests.iter().filter(|request| request.starts_with("DELETE")).count();
    assert_eq!(deletions, 5, "{requests:?}");
}

/// A server that answers a creation with an existing key must not make the command delete this key.
#[test]
fn a_key_that_existed_before_is_never_deleted() {
    let emulator = Emulator::start().unwrap();
    run(&mut against(&emulator), &["create", "foreign"]);
    let server = proxy(
        &emulator,
        Box::new(|exchange| match exchange.request.method.as_str() {
            "POST" if exchange.request.is_valid_name() => {
                let list = exchange.get("/apiKeys");
                if list.status != 200 {
                    return list;
                }
                let keys: Value = serde_json::from_str(&list.body).unwrap();
                crate::verify_proxy::Response { status: 201, body: keys["results"][1].to_string(), ..list }
            }
            _ => exchange.forward(),
        }),
    );
    let ended = run(&mut with_key(&server.url, emulator.api_key()), &VERIFY);
    assert_eq!(names(&emulator), [Value::Null, json!("foreign")], "{ended:?}");
    assert_eq!(ended.status, 3, "{ended:?}");
    assert!(!server.requests().iter().any(|request| request.starts_with("DELETE")), "{:?}", server.requests());
}

#[test]
fn nine_keys_are_refused_before_any_change() {
    let emulator = Emulator::start().unwrap();
    let keys: Vec<Value> = (0..9)
        .map(|number| match number {
            0 => json!({ "apiKey": emulator.api_key() }),
            _ => json!({ "name": "other", "apiKey": format!("MadeUpKey{number:031}") }),
        })
        .collect();
    emulator.set_state(&json!({ "keys": keys }).to_string()).unwrap();
    let ended = run(&mut against(&emulator), &VERIFY[..3]);
    assert_eq!(ended.status, 5, "{ended:?}");
    assert!(ended.stderr.contains("there are 9 keys of at most 10"), "{ended:?}");
    let journal = emulator.journal();
    assert!(journal.len() == 1 && journal[0]["method"] == "GET", "{journal:?}");
}

#[test]
fn without_a_terminal_it_needs_yes() {
    let emulator = Emulator::start().unwrap();
    let ended = run(&mut against(&emulator), &["emulator", "verify"]);
    assert_eq!(ended.status, 2, "{ended:?}");
    assert!(ended.stderr.contains("add --yes"), "{ended:?}");
    assert!(emulator.journal().is_empty());
}

#[test]
fn the_options_of_emulator_are_refused() {
    let emulator = Emulator::start().unwrap();
    let ended = run(&mut against(&emulator), &["emulator", "--seed", "1", "verify", "--yes"]);
    assert_eq!(ended.status, 2, "{ended:?}");
    assert!(emulator.journal().is_empty());
}

#[test]
fn a_rejected_key_is_one_clear_error() {
    let emulator = Emulator::start().unwrap();
    let ended = run(&mut with_key(emulator.base_url(), "MadeUpKeyThatDoesNotExist"), &VERIFY);
    assert_eq!((ended.status, ended.stdout.as_str()), (4, ""), "{ended:?}");
    let error: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!(error["error"]["code"], "unauthorized", "{error}");
    assert_eq!(emulator.journal().len(), 1);
}

#[test]
fn a_429_ends_it_and_the_keys_are_deleted() {
    let emulator = Emulator::start().unwrap();
    let fault =
        json!([{ "fault": "status", "status": 429, "retryAfter": "60", "method": "DELETE", "path": "/apiKeys/*" }]);
    emulator.set_faults(&fault.to_string()).unwrap();
    let (ended, report) = verify(emulator.base_url(), emulator.api_key());
    assert_eq!(ended.status, 8, "{ended:?}");
    assert!(with_outcome(&report, "not_tried").contains("delete"), "{report:#}");
    assert_eq!(names(&emulator), [Value::Null]);
}

/// The keys, and their encoded forms, are searched for in all output of a run in which the server repeats them.
#[test]
fn no_key_is_printed() {
    let emulator = Emulator::start().unwrap();
    let server = proxy(
        &emulator,
        Box::new(|exchange| {
            let echo = exchange.request.authorization.clone();
            let mut response = exchange.forward();
            if response.status >= 400 {
                let raw = crate::verify_proxy::key_of(&echo);
                response.edit(|body| body["error"] = json!(format!("{echo} {raw} was refused")));
            }
            if let Ok(key) = serde_json::from_str::<Value>(&response.body)
                && response.status == 201
            {
                response.set_header("x-rate-limit-limit", key["apiKey"].as_str().unwrap());
            }
            response
        }),
    );
    for arguments in [&VERIFY[..3], &VERIFY] {
        let ended = run(&mut with_key(&server.url, emulator.api_key()), arguments);
        let output = format!("{}{}", ended.stdout, ended.stderr);
        let mut keys: HashSet<String> = HashSet::from([emulator.api_key().to_owned()]);
        for request in server.requests() {
            keys.extend(crate::verify_proxy::key_in(&request));
        }
        assert!(keys.len() > 3, "{keys:?}");
        for key in keys.iter().filter(|key| key.len() > 8) {
            let forms = [key.clone(), STANDARD.encode(key), STANDARD.encode(format!("{key}:"))];
            assert!(forms.iter().all(|form| !output.contains(form.as_str())), "{output}");
        }
    }
}

#[cfg(unix)]
mod on_unix {
    use std::io::Write as _;
    use std::process::Stdio;

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;
    use crate::bounded::wait_until;
    use crate::support::start;
    use crate::terminal::start_on_a_terminal;

    /// Sends a signal while a request that has the fault is running.
    fn stopped_at(fault: &Value, signal: Signal, is_at: impl Fn(&Value) -> bool) -> (Emulator, i32, String) {
        let emulator = Emulator::start().unwrap();
        emulator.set_faults(&json!([fault]).to_string()).unwrap();
        let mut command = against(&emulator);
        let command = command.args(VERIFY).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = start(command);
        wait_until("the request has arrived", || emulator.journal().iter().any(&is_at));
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        (emulator, ended.status.code().unwrap(), stderr)
    }

    #[test]
    fn a_signal_deletes_the_keys_and_ends_with_its_status() {
        let slow = |method: &str, path: &str, skip: u32| json!({ "fault": "delay-after", "milliseconds": 1000, "method": method, "path": path, "skip": skip });
        for (fault, signal, status) in [
            (slow("POST", "/apiKeys", 0), Signal::INT, 130),
            (slow("POST", "/apiKeys", 2), Signal::TERM, 143),
            (slow("DELETE", "/apiKeys/*", 0), Signal::INT, 130),
        ] {
            let (emulator, ended, stderr) = stopped_at(&fault, signal, |request| request["fault"].is_string());
            assert_eq!(ended, status, "{fault}: {stderr}");
            assert!(stderr.contains("and deleted"), "{fault}: {stderr}");
            assert_eq!(names(&emulator), [Value::Null], "{fault}: {stderr}");
        }
    }

    #[test]
    fn a_signal_before_the_first_key_changes_nothing() {
        let fault = json!({ "fault": "delay-after", "milliseconds": 5000, "method": "GET", "path": "/profile" });
        let (emulator, status, stderr) = stopped_at(&fault, Signal::INT, |request| request["fault"].is_string());
        assert_eq!((status, creations(&emulator)), (130, 0), "{stderr}");
        assert!(stderr.contains("nothing was changed"), "{stderr}");
    }

    #[test]
    fn it_asks_on_a_terminal_and_prints_a_table() {
        let emulator = Emulator::start().unwrap();
        for (typed, status, requests) in [("n\n", 130, 0), ("y\n", 0, 40)] {
            let (mut controller, mut child) = start_on_a_terminal(against(&emulator).args(&VERIFY[..2]));
            controller.write_all(typed.as_bytes()).unwrap();
            let mut shown = Vec::new();
            let _ = controller.read_to_end(&mut shown);
            let shown = String::from_utf8(shown).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(status), "{shown}");
            assert!(shown.contains("Continue? [y/N]"), "{shown}");
            assert_eq!(shown.contains("OUTCOME"), status == 0, "{shown}");
            assert!(emulator.journal().len() >= requests, "{shown}");
        }
        assert_eq!(names(&emulator), [Value::Null]);
    }
}

/// A server that hangs does not make the command send more requests.
#[test]
fn a_server_that_does_not_respond_is_one_error() {
    let server = RawServer::with_replies(vec![Reply::Disconnect]);
    let ended = run(&mut with_key(&server.url, "MadeUpKeyA000000000000000000000000000000"), &VERIFY);
    assert_eq!((ended.status, server.requests().len()), (10, 1), "{ended:?}");
}
