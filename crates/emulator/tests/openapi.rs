//! `docs/emulator-openapi.json`, the OpenAPI description of the control endpoints. `support` validates every response of
//! a control in all tests against it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use codat_keys_emulator::Emulator;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::support::{Response, send_with_headers, text};

static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../docs/emulator-openapi.json")).unwrap());

/// The source code of the control endpoints. The tests find the paths in it.
const CONTROLS: &str = include_str!("../src/controls.rs");

/// Checks a response of a control: its status is described, and its body matches the schema. Accepts a 404 for an unknown
/// path and a 405 for an unknown method.
pub(crate) fn check_response(method: &str, target: &str, response: &Response) {
    let path = target.split('?').next().unwrap();
    let operation = &DESCRIPTION["paths"][path][method.to_lowercase()];
    let described = &operation["responses"][response.status.to_string()];
    let is_expected = if operation.is_null() {
        matches!(response.status, 403 | 404 | 405 | 415 | 421)
    } else {
        described.is_object() && problems(described, &response.body).is_empty()
    };
    assert!(is_expected, "{method} {path}: {} is not described: {}", response.status, response.body);
}

/// Returns the differences between a body and its description.
fn problems(described: &Value, body: &str) -> Vec<String> {
    let described = match described["$ref"].as_str() {
        Some(reference) => DESCRIPTION.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => described,
    };
    let schema = &described["content"]["application/json"]["schema"];
    match serde_json::from_str(body) {
        Ok(json) => validator(schema).iter_errors(&json).map(|error| error.to_string()).collect(),
        Err(_) if body.is_empty() && schema.is_null() => Vec::new(),
        Err(error) => vec![error.to_string()],
    }
}

fn validator(schema: &Value) -> Validator {
    let root = json!({"allOf": [schema], "components": DESCRIPTION["components"]});
    jsonschema::draft202012::new(&root).unwrap()
}

fn schema(name: &str) -> Validator {
    validator(&json!({ "$ref": format!("#/components/schemas/{name}") }))
}

fn described_paths() -> BTreeSet<String> {
    DESCRIPTION["paths"].as_object().unwrap().keys().cloned().collect()
}

/// Returns the paths of controls in source code.
fn paths_in(code: &str) -> BTreeSet<String> {
    let literals = code.split("\"/_emulator/").skip(1).filter_map(|rest| rest.split('"').next());
    literals.map(|name| format!("/_emulator/{name}")).collect()
}

#[test]
fn every_control_is_described() {
    assert_eq!(paths_in(CONTROLS), described_paths());
    assert_eq!(paths_in("match path { \"/_emulator/new\" => 1 }"), ["/_emulator/new".to_owned()].into());
}

#[test]
fn every_described_method_exists_and_no_other() {
    let emulator = Emulator::start().unwrap();
    for path in described_paths() {
        let operations = DESCRIPTION["paths"][&path].as_object().unwrap();
        let described: BTreeSet<_> = operations.keys().map(|method| method.to_uppercase()).collect();
        let rejected = send_with_headers(&emulator, "PATCH", &path, &[], None);
        let allowed: BTreeSet<_> = rejected.header("allow").unwrap().split(", ").map(str::to_owned).collect();
        assert_eq!((rejected.status, allowed), (405, described), "{path}");
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let status = send_with_headers(&emulator, method, &path, &[], None).status;
            assert_eq!(status != 405, operations.contains_key(&method.to_lowercase()), "{method} {path}");
        }
    }
    assert_eq!(send_with_headers(&emulator, "GET", "/_emulator/unknown", &[], None).status, 404);
}

#[test]
fn the_examples_of_requests_are_valid_and_accepted() {
    let emulator = Emulator::start().unwrap();
    for (path, operations) in DESCRIPTION["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let content = &operation["requestBody"]["content"]["application/json"];
            if content.is_null() {
                continue;
            }
            let example = &content["example"];
            assert!(validator(&content["schema"]).is_valid(example), "{method} {path}");
            let response = send_with_headers(&emulator, &method.to_uppercase(), path, &[], Some(&example.to_string()));
            assert_eq!(response.status, 200, "{method} {path}: {}", response.body);
        }
    }
}

#[test]
fn a_fault_is_accepted_if_its_schema_accepts_it() {
    let (emulator, fault) = (Emulator::start().unwrap(), schema("Fault"));
    let accepts = |given: &Value| {
        send_with_headers(&emulator, "PUT", "/_emulator/faults", &[], Some(&json!([given]).to_string())).status == 200
    };
    let examples = DESCRIPTION["components"]["schemas"]["Fault"]["examples"].as_array().unwrap().iter().cloned();
    let named =
        |schema: &str| DESCRIPTION["components"]["schemas"][schema]["properties"]["fault"]["enum"].as_array().unwrap();
    let plain = named("FaultWithoutParameters").iter().map(|name| json!({ "fault": name }));
    let timed = named("FaultWithTime").iter().map(|name| json!({"fault": name, "milliseconds": 1}));
    for valid in examples.chain(plain).chain(timed) {
        assert_eq!((fault.is_valid(&valid), accepts(&valid)), (true, true), "{valid}");
    }
    for invalid in [
        json!({"fault": "unknown"}),
        json!({"fault": "drop-after", "milliseconds": 1}),
        json!({"fault": "slow"}),
        json!({"fault": "slow", "milliseconds": 3_600_001}),
        json!({"fault": "late"}),
        json!({"fault": "late", "milliseconds": 1, "requests": 1}),
        json!({"fault": "status", "status": 199}),
        json!({"fault": "status", "status": 500, "milliseconds": 1}),
        json!({"fault": "status", "status": 500, "effect": "late"}),
        json!({"fault": "huge", "bytes": 13}),
        json!({"fault": "redirect", "location": "/", "status": 200}),
        json!({"fault": "foreign-creator"}),
        json!({"fault": "empty", "method": "post"}),
        json!({"fault": "empty", "path": "apiKeys"}),
        json!({"fault": "empty", "count": 0}),
        json!({"fault": "empty", "colour": "red"}),
    ] {
        assert_eq!((fault.is_valid(&invalid), accepts(&invalid)), (false, false), "{invalid}");
    }
}

#[test]
fn a_response_that_differs_from_its_description_is_noticed() {
    let clock = |body: &str| problems(&DESCRIPTION["paths"]["/_emulator/clock"]["get"]["responses"]["200"], body);
    assert_eq!(clock(r#"{"now": "2026-11-24T22:53:25.000Z"}"#), Vec::<String>::new());
    for wrong in [r#"{"now": 1}"#, "{}", r#"{"now": "2026-11-24T22:53:25.000Z", "then": 1}"#, "", "[]"] {
        assert!(!clock(wrong).is_empty(), "{wrong}");
    }
    let emulator = Emulator::start().unwrap();
    let state = send_with_headers(&emulator, "GET", "/_emulator/state", &[], None).json();
    assert!(text(&state["keys"][0]["apiKey"]).starts_with("****"));
    for field in ["keys", "companies", "invoices", "lastKeyCanBeDeleted", "enforceLimits", "rateLimit"] {
        let mut without = state.clone();
        without.as_object_mut().unwrap().remove(field);
        assert!(schema("State").is_valid(&state) && !schema("State").is_valid(&without), "{field}");
    }
}
