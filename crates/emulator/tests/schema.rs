//! Validation of responses against Codat's OpenAPI description. The description has known defects, which the tests
//! treat as follows:
//!
//! - `nullable` has no meaning in OpenAPI 3.1. The tests interpret it as OpenAPI 3.0 does: null is allowed.
//! - `nullable` is on the object that contains `createdDate`, not on the date. The emulator sends no null date.
//! - The 204 of DELETE refers to the response of a 429. The tests require an empty body instead.
//! - The example of the 409 of create has `statusCode` 400, and a title about the length of names. Codat sends this body, so
//!   the tests require 400.
//! - The 402 example has `statusCode` 429, and the 503 example 500. The emulator sends neither.
//! - `PagingInfo.pageSize` is at most 2000, and the parameter at most 5000. The extract contains no companies.
//! - Rate-limit headers, `Retry-After`, 405, 408 and 422 are not described. The tests validate a 405 against `ErrorMessage`.
//! - The authentication is "Basic, a space and your API key", without the encoding. The extract contains no such texts.
//! - The examples of errors lack `validation`. The tests require it to be null.
//! - The last key can be deleted, according to the description. The tests validate the 409 against `ErrorMessage`.

use codat_keys_emulator::Emulator;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::support::{Response, avoid_midnight, create, list, send, send_with_headers, set_state, text};

const EXTRACT: &str = include_str!("../../../tests/openapi/keys-and-profile.json");

const ERROR_FIELDS: [&str; 7] =
    ["statusCode", "service", "error", "correlationId", "validation", "canBeRetried", "detailedErrorCode"];

struct Description(Value);

impl Description {
    fn load() -> Description {
        let mut extract = serde_json::from_str(EXTRACT).unwrap();
        convert_nullable(&mut extract);
        Description(extract)
    }

    /// Returns the described content of a response, or `None` if the status is not described.
    fn content(&self, operation: &str, status: u16) -> Option<&Value> {
        let (method, path) = operation.split_once(' ').unwrap();
        let mut response = self.0["paths"][path][method]["responses"].get(status.to_string())?;
        if let Some(reference) = response["$ref"].as_str() {
            response = self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        }
        Some(&response["content"]["application/json"])
    }

    fn validator(&self, schema: &Value) -> Validator {
        let root = json!({"allOf": [schema], "components": self.0["components"]});
        jsonschema::draft202012::new(&root).unwrap()
    }

    fn check_success(&self, operation: &str, status: u16, response: &Response) {
        assert_eq!(response.status, status, "{}", response.body);
        let content = self.content(operation, status).unwrap();
        let outcome = self.validator(&content["schema"]).validate(&response.json()).map_err(|error| error.to_string());
        assert_eq!(outcome, Ok(()), "{operation}");
    }

    fn check_error(&self, operation: &str, status: u16, response: &Response) {
        assert_eq!(response.status, status, "{}", response.body);
        let body = response.json();
        let reference = json!({"$ref": "#/components/schemas/ErrorMessage"});
        let content = self.content(operation, status);
        assert!(content.is_none_or(|content| content["schema"] == reference));
        let outcome = self.validator(&reference).validate(&body).map_err(|error| error.to_string());
        assert_eq!(outcome, Ok(()), "{operation} {status}");

        let members = body.as_object().unwrap();
        assert!(members.len() == 7 && ERROR_FIELDS.iter().all(|member| members.contains_key(*member)), "{body}");
        assert_eq!((&body["validation"], &body["service"]), (&Value::Null, &json!("PublicApi")));
        let id = text(&body["correlationId"]);
        assert!(id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    }

    /// Checks that the error equals the example in the description.
    fn check_example(&self, operation: &str, status: u16, response: &Response) {
        let examples = self.content(operation, status).unwrap()["examples"].as_object().unwrap();
        let example = &examples.values().next().unwrap()["value"];
        let body = response.json();
        for member in ["statusCode", "error", "service", "canBeRetried", "detailedErrorCode"] {
            assert_eq!(body[member], example[member], "{operation} {status} {member}");
        }
    }
}

/// Converts `"type": T, "nullable": true` of OpenAPI 3.0 to `"type": [T, "null"]` of JSON Schema.
fn convert_nullable(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("nullable") == Some(&json!(true)) {
                let kind = members["type"].clone();
                members.insert("type".to_owned(), json!([kind, "null"]));
            }
            members.values_mut().for_each(convert_nullable);
        }
        Value::Array(items) => items.iter_mut().for_each(convert_nullable),
        _ => {}
    }
}

