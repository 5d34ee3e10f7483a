//! The shared part of the tests that run the files in `tests/scenario` with the Rust client and with the command line.
//! Starts an emulator for each file, and compares the emulator's journal and keys with the expected ones. The callers
//! perform the steps.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Mutex;

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::bounded::LIMIT;

/// The number of scenarios that run concurrently. Scenarios use little CPU time, because they mostly wait.
const CONCURRENT: usize = 8;

/// Runs all scenarios in `folder`. `interface` is the prefix of the lines in `saw` that apply only to the interface
/// under test. The scenarios with a timeout run after the others, so that the others do not slow them down.
pub(crate) fn run_all(folder: &Path, interface: &str, perform: impl Fn(&Emulator, &str, &Value) -> Value + Sync) {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    assert!(!files.is_empty(), "no scenario in {}", folder.display());
    let scenarios = files.iter().map(|file| {
        let scenario: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        (file.file_name().unwrap().to_string_lossy(), scenario)
    });
    let has_timeout =
        |scenario: &Value| scenario["steps"].as_array().unwrap().iter().any(|step| !step["timeout"].is_null());
    let (timed, others): (Vec<_>, Vec<_>) = scenarios.partition(|(_, scenario)| has_timeout(scenario));
    for scenarios in [others, timed] {
        let scenarios = Mutex::new(scenarios.into_iter());
        std::thread::scope(|scope| {
            for _ in 0..CONCURRENT {
                scope.spawn(|| {
                    while let Some((file, scenario)) = { scenarios.lock().unwrap().next() } {
                        run(&file, &scenario, interface, &perform);
                    }
                });
            }
        });
    }
}

fn run(file: &str, scenario: &Value, interface: &str, perform: impl Fn(&Emulator, &str, &Value) -> Value) {
    let emulator = Emulator::start().unwrap();
    control(&emulator, "PUT", "state", &scenario["emulator"].to_string());
    control(&emulator, "PUT", "faults", &json!({ "faults": scenario.get("faults").unwrap_or(&json!([])) }).to_string());
    let key = scenario["key"].as_str().or(scenario["emulator"]["keys"][0]["apiKey"].as_str()).unwrap();
    for (number, step) in scenario["steps"].as_array().unwrap().iter().enumerate() {
        let step = &with_idempotency_key(step);
        let outcome = perform(&emulator, step["key"].as_str().unwrap_or(key), step);
        assert!(holds(&step["expect"], &outcome), "{file}: step {number}: expected {}, got {outcome}", step["expect"]);
    }
    let saw: Vec<String> =
        control(&emulator, "GET", "journal", "")["requests"].as_array().unwrap().iter().map(line).collect();
    let (in_time, late) = sent_by(interface, &scenario["saw"]);
    let expected = if saw.len() < in_time.len() { late } else { in_time };
    assert_eq!(saw, expected, "{file}: the requests that the emulator received");
    let names: Value = control(&emulator, "GET", "state", "")["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["name"].clone())
        .collect();
    assert_eq!(names, scenario["namesAtEnd"], "{file}: the keys at the end");
}

/// Returns the expected requests of an interface: all of them, and those that do not depend on the speed of the machine.
/// A line without a prefix applies to all interfaces and does not depend on it.
fn sent_by<'a>(interface: &str, saw: &'a Value) -> (Vec<&'a str>, Vec<&'a str>) {
    let lines = saw.as_array().unwrap().iter().map(|line| line.as_str().unwrap());
    let with = |prefixes: &[&str]| {
        let of_interface = |line: &'a str| match line.split_once(": ") {
            Some((only, line)) => prefixes.contains(&only).then_some(line),
            None => Some(line),
        };
        lines.clone().filter_map(of_interface).collect()
    };
    (with(&[interface, "in time"]), with(&[interface]))
}

fn line(request: &Value) -> String {
    let text = |field: &str| request[field].as_str().unwrap_or("running").to_owned();
    let end = request["status"].as_u64().map_or_else(|| text("ended"), |status| status.to_string());
    let replayed = if request["replayed"] == true { " replayed" } else { "" };
    format!("{} {} {end}{replayed}", text("method"), text("path"))
}

/// Replaces `{"minutesAgo": …}` with an idempotency key of this age. An idempotency key contains its time of creation,
/// so it is generated when the step runs.
fn with_idempotency_key(step: &Value) -> Value {
    let mut step = step.clone();
    if let Some(minutes) = step["idempotencyKey"]["minutesAgo"].as_u64() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let time = uuid::Timestamp::from_unix(uuid::NoContext, now.as_secs() - 60 * minutes, 0);
        step["idempotencyKey"] = uuid::Uuid::new_v7(time).to_string().into();
    }
    step
}

/// Returns true if `actual` contains all expected values. Objects can have additional fields.
fn holds(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Object(fields), Value::Object(actual)) => {
            fields.iter().all(|(name, value)| actual.get(name).is_some_and(|actual| holds(value, actual)))
        }
        (Value::Array(items), Value::Array(actual)) => {
            items.len() == actual.len() && items.iter().zip(actual).all(|(item, actual)| holds(item, actual))
        }
        _ => expected == actual,
    }
}

fn control(emulator: &Emulator, method: &str, what: &str, body: &str) -> Value {
    let address = emulator.base_url().trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(LIMIT)).unwrap();
    let length = body.len();
    write!(
        connection,
        "{method} /_emulator/{what} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{method} {what}: {response}");
    serde_json::from_str(body).unwrap()
}
