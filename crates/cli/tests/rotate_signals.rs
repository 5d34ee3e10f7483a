//! A second signal during a rotation, while the report of the first one is blocked: the program ends at once, and another
//! process completes the rotation.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::bounded::wait_until;
use crate::rotate::Account;
use crate::rotate_tools::{Tools, processes};
use crate::signals::fill;
use crate::support::{run, start};

/// Runs a rotation until `is_there`. Then sends the signal until the program ends. Its standard error, to which it writes
/// the report only, is blocked. Returns the exit status.
fn ended_by(mut command: Command, signal: Signal, is_there: impl Fn() -> bool) -> Option<i32> {
    let pipe = std::io::pipe().unwrap();
    fill(&pipe.1);
    let mut rotation = start(command.arg("--json").stdout(Stdio::null()).stderr(pipe.1.try_clone().unwrap()));
    wait_until("the rotation has come so far", is_there);
    wait_until("it has ended", || {
        // The process may have ended already.
        let _ = kill_process(Pid::from_child(&rotation), signal);
        rotation.try_wait().unwrap().is_some()
    });
    rotation.wait().unwrap().code()
}

/// Asserts that the key in the file works, that no other file was left behind, and that another process can complete the
/// rotation.
fn assert_finished_later(account: &Account, files_before: &[String]) {
    assert_eq!(run(&mut account.program(), &["whoami"]).status, 0);
    assert_eq!(names(account), files_before);
    let finished = account.rotate(&["finish"]);
    assert_eq!(finished.status, 0, "{finished:?}");
    assert_eq!((account.read("key"), account.keys().len()), (account.value(&account.newest()), 2));
    assert!(!account.keys().iter().any(|(id, _)| *id == account.old));
}

/// Returns the names of the files and folders next to the key.
fn names(account: &Account) -> Vec<String> {
    let entries = fs::read_dir(account.folder.path()).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn state(account: &Account) -> String {
    let status = account.rotate(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    status["status"]["report"]["state"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_second_signal_ends_a_rotation_that_another_process_finishes() {
    for (signal, number) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        for (method, reached) in [("POST", "create"), ("DELETE", "retire"), ("PUT", "grace")] {
            let account = Account::new();
            let fault = json!([{"method": method, "fault": "delay-before", "milliseconds": 3000}]);
            account.emulator.set_faults(&fault.to_string()).unwrap();
            let mut command = account.program();
            let grace = if reached == "grace" { "1h" } else { "0" };
            command.args(["rotate", "--to", "file:key", "--grace", grace]);
            let ended = ended_by(command, signal, || state(&account) == reached);
            assert_eq!(ended, Some(number), "{reached}");
            assert_finished_later(&account, &["key", "state"].map(str::to_owned));
        }
    }
}

/// SIGQUIT ends the program at once, so it is sent alone.
#[test]
fn a_second_signal_ends_a_command_that_gets_a_key() {
    for (signal, number) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::QUIT, 131)] {
        let tools = Tools::new();
        let before = names(&tools.account);
        // A process with this argument is started by the command.
        let seconds = format!("8{number}{:05}", std::process::id());
        let slow = format!("command:sh -c 'test -e aborting || sleep {seconds}; store put'");
        let mut command = tools.program();
        command.args(["rotate", "--to", "file:key", "--to", &slow, "--read-command", "store get", "--grace", "0"]);
        let ended = ended_by(command, signal, || processes(&format!("sleep\0{seconds}")).len() == 1);
        assert_eq!(ended, Some(number));
        wait_until("the command is killed", || processes(&seconds).is_empty());

        assert_eq!(run(&mut tools.account.program(), &["whoami"]).status, 0);
        fs::write(tools.account.path("aborting"), "").unwrap();
        let mut abort = tools.program();
        let sinks = ["--to", "file:key", "--to", &slow, "--read-command", "store get"];
        let aborted = run(abort.args(["rotate", "abort"]), &sinks);
        assert_eq!(aborted.status, 0, "{aborted:?}");
        let expected = [vec!["aborting".into()], before, vec!["state".into()]].concat();
        assert_eq!((tools.account.keys().len(), names(&tools.account)), (2, expected));
    }
}
