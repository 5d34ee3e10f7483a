//! Runs the test cases in `tests/unit` and `tests/encode` against functions of this crate.

mod answers;
mod credentials;
mod requests;
mod rules;

use std::path::Path;

use serde_json::{Value, json};

use crate::domain::{ApiKeyDetails, Untrusted};
use crate::error::Error;

/// Runs each test case in the JSON file `file`. The result of `outcome` must contain each member of the object `expect`
/// in the test case. The member `without` is an exception: if it is a string, the result must not contain this string.
fn run(file: &str, outcome: impl Fn(&Value) -> Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/unit").join(file);
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for case in cases["cases"].as_array().unwrap() {
        let (name, outcome) = (&case["name"], outcome(case));
        for (member, expected) in case["expect"].as_object().unwrap() {
            match (member.as_str(), expected.as_str()) {
                ("without", Some(secret)) => {
                    assert!(!outcome.to_string().contains(secret), "{file}: {name}: {outcome}")
                }
                _ => assert_eq!(outcome.get(member), Some(expected), "{file}: {name}: {member} of {outcome}"),
            }
        }
    }
}

fn key(key: &ApiKeyDetails) -> Value {
    let created = key.created_date.map(|date| date.to_string());
    json!({ "id": key.id.as_str(), "name": key.name.as_ref().map(Untrusted::unredacted), "created": created, "key": key.api_key.masked() })
}

fn error(error: Error) -> Value {
    let retry_after = error.retry_after().map(|wait| wait.as_secs());
    json!({
        "error": error.kind().code(), "text": error.to_string(), "correlationId": error.correlation_id(),
        "codat": error.codat_message(), "retryAfter": retry_after,
    })
}
