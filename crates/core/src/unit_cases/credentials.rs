//! Runs the cases of `tests/encode`.

use std::path::Path;

use serde_json::Value;

use crate::domain::{ApiKey, AuthorizationHeader, Credential};
use crate::error::{Error, ErrorKind};

fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/encode").join(file);
    let mut cases: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    std::mem::take(cases["cases"].as_array_mut().unwrap())
}

fn header_of(case: &Value) -> Result<AuthorizationHeader, Error> {
    let given = case["given"].as_str().unwrap();
    match case["as"].as_str().unwrap() {
        "key" => ApiKey::parse(given).map(|key| AuthorizationHeader::from(&key)),
        "header" => AuthorizationHeader::parse(given),
        _ => Credential::parse_line(given).map(|credential| credential.header()),
    }
}

#[test]
fn accepted_credentials_are_sent_as_codat_expects() {
    for case in cases("accepted.json") {
        let header = header_of(&case).unwrap();
        assert_eq!(header.expose_secret(), case["header"], "{}", case["name"]);
        assert!(header.to_header_value().is_sensitive());
    }
}

#[test]
fn the_error_of_a_rejected_credential_names_the_mistake_and_the_correction() {
    for case in cases("refused.json") {
        let error = header_of(&case).expect_err(case["name"].as_str().unwrap());
        assert_eq!(error.kind(), ErrorKind::InvalidCredential);
        assert!(error.to_string().ends_with(case["refused"].as_str().unwrap()), "{}: {error}", case["name"]);
        assert_ne!(error.hint(), "", "{}", case["name"]);
        let given = case["given"].as_str().unwrap();
        assert!(given.len() < 8 || !format!("{error:?}").contains(given.trim()), "{}: {error:?}", case["name"]);
    }
}

#[test]
fn verbatim_accepts_keys_that_the_rules_reject() {
    for text in
        ["Basic", "key:", "Bearer", "Authorization:", "TWFkZVVwS2V5Rm9yVGhlVGVzdHMwMTIzNDU2Nzg5YWJjZGVmR2hJag=="]
    {
        assert_eq!(ApiKey::verbatim(text).unwrap().expose_secret(), text);
    }
    for text in ["", " key", "key\n", "\"key\"", "a\u{7}b", "clé", "two words"] {
        assert_eq!(ApiKey::verbatim(text).unwrap_err().kind(), ErrorKind::InvalidCredential, "{text:?}");
    }
}
