//! The answers fit Codat's own description, as far as it is sound. Its known defects, and what is done about each:
//!
//! - `nullable` means nothing under OpenAPI 3.1: it is read as under 3.0, so null is allowed where it stands.
//! - It stands on the object around `createdDate`, not on the date: the emulator sends no null date, so nothing is lost.
//! - DELETE's 204 refers to the answer of a 429: the 204 is tested to be empty, and not against that schema.
//! - The example of create's 409 says 400, under a name that speaks of the length of names: it is what Codat sends, so
//!   `statusCode` is tested to be 400.
//! - The 402 example says 429, the 503 example 500: the emulator answers neither.
//! - `PagingInfo.pageSize` is at most 2000, the parameter at most 5000: companies are not part of the extract.
//! - No rate-limit headers, no `Retry-After`, no 405, 408 or 422: a 405 is tested against `ErrorMessage`.
//! - "Basic, a space and your API key", without the encoding: descriptions are not part of the extract.
//! - The examples of errors lack `validation`: it is tested to be there, and null.
//! - It is said that the last key can be deleted: a 409 to DELETE, which is not described, is tested against `ErrorMessage`.

use codat_keys_emulator::Emulator;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::support::{Answer, ask, call, create, keep_clear_of_midnight, list, set_state, text};

const EXTRACT: &str = include_str!("../../../tests/openapi/keys-and-profile.json");

const ERROR_MEMBERS: [&str; 7] =
    ["statusCode", "service", "error", "correlationId", "validation", "canBeRetried", "detailedErrorCode"];

struct Description(Value);

impl Description {
    fn load() -> Description {
        let mut extract = serde_json::from_str(EXTRACT).unwrap();
        understand_nullable(&mut extract);
        Description(extract)
    }

    /// The content that an operation describes for a status; none for a status that it does not name.
    fn content(&self, operation: &str, status: u16) -> Option<&Value> {
        let (method, path) = operation.split_once(' ').unwrap();
        let mut answer = self.0["paths"][path][method]["responses"].get(status.to_string())?;
        if let Some(reference) = answer["$ref"].as_str() {
            answer = self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        }
        Some(&answer["content"]["application/json"])
    }

    fn validator(&self, schema: &Value) -> Validator {
        let root = json!({"allOf": [schema], "components": self.0["components"]});
        jsonschema::draft202012::new(&root).unwrap()
    }

    fn check_success(&self, operation: &str, status: u16, answer: &Answer) {
        assert_eq!(answer.status, status, "{}", answer.body);
        let content = self.content(operation, status).unwrap();
        let outcome = self.validator(&content["schema"]).validate(&answer.json()).map_err(|error| error.to_string());
        assert_eq!(outcome, Ok(()), "{operation}");
    }

    fn check_error(&self, operation: &str, status: u16, answer: &Answer) {
        assert_eq!(answer.status, status, "{}", answer.body);
        let body = answer.json();
        let reference = json!({"$ref": "#/components/schemas/ErrorMessage"});
        let content = self.content(operation, status);
        assert!(content.is_none_or(|content| content["schema"] == reference));
        let outcome = self.validator(&reference).validate(&body).map_err(|error| error.to_string());
        assert_eq!(outcome, Ok(()), "{operation} {status}");

        let members = body.as_object().unwrap();
        assert!(members.len() == 7 && ERROR_MEMBERS.iter().all(|member| members.contains_key(*member)), "{body}");
        assert_eq!((&body["validation"], &body["service"]), (&Value::Null, &json!("PublicApi")));
        let id = text(&body["correlationId"]);
        assert!(id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    }

    /// The error is the very one of the description's example.
    fn check_example(&self, operation: &str, status: u16, answer: &Answer) {
        let examples = self.content(operation, status).unwrap()["examples"].as_object().unwrap();
        let example = &examples.values().next().unwrap()["value"];
        let body = answer.json();
        for member in ["statusCode", "error", "service", "canBeRetried", "detailedErrorCode"] {
            assert_eq!(body[member], example[member], "{operation} {status} {member}");
        }
    }
}

/// `"type": T, "nullable": true` of OpenAPI 3.0 is `"type": [T, "null"]` in JSON Schema.
fn understand_nullable(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("nullable") == Some(&json!(true)) {
                let kind = members["type"].clone();
                members.insert("type".to_owned(), json!([kind, "null"]));
            }
            members.values_mut().for_each(understand_nullable);
        }
        Value::Array(items) => items.iter_mut().for_each(understand_nullable),
        _ => {}
    }
}

