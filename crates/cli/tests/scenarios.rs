//! Runs the files of `tests/scenario` through the command line.

use std::path::Path;

use codat_keys::ErrorKind;
use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{run, with_key};

#[path = "../../../tests/support/scenario.rs"]
mod scenario;

#[test]
fn every_scenario_holds_for_the_command_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenario");
    scenario::run_all(&folder, perform);
}

fn perform(emulator: &Emulator, key: &str, step: &Value) -> Value {
    let arguments = arguments(step);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = run(&mut with_key(emulator.base_url(), key), &words);
    if ended.status == 0 {
        return serde_json::from_str(&ended.stdout).unwrap_or(json!({}));
    }
    assert_eq!(ended.stdout, "", "{arguments:?}");
    assert!(ended.stderr.contains("error: ") && ended.stderr.contains("\nhint: "), "{arguments:?}: {ended:?}");
    let expected = step["expect"]["error"].as_str();
    let kind = ErrorKind::ALL.into_iter().find(|kind| Some(kind.code()) == expected);
    assert_eq!(kind.map(|kind| i32::from(kind.exit_status())), Some(ended.status), "{arguments:?}: {ended:?}");
    step["expect"].clone()
}

fn arguments(step: &Value) -> Vec<String> {
    let text = |member: &str| step[member].as_str().unwrap_or_default();
    let mut arguments = match step["call"].as_str().unwrap() {
        "list" => vec!["list", "--json"],
        "find" => vec!["list", "--json", "--name", text("name")],
        "get" => vec!["show", "--json", text("id")],
        "create" => vec!["create", "--json", text("name")],
        "delete" => vec!["delete", "--yes", text("id")],
        other => panic!("no call {other}"),
    };
    for (member, flag) in [("adopt", "--adopt"), ("allowKeyInUse", "--allow-key-in-use")] {
        arguments.extend((step[member] == true).then_some(flag));
    }
    let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    for (member, option) in [("idempotencyKey", "--idempotency-key"), ("timeout", "--timeout")] {
        let value = step[member].as_str().map(str::to_owned).or(step[member].as_u64().map(|number| number.to_string()));
        arguments.extend(value.map(|value| format!("{option}={value}")));
    }
    arguments
}
