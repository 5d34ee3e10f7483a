//! Output on a terminal: the confirmation of a deletion, tables, and colours unless NO_COLOR is set.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use codat_keys_emulator::Emulator;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

use crate::support::{Running, against, run, start};

/// Runs a command on a terminal and types a line. Returns the exit status and the output.
pub(crate) fn on_a_terminal(command: &mut Command, typed: &str) -> (i32, String) {
    let (mut controller, mut child) = start_on_a_terminal(command);
    controller.write_all(typed.as_bytes()).unwrap();
    let mut shown = Vec::new();
    // On Linux, reading fails when the other side is closed, instead of returning the end of the file.
    let _ = controller.read_to_end(&mut shown);
    (child.wait().unwrap().code().unwrap(), String::from_utf8(shown).unwrap())
}

/// Opens a terminal. Returns its controller and the end for a program.
pub(crate) fn terminal() -> (File, File) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let path = ptsname(&controller, Vec::new()).unwrap();
    let terminal = OpenOptions::new().read(true).write(true).open(path.to_str().unwrap()).unwrap();
    (File::from(controller), terminal)
}

pub(crate) fn start_on_a_terminal(command: &mut Command) -> (File, Running) {
    let (controller, terminal) = terminal();
    let end = |file: &File| Stdio::from(file.try_clone().unwrap());
    let child = start(command.stdin(end(&terminal)).stdout(end(&terminal)).stderr(end(&terminal)));
    // `command` holds copies of the terminal. Reading from the terminal ends only after all copies are closed.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    (controller, child)
}

#[test]
fn delete_asks_and_only_yes_deletes() {
    let emulator = Emulator::start().unwrap();
    run(&mut against(&emulator), &["create", "ci"]);
    let delete = |typed: &str| on_a_terminal(against(&emulator).args(["delete", "ci"]), typed);
    for typed in ["\n", "n\n", "maybe\n"] {
        let (status, shown) = delete(typed);
        assert_eq!(status, 130, "{shown}");
        assert!(shown.contains("for good?") && shown.contains("nothing was deleted"), "{shown}");
    }
    let (status, shown) = delete("y\n");
    assert_eq!(status, 0, "{shown}");
    assert_eq!(run(&mut against(&emulator), &["list"]).stdout.lines().count(), 1);
}

#[test]
fn an_interrupt_at_the_question_deletes_nothing() {
    let emulator = Emulator::start().unwrap();
    run(&mut against(&emulator), &["create", "ci"]);
    let (mut controller, mut child) = start_on_a_terminal(against(&emulator).args(["delete", "ci"]));
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains("for good?") {
        let mut part = [0; 512];
        let length = controller.read(&mut part).unwrap();
        shown.extend_from_slice(&part[..length]);
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(run(&mut against(&emulator), &["list"]).stdout.lines().count(), 2);
}

#[test]
fn list_is_a_table_with_a_heading() {
    let emulator = Emulator::start().unwrap();
    let (status, shown) = on_a_terminal(against(&emulator).arg("list"), "");
    assert_eq!(status, 0);
    assert!(shown.starts_with("ID  ") && shown.contains("IN USE"), "{shown}");
    assert!(!shown.contains('\t') && !shown.contains(emulator.api_key()), "{shown}");
}

/// A server can return a name of any length. The names of the other keys must not be padded to this length.
#[test]
fn one_long_name_does_not_widen_each_row() {
    let name = |number: usize| if number == 7 { "n".repeat(20_000) } else { format!("k{number}") };
    let keys: Vec<_> = (0..1_000)
        .map(|number| json!({ "id": number.to_string(), "name": name(number), "apiKey": format!("MadeUpKey{number:09}") }))
        .collect();
    let list = json!({ "results": keys }).to_string();
    let server = crate::raw_server::RawServer::with_replies(vec![crate::raw_server::json(200, &list)]);
    for command in ["list", "audit"] {
        let (_, shown) = on_a_terminal(crate::support::with_key(&server.url, "MadeUpKey000000000").arg(command), "");
        assert!(shown.contains(&name(7)) && shown.contains("k999  "), "{command}");
        assert!(shown.len() < 500_000, "{command} prints {} bytes", shown.len());
        let position = |id: &str| {
            let row = shown.lines().find(|row| row.starts_with(&format!("{id} "))).unwrap();
            row.find(" no").unwrap()
        };
        assert_eq!(position("8"), position("999"), "the columns of {command} are aligned");
    }
}

#[test]
fn errors_are_coloured_unless_no_color() {
    let emulator = Emulator::start().unwrap();
    let show = |command: &mut Command| on_a_terminal(command.env("TERM", "xterm").args(["show", "nothing"]), "").1;
    assert!(show(&mut against(&emulator)).contains("\u{1b}["));
    let plain = show(against(&emulator).env("NO_COLOR", "1"));
    assert!(!plain.contains('\u{1b}') && plain.starts_with("error: "), "{plain:?}");
}

#[test]
fn json_is_indented_on_a_terminal_and_its_numbers_are_unchanged() {
    let emulator = Emulator::start().unwrap();
    let (status, shown) = on_a_terminal(against(&emulator).args(["list", "--json"]), "");
    assert!(status == 0 && shown.starts_with("{\r\n  \"keys\": [\r\n    {\r\n      \"id\": "), "{shown}");
    let (status, shown) = on_a_terminal(against(&emulator).args(["show", "none", "--json"]), "");
    assert!(status == 7 && shown.starts_with("{\r\n  \"error\": {\r\n    \"code\": \"not_found\""), "{shown}");

    let body = r#"{"b" :[1.10,{},[ ],{"a":"x,\"{\\"}],"a":12345678901234567890.10}"#;
    let pretty = [
        "{",
        "  \"b\": [",
        "    1.10,",
        "    {},",
        "    [],",
        "    {",
        "      \"a\": \"x,\\\"{\\\\\"",
        "    }",
        "  ],",
        "  \"a\": 12345678901234567890.10",
        "}",
        "",
    ];
    let server = crate::raw_server::RawServer::with_replies(vec![crate::raw_server::json(200, body)]);
    let mut command = crate::support::with_key(&server.url, "MadeUpKey");
    let (status, shown) = on_a_terminal(command.args(["api", "/x"]), "");
    assert_eq!((status, shown.as_str()), (0, pretty.join("\r\n").as_str()));
}