#[test]
fn successes_fit() {
    let (description, emulator) = (Description::load(), Emulator::start().unwrap());
    for body in [None, Some("{}"), Some(r#"{"name":null}"#), Some(r#"{"name":"named"}"#)] {
        description.check_success("post /apiKeys", 201, &ask(&emulator, "POST", "/apiKeys", body));
    }
    set_state(&emulator, &json!({"keys": [{"apiKey": emulator.api_key()}, {"name": "x".repeat(50)}]}));
    description.check_success("get /apiKeys", 200, &ask(&emulator, "GET", "/apiKeys", None));
    description.check_success("get /profile", 200, &ask(&emulator, "GET", "/profile", None));

    let deleted = ask(&emulator, "DELETE", &format!("/apiKeys/{}", text(&list(&emulator)[1]["id"])), None);
    assert_eq!((deleted.status, &*deleted.body, deleted.header("content-type")), (204, "", None));
}

#[test]
fn successes_have_described_members_only() {
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
    let answer = ask(&emulator, "GET", "/profile", None).json();
    assert!(answer.as_object().unwrap().keys().all(|member| profile.contains(member)));
}

#[test]
fn errors_fit() {
    keep_clear_of_midnight();
    let (description, emulator) = (Description::load(), Emulator::start().unwrap());
    let last = format!("/apiKeys/{}", text(&list(&emulator)[0]["id"]));
    description.check_error("delete /apiKeys/{apiKeyId}", 409, &ask(&emulator, "DELETE", &last, None));
    description.check_error("delete /apiKeys/{apiKeyId}", 404, &ask(&emulator, "DELETE", "/apiKeys/unknown", None));
    description.check_error("post /apiKeys", 400, &ask(&emulator, "POST", "/apiKeys", Some("[]")));
    description.check_error("put /apiKeys", 405, &ask(&emulator, "PUT", "/apiKeys", None));

    let long = json!({ "name": "x".repeat(51) }).to_string();
    let too_long = ask(&emulator, "POST", "/apiKeys", Some(&long));
    description.check_error("post /apiKeys", 400, &too_long);
    description.check_example("post /apiKeys", 400, &too_long);

    (0..9).for_each(|_| drop(create(&emulator, "one more")));
    let too_many = ask(&emulator, "POST", "/apiKeys", None);
    description.check_error("post /apiKeys", 409, &too_many);
    description.check_example("post /apiKeys", 409, &too_many);

    set_state(&emulator, &json!({"enforceLimits": true, "rateLimit": {"remaining": 0}}));
    for (operation, method, path) in [
        ("get /apiKeys", "GET", "/apiKeys"),
        ("post /apiKeys", "POST", "/apiKeys"),
        ("delete /apiKeys/{apiKeyId}", "DELETE", &*last),
        ("get /profile", "GET", "/profile"),
    ] {
        for (status, answer) in
            [(401, call(&emulator, method, path, &[], None)), (429, ask(&emulator, method, path, None))]
        {
            description.check_error(operation, status, &answer);
            description.check_example(operation, status, &answer);
        }
    }
}

#[test]
fn the_validator_is_not_blind() {
    let description = Description::load();
    let key = description.validator(&json!({"$ref": "#/components/schemas/ApiKeyDetails"}));
    assert!(key.is_valid(&json!({"id": "x", "name": null})));
    assert!(!key.is_valid(&json!({"id": 1})));
    assert!(!key.is_valid(&json!({"name": "x".repeat(51)})));
    assert!(!key.is_valid(&json!({"createdDate": 1})));
    let profile = description.validator(&json!({"$ref": "#/components/schemas/Profile"}));
    assert!(!profile.is_valid(&json!({"name": "without a redirectUrl"})));
}