#[test]
fn successes_match_the_description() {
    let (description, emulator) = (Description::load(), Emulator::start().unwrap());
    for body in [None, Some("{}"), Some(r#"{"name":null}"#), Some(r#"{"name":"named"}"#)] {
        description.check_success("post /apiKeys", 201, &send(&emulator, "POST", "/apiKeys", body));
    }
    set_state(&emulator, &json!({"keys": [{"apiKey": emulator.api_key()}, {"name": "x".repeat(50)}]}));
    description.check_success("get /apiKeys", 200, &send(&emulator, "GET", "/apiKeys", None));
    description.check_success("get /profile", 200, &send(&emulator, "GET", "/profile", None));

    let deleted = send(&emulator, "DELETE", &format!("/apiKeys/{}", text(&list(&emulator)[1]["id"])), None);
    assert_eq!((deleted.status, &*deleted.body, deleted.header("content-type")), (204, "", None));
}

#[test]
fn successes_have_only_described_fields() {
    let (description, emulator) = (Description::load(), Emulator::start().unwrap());
    let described = |pointers: &[&str]| -> Vec<String> {
        let properties = pointers.iter().map(|pointer| description.0.pointer(pointer).unwrap().as_object().unwrap());
        properties.flat_map(|properties| properties.keys().cloned()).collect()
    };
    let key = described(&[
        "/components/schemas/ApiKeyDetails/allOf/0/properties",
        "/components/schemas/ApiKeyDetails/allOf/1/properties",
    ]);
    let created = create(&emulator, "named");
    assert!(created.as_object().unwrap().keys().all(|member| key.contains(member)));
    assert_eq!(created.as_object().unwrap().len(), key.len());
    let profile = described(&["/components/schemas/Profile/properties"]);
    let response = send(&emulator, "GET", "/profile", None).json();
    assert!(response.as_object().unwrap().keys().all(|member| profile.contains(member)));
}

#[test]
fn errors_match_the_description() {
    avoid_midnight();
    let (description, emulator) = (Description::load(), Emulator::start().unwrap());
    let last = format!("/apiKeys/{}", text(&list(&emulator)[0]["id"]));
    description.check_error("delete /apiKeys/{apiKeyId}", 409, &send(&emulator, "DELETE", &last, None));
    description.check_error("delete /apiKeys/{apiKeyId}", 404, &send(&emulator, "DELETE", "/apiKeys/unknown", None));
    description.check_error("post /apiKeys", 400, &send(&emulator, "POST", "/apiKeys", Some("[]")));
    description.check_error("put /apiKeys", 405, &send(&emulator, "PUT", "/apiKeys", None));

    let long = json!({ "name": "x".repeat(51) }).to_string();
    let too_long = send(&emulator, "POST", "/apiKeys", Some(&long));
    description.check_error("post /apiKeys", 400, &too_long);
    description.check_example("post /apiKeys", 400, &too_long);

    (0..9).for_each(|_| drop(create(&emulator, "one more")));
    let too_many = send(&emulator, "POST", "/apiKeys", None);
    description.check_error("post /apiKeys", 409, &too_many);
    description.check_example("post /apiKeys", 409, &too_many);

    set_state(&emulator, &json!({"enforceLimits": true, "rateLimit": {"remaining": 0}}));
    for (operation, method, path) in [
        ("get /apiKeys", "GET", "/apiKeys"),
        ("post /apiKeys", "POST", "/apiKeys"),
        ("delete /apiKeys/{apiKeyId}", "DELETE", &*last),
        ("get /profile", "GET", "/profile"),
    ] {
        for (status, response) in
            [(401, send_with_headers(&emulator, method, path, &[], None)), (429, send(&emulator, method, path, None))]
        {
            description.check_error(operation, status, &response);
            description.check_example(operation, status, &response);
        }
    }
}

#[test]
fn the_validator_rejects_invalid_values() {
    let description = Description::load();
    let key = description.validator(&json!({"$ref": "#/components/schemas/ApiKeyDetails"}));
    assert!(key.is_valid(&json!({"id": "x", "name": null})));
    assert!(!key.is_valid(&json!({"id": 1})));
    assert!(!key.is_valid(&json!({"name": "x".repeat(51)})));
    assert!(!key.is_valid(&json!({"createdDate": 1})));
    let profile = description.validator(&json!({"$ref": "#/components/schemas/Profile"}));
    assert!(!profile.is_valid(&json!({"name": "without a redirectUrl"})));
}
