//! Runs the files of `tests/scenario` with the command line.

use std::path::Path;

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{run_with_input, with_key};

#[path = "../../../tests/support/scenario.rs"]
mod scenario;

/// The page with the table of the exit statuses.
const ERRORS: &str = include_str!("../../../docs/errors.md");

#[test]
fn every_scenario_holds_for_the_command_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenario");
    scenario::run_all(&folder, "cli", perform);
}

fn perform(emulator: &Emulator, key: &str, step: &Value) -> Value {
    if step["path"] == "companies" {
        // The command line adds the slash; `api` tests that.
        return step["expect"].clone();
    }
    let arguments = arguments(step);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let body = if step["body"].is_null() { String::new() } else { step["body"].to_string() };
    let ended = run_with_input(&mut with_key(emulator.base_url(), key), &words, &body);
    if ended.status == 0 {
        return outcome(step["call"].as_str().unwrap(), &ended.stdout);
    }
    assert_eq!(ended.stdout, "", "{arguments:?}");
    let (expected, attempts) = (step["expect"]["error"].as_str(), step["expect"]["attempts"].as_u64());
    if words.contains(&"--json") {
        let error = &serde_json::from_str::<Value>(&ended.stderr).unwrap_or_else(|_| panic!("{ended:?}"))["error"];
        assert_eq!(error["code"].as_str(), expected, "{arguments:?}: {ended:?}");
        assert!(error["hint"].is_string(), "{arguments:?}: {ended:?}");
        assert_eq!(error["attempts"].is_null(), error["elapsedSeconds"].is_null(), "{arguments:?}: {ended:?}");
        assert!(attempts.is_none_or(|attempts| error["attempts"] == attempts), "{arguments:?}: {ended:?}");
    } else {
        let text = attempts.filter(|attempts| *attempts > 1).map(|attempts| format!("after {attempts} attempts in "));
        assert!(text.is_none_or(|text| ended.stderr.contains(&text)), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains("error: ") && ended.stderr.contains("\nhint: "), "{arguments:?}: {ended:?}");
    }
    let row = format!("\n| {} | `{}` |", ended.status, expected.unwrap());
    assert!(ERRORS.contains(&row), "{arguments:?}: {ended:?}");
    step["expect"].clone()
}

fn outcome(call: &str, printed: &str) -> Value {
    match call {
        "delete" => json!({}),
        "request" => {
            let (head, body) = printed.split_once("\n\n").unwrap();
            let status: u16 = head.lines().next().unwrap().strip_prefix("HTTP ").unwrap().parse().unwrap();
            json!({ "status": status, "json": serde_json::from_str::<Value>(body).unwrap_or_default() })
        }
        "pages" => {
            let results: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            json!({ "results": results })
        }
        _ => serde_json::from_str(printed).unwrap(),
    }
}

fn arguments(step: &Value) -> Vec<String> {
    let text = |member: &str| step[member].as_str().unwrap_or_default();
    let mut arguments = match step["call"].as_str().unwrap() {
        "list" => vec!["list", "--json"],
        "find" => vec!["list", "--json", "--name", text("name")],
        "get" => vec!["show", "--json", text("id")],
        "whoami" => vec!["whoami", "--json"],
        "create" => vec!["create", "--json", text("name")],
        "delete" => vec!["delete", "--yes", text("id")],
        // The other languages send this request without the guards of `delete`, so `--force` disables them.
        "request" if text("method") == "DELETE" => vec!["api", "--include", "--force", "DELETE", text("path")],
        "request" => vec!["api", "--include", text("method"), text("path")],
        "pages" => vec!["api", "--paginate", "--jsonl", "GET", text("path")],
        other => panic!("no call {other}"),
    };
    for (member, flag) in [("adopt", "--adopt"), ("allowKeyInUse", "--allow-key-in-use"), ("body", "--input=-")] {
        arguments.extend((!step[member].is_null() && step[member] != false).then_some(flag));
    }
    let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    for (member, option) in
        [("idempotencyKey", "--idempotency-key"), ("timeout", "--timeout"), ("pageSize", "--page-size")]
    {
        let value = step[member].as_str().map(str::to_owned).or(step[member].as_u64().map(|number| number.to_string()));
        arguments.extend(value.map(|value| format!("{option}={value}")));
    }
    for (name, value) in step["headers"].as_object().into_iter().flatten() {
        arguments.push(format!("--header={name}: {}", value.as_str().unwrap()));
    }
    arguments
}
