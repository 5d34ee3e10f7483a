//! The operations of Codat's API. The caller of [`dispatch`] must first authenticate the request and count it against
//! the quota.

use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::{Value, json};

use crate::server::Server;
use crate::wire::{ApiError, ApiKeyDetails, ApiResponse};
use crate::{companies, invoices};

/// Performs the operation that the path and the method of a request select. `key_id` is the id of the API key that
/// authenticates the request.
pub(crate) fn dispatch(server: &mut Server, key_id: &str, head: &Parts, body: &[u8]) -> Result<ApiResponse, ApiError> {
    let path: Vec<&str> = head.uri.path().split('/').skip(1).collect();
    match (path.as_slice(), &head.method) {
        (["apiKeys"], &Method::GET) => Ok(list_keys(&server.account.keys)),
        (["apiKeys"], &Method::POST) => create_key(server, body),
        (["apiKeys"], _) => Err(ApiError::method_not_allowed("GET, POST")),
        (["apiKeys", id], &Method::DELETE) if !id.is_empty() => delete_key(server, id),
        (["apiKeys", id], _) if !id.is_empty() => Err(ApiError::method_not_allowed("DELETE")),
        (["companies"], &Method::GET) => companies::list(server.account.companies).page(head.uri.query()),
        (["companies", company, "data", "invoices"], method) => {
            let account = &server.account;
            match *method == Method::GET {
                false => Err(ApiError::method_not_allowed("GET")),
                true if !companies::exists(account.companies, company) => Err(ApiError::not_found("Company")),
                true => invoices::list(head.uri.path(), account.invoices).page(head.uri.query()),
            }
        }
        (["profile"], &Method::GET) => Ok(profile(server, key_id)),
        (["companies" | "profile"], _) => Err(ApiError::method_not_allowed("GET")),
        _ => Err(ApiError::not_found("Resource")),
    }
}

pub(crate) fn list_keys(keys: &[ApiKeyDetails]) -> ApiResponse {
    #[derive(Serialize)]
    struct ApiKeys<'a> {
        results: &'a [ApiKeyDetails],
    }
    ApiResponse::json(StatusCode::OK, &ApiKeys { results: keys })
}

fn create_key(server: &mut Server, body: &[u8]) -> Result<ApiResponse, ApiError> {
    let now = server.clock.now();
    let name = parse_name(body)?;
    server.change(|account| Ok(ApiResponse::json(StatusCode::CREATED, account.create(name, now)?)))
}

fn delete_key(server: &mut Server, id: &str) -> Result<ApiResponse, ApiError> {
    let id = percent_decode_str(id).decode_utf8_lossy();
    server.change(|account| account.delete(&id))?;
    Ok(ApiResponse::no_content())
}

/// Returns the response to a request for the profile. The deprecated field `apiKey` contains the API key that
/// authenticates the request. Codat's documents do not specify which API key this field contains.
fn profile(server: &Server, key_id: &str) -> ApiResponse {
    let key = server.account.keys.iter().find(|key| key.id == key_id);
    let profile = json!({
        "name": "Emulated client",
        "redirectUrl": "https://client.example/{companyId}",
        "whiteListUrls": [],
        "apiKey": key.map(|key| &key.api_key),
        "confirmCompanyName": false,
    });
    ApiResponse::json(StatusCode::OK, &profile)
}

/// Returns the name of a new key from the request body. Returns `None` if the body is empty, or if `name` is missing or
/// null.
fn parse_name(body: &[u8]) -> Result<Option<String>, ApiError> {
    if body.is_empty() {
        return Ok(None);
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut fields)) => match fields.remove("name") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(name)) => Ok(Some(name)),
            Some(_) => Err(ApiError::bad_request("`name` must be a string or null.")),
        },
        _ => Err(ApiError::bad_request("The request body must be a JSON object.")),
    }
}
