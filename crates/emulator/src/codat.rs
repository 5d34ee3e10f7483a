//! Codat's operations. Whoever gets here is authenticated and within the quota.

use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::{Value, json};

use crate::companies;
use crate::server::Server;
use crate::wire::{Answer, ApiKeyDetails, Refusal};

pub(crate) fn answer(server: &mut Server, key_id: &str, head: &Parts, body: &[u8]) -> Result<Answer, Refusal> {
    let path: Vec<&str> = head.uri.path().split('/').skip(1).collect();
    match (path.as_slice(), &head.method) {
        (["apiKeys"], &Method::GET) => Ok(list_keys(&server.account.keys)),
        (["apiKeys"], &Method::POST) => create_key(server, body),
        (["apiKeys"], _) => Err(Refusal::method_not_allowed("GET, POST")),
        (["apiKeys", id], &Method::DELETE) if !id.is_empty() => delete_key(server, id),
        (["apiKeys", id], _) if !id.is_empty() => Err(Refusal::method_not_allowed("DELETE")),
        (["companies"], &Method::GET) => companies::list(server.account.companies, head.uri.query()),
        (["profile"], &Method::GET) => Ok(profile(server, key_id)),
        (["companies" | "profile"], _) => Err(Refusal::method_not_allowed("GET")),
        _ => Err(Refusal::not_found("Resource")),
    }
}

pub(crate) fn list_keys(keys: &[ApiKeyDetails]) -> Answer {
    #[derive(Serialize)]
    struct ApiKeys<'a> {
        results: &'a [ApiKeyDetails],
    }
    Answer::json(StatusCode::OK, &ApiKeys { results: keys })
}

fn create_key(server: &mut Server, body: &[u8]) -> Result<Answer, Refusal> {
    let now = server.clock.now();
    let name = name_in(body)?;
    server.change(|account| Ok(Answer::json(StatusCode::CREATED, account.create(name, now)?)))
}

fn delete_key(server: &mut Server, id: &str) -> Result<Answer, Refusal> {
    let id = percent_decode_str(id).decode_utf8_lossy();
    server.change(|account| account.delete(&id))?;
    Ok(Answer::no_content())
}

/// The deprecated `apiKey` member is the key that asked: no source says which key it is.
fn profile(server: &Server, key_id: &str) -> Answer {
    let key = server.account.keys.iter().find(|key| key.id == key_id);
    let profile = json!({
        "name": "Emulated client",
        "redirectUrl": "https://client.example/{companyId}",
        "whiteListUrls": [],
        "apiKey": key.map(|key| &key.api_key),
        "confirmCompanyName": false,
    });
    Answer::json(StatusCode::OK, &profile)
}

/// The name to give to a new key. No body, no name and a null name all mean none.
fn name_in(body: &[u8]) -> Result<Option<String>, Refusal> {
    if body.is_empty() {
        return Ok(None);
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut members)) => match members.remove("name") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(name)) => Ok(Some(name)),
            Some(_) => Err(Refusal::bad_request("`name` must be a string or null.")),
        },
        _ => Err(Refusal::bad_request("The request body must be a JSON object.")),
    }
}
