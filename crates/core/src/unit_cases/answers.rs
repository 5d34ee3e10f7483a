use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::{error, key, run};
use crate::domain::KnownKeys;
use crate::wire::{self, Attempt};

#[test]
fn answers_are_read() {
    run("answers.json", answer);
}

#[test]
fn error_responses_are_parsed() {
    run("errors.json", answer);
}

fn answer(case: &Value) -> Value {
    let mut builder = Response::builder().status(case["status"].as_u64().unwrap() as u16);
    for (name, value) in case["headers"].as_object().into_iter().flatten() {
        for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            builder = builder.header(name, value.as_str().unwrap());
        }
    }
    let body = case["body"].as_str().map_or_else(|| case["body"].to_string(), str::to_owned);
    let attempt = Attempt::new(builder.body(Bytes::from(body)).unwrap(), KnownKeys::new());
    let read = match case["operation"].as_str().unwrap() {
        "list" => wire::parse_list(&attempt).map(|keys| json!({ "keys": keys.iter().map(key).collect::<Value>() })),
        "create" => wire::parse_create(&attempt).map(|created| json!({ "key": key(&created) })),
        "delete" => wire::parse_delete(&attempt).map(|()| json!({ "deleted": true })),
        other => panic!("no operation {other}"),
    };
    read.unwrap_or_else(error)
}
