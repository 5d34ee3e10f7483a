//! Tests of `audit`.

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::raw_server::RawServer;
use crate::support::{against, program, run, run_with_input, with_key};

/// Starts an emulator with these keys after the initial key, which has no name and no date.
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

fn today() -> String {
    codat_keys::Timestamp::now().to_string()
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
fn each_finding_names_its_keys() {
    let emulator = emulator_with(&json!([
        { "id": "new", "name": "ci", "createdDate": today() },
        { "id": "old", "name": "billing", "createdDate": "2020-01-01T00:00:00Z" },
        { "id": "one", "name": "twice", "createdDate": today() },
        { "id": "other", "name": " twice", "createdDate": today() },
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
fn too_few_and_too_many_keys_are_findings() {
    let named = |number: usize| json!({ "name": format!("k{number}"), "createdDate": "2026-01-01T00:00:00Z" });
    for (more, found) in [(0, json!(["no_spare"])), (1, json!([])), (6, json!([])), (7, json!(["nearly_full"]))] {
        let emulator = emulator_with(&(0..more).map(named).collect());
        assert_eq!(audited(&emulator, &[]).1["findings"], found, "{more}");
    }
}

#[test]
fn the_status_is_zero_without_findings() {
    let emulator = Emulator::start().unwrap();
    let state = json!({ "keys": [
        { "name": "a", "apiKey": emulator.api_key(), "createdDate": today() },
        { "name": "b", "createdDate": today() },
    ] });
    run_with_input(&mut against(&emulator), &["api", "PUT", "/_emulator/state", "--input", "-"], &state.to_string());
    assert_eq!(audited(&emulator, &["--max-age", "1d"]).0, 0);
    let ended = run(&mut against(&emulator), &["audit"]);
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    assert_eq!(ended.stdout.lines().count(), 2);
}

#[test]
fn findings_say_what_to_do_and_contain_no_key() {
    let emulator = Emulator::start().unwrap();
    let ended = run(&mut against(&emulator), &["audit"]);
    assert_eq!(ended.status, 3);
    assert!(ended.stdout.ends_with("\t-\t0\tyes\tnameless\n"), "{ended:?}");
    assert!(ended.stderr.contains("nameless: ") && ended.stderr.contains("no_spare: "), "{ended:?}");
    assert!(!format!("{ended:?}").contains(emulator.api_key()));
}

#[test]
fn invalid_ages_are_rejected() {
    for age in ["", "90", "-3d", "0d", "old", "3mo"] {
        let ended = run(&mut program(), &["audit", &format!("--max-age={age}")]);
        assert_eq!(ended.status, 2, "{age}");
        assert!(ended.stderr.contains("90d"), "{ended:?}");
    }
}

#[test]
fn an_impossible_date_has_no_age() {
    let dates = ["2125-01-01T00:00:00Z", "9999-12-30T00:00:00Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00"];
    let keys = dates.map(|date| json!({ "id": date, "name": date, "createdDate": date }));
    let emulator = emulator_with(&json!(keys));
    let (status, document) = audited(&emulator, &["--max-age", "90d"]);
    assert_eq!(status, 3);
    for key in &document["keys"].as_array().unwrap()[1..] {
        assert_eq!((&key["ageDays"], &key["findings"]), (&Value::Null, &json!(["age_unknown"])), "{key}");
        assert!(key["created"].is_string(), "{key}");
    }
    let ended = run(&mut against(&emulator), &["audit"]);
    let ages: Vec<&str> = ended.stdout.lines().map(|line| line.split('\t').nth(2).unwrap()).collect();
    assert_eq!(ages, ["unknown"; 5], "{ended:?}");

    // A date slightly in the future has an age, because the local clock may be slow.
    let soon = (codat_keys::Timestamp::now() + std::time::Duration::from_secs(120)).to_string();
    let emulator = emulator_with(&json!([{ "id": "soon", "name": "soon", "createdDate": soon }]));
    assert_eq!(audited(&emulator, &[]).1["keys"][1]["ageDays"], 0);
}

#[test]
fn each_kind_of_finding_is_one_line_with_the_ids_of_its_keys() {
    let old = |id: &str| json!({ "id": id, "name": id, "createdDate": "2020-01-01T00:00:00Z" });
    let emulator = emulator_with(&json!([old("a"), old("b")]));
    let ended = run(&mut against(&emulator), &["audit", "--max-age", "90d"]);
    let too_old = "too_old: older than allowed: replace it with `codat-keys rotate ID --to SINK` (a, b)\n";
    assert!(ended.stderr.contains(too_old) && ended.stderr.lines().count() == 3, "{ended:?}");
}

#[test]
fn ignored_findings_are_not_reported() {
    let emulator = Emulator::start().unwrap();
    let (status, document) = audited(&emulator, &["--ignore", "nameless"]);
    assert_eq!((status, &document["findings"]), (3, &json!(["no_spare"])));
    assert_eq!(document["keys"][0]["findings"], json!([]));
    let ended = run(&mut against(&emulator), &["audit", "--ignore", "nameless", "--ignore", "no_spare"]);
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""), "a fresh account need not fail: {ended:?}");
    assert_eq!(run(&mut against(&emulator), &["audit", "--ignore", "everything"]).status, 2);
}

#[test]
fn a_replacement_under_way_suppresses_the_findings_that_it_resolves() {
    let key = |id: &str, name: &str, date: &str| json!({ "id": id, "name": name, "createdDate": date });
    let (old, older) = ("2020-01-01T00:00:00Z", "2019-01-01T00:00:00Z");
    let emulator = emulator_with(&json!([
        key("old", "ci", old),
        key("new", "ci~20261128-x7q2", &today()),
        key("tagged", "web~20250101-a2b3", older),
        key("newer", "web~20261128-c4d5", &today()),
        key("alone", "db", old),
        key("not", "db~2", &today()),
        key("latest", "key~20261128-e6f7", &today()),
    ]));
    let (status, document) = audited(&emulator, &["--max-age", "90d"]);
    assert_eq!(status, 3);
    for (id, found) in [
        ("first", &["replacement_under_way"][..]),
        ("old", &["replacement_under_way"]),
        ("new", &[]),
        ("tagged", &["replacement_under_way"]),
        ("newer", &[]),
        ("alone", &["too_old"]),
        ("not", &[]),
        ("latest", &[]),
    ] {
        assert_eq!(findings(&document, id), found, "{id}");
    }
    let ignored = ["--ignore=replacement_under_way", "--ignore=too_old", "--ignore=nearly_full", "--max-age=90d"];
    assert_eq!(audited(&emulator, &ignored).0, 0);
}

/// A gateway can list a key twice, for example once with its value masked.
#[test]
fn a_key_that_is_listed_twice_counts_once() {
    let key = |id: &str, api_key: &str| json!({ "id": id, "name": "ci", "apiKey": api_key, "createdDate": "2026-01-01T00:00:00Z" });
    let found = |keys: &[Value]| {
        let list = json!({ "results": keys }).to_string();
        let server = RawServer::with_replies(vec![crate::raw_server::json(200, &list)]);
        let ended = run(&mut with_key(&server.url, "MadeUpKeyA"), &["audit", "--json"]);
        let document: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        (ended.status, document["findings"].clone(), findings(&document, "a"))
    };
    let one_id = [key("a", "MadeUpKeyA"), key("a", "MadeUpKey****")];
    assert_eq!(found(&one_id), (3, json!(["no_spare"]), Vec::<String>::new()));
    let one_value = [key("a", "MadeUpKeyA"), key("b", "MadeUpKeyA")];
    assert_eq!(found(&one_value).1, json!(["no_spare"]));
    let two_keys = [key("a", "MadeUpKeyA"), key("a", "MadeUpKey****"), key("b", "MadeUpKeyB")];
    assert_eq!(found(&two_keys), (3, json!([]), vec!["name_used_twice".to_owned()]));
    let seven_keys: Vec<Value> = (0..8)
        .map(|number| key(["a", "b", "c", "d", "e", "f", "g", "g"][number], &format!("MadeUpKey{number}")))
        .collect();
    assert_eq!(found(&seven_keys).1, json!([]));
}

#[test]
fn a_hostile_list_is_audited_in_linear_time() {
    // With quadratic complexity, the audit would take minutes. `run` kills a command after a minute.
    let blank = " ".repeat(7_900);
    let names = [format!("{blank}n"), format!("{}~{blank}n", "n".repeat(7_000)), "~n".repeat(4_000)];
    for (name, commands) in
        names.iter().zip([&["audit", "audit --json", "list", "list --json", "whoami"][..], &["audit"], &["audit"]])
    {
        let keys: Vec<Value> = (0..1_000)
            .map(|number| {
                let name = &name[..name.len().min(8_000)];
                json!({ "id": format!("{number}"), "name": name, "apiKey": format!("MadeUpKey{number:031}") })
            })
            .collect();
        let server =
            RawServer::with_replies(vec![crate::raw_server::json(200, &json!({ "results": keys }).to_string())]);
        let key = format!("MadeUpKey{:031}", 0);
        for command in commands {
            let ended = run(&mut with_key(&server.url, &key), &command.split(' ').collect::<Vec<_>>());
            assert!(matches!(ended.status, 0 | 3), "{command}: {}", ended.status);
        }
    }
}
