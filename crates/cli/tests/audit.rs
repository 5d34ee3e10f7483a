//! `audit`.

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{against, program, run, run_with_input};

/// Keys of an emulator beside its own, which has no name and no date.
fn emulator_with(keys: &Value) -> Emulator {
    let emulator = Emulator::start().unwrap();
    let mut all = vec![json!({ "id": "first", "apiKey": emulator.api_key() })];
    all.extend(keys.as_array().unwrap().iter().cloned());
    let state = json!({ "keys": all }).to_string();
    let arguments = ["api", "PUT", "/_emulator/state", "--input", "-"];
    let ended = run_with_input(&mut against(&emulator), &arguments, &state);
    assert_eq!(ended.status, 0, "{ended:?}");
    emulator
}

fn audited(emulator: &Emulator, arguments: &[&str]) -> (i32, Value) {
    let ended = run(against(emulator).args(["audit", "--json"]), arguments);
    (ended.status, serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}")))
}

fn findings(document: &Value, id: &str) -> Vec<String> {
    let keys = document["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["id"] == id).unwrap();
    key["findings"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_finding_is_told_of_its_key() {
    let emulator = emulator_with(&json!([
        { "id": "new", "name": "ci", "createdDate": "2125-01-01T00:00:00Z" },
        { "id": "old", "name": "billing", "createdDate": "2020-01-01T00:00:00Z" },
        { "id": "one", "name": "twice", "createdDate": "2125-01-01T00:00:00Z" },
        { "id": "other", "name": " twice", "createdDate": "2125-01-01T00:00:00Z" },
    ]));
    let (status, document) = audited(&emulator, &["--max-age", "90d"]);
    assert_eq!(status, 3);
    assert_eq!(findings(&document, "first"), ["nameless", "age_unknown"]);
    assert_eq!(findings(&document, "new"), [""; 0]);
    assert_eq!(findings(&document, "old"), ["too_old"]);
    assert_eq!(findings(&document, "one"), ["name_used_twice"]);
    assert_eq!(findings(&document, "other"), ["name_used_twice"]);
    assert_eq!(document["findings"], json!([]));
    assert_eq!(document["keys"][0]["inUse"], json!(true));
    assert!(document["keys"][2]["ageDays"].as_i64().unwrap() > 2000);

    let (_, document) = audited(&emulator, &[]);
    assert_eq!(findings(&document, "old"), [""; 0], "without --max-age, no age is too much");
    let journal = run(&mut against(&emulator), &["api", "GET", "/_emulator/journal"]).stdout;
    let journal: Value = serde_json::from_str(&journal).unwrap();
    let methods = journal["requests"].as_array().unwrap().iter().map(|request| request["method"].clone());
    assert!(methods.eq([json!("GET"), json!("GET")]), "it only reads");
}

#[test]
fn too_few_and_many_keys_are_found() {
    let named = |number: usize| json!({ "name": format!("k{number}"), "createdDate": "2026-01-01T00:00:00Z" });
    for (more, found) in [(0, json!(["no_spare"])), (1, json!([])), (6, json!([])), (7, json!(["nearly_full"]))] {
        let emulator = emulator_with(&(0..more).map(named).collect());
        assert_eq!(audited(&emulator, &[]).1["findings"], found, "{more}");
    }
}

#[test]
fn keys_without_a_finding_end_with_success() {
    let emulator = Emulator::start().unwrap();
    let state = json!({ "keys": [
        { "name": "a", "apiKey": emulator.api_key(), "createdDate": "2125-01-01T00:00:00Z" },
        { "name": "b", "createdDate": "2125-01-01T00:00:00Z" },
    ] });
    run_with_input(&mut against(&emulator), &["api", "PUT", "/_emulator/state", "--input", "-"], &state.to_string());
    assert_eq!(audited(&emulator, &["--max-age", "1d"]).0, 0);
    let ended = run(&mut against(&emulator), &["audit"]);
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    assert_eq!(ended.stdout.lines().count(), 2);
}

#[test]
fn people_are_told_what_to_do_and_no_key_is_shown() {
    let emulator = Emulator::start().unwrap();
    let ended = run(&mut against(&emulator), &["audit"]);
    assert_eq!(ended.status, 3);
    assert!(ended.stdout.ends_with("\t\t0\tyes\tnameless\n"), "{ended:?}");
    assert!(ended.stderr.contains("nameless: ") && ended.stderr.contains("no_spare: "), "{ended:?}");
    assert!(!format!("{ended:?}").contains(emulator.api_key()));
}

#[test]
fn what_is_no_age_is_refused() {
    for age in ["", "90", "-3d", "0d", "old", "3mo"] {
        let ended = run(&mut program(), &["audit", &format!("--max-age={age}")]);
        assert_eq!(ended.status, 2, "{age}");
        assert!(ended.stderr.contains("90d"), "{ended:?}");
    }
}
