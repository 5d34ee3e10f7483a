//! The control endpoints under `/_emulator/`. Tests use these endpoints to read and change the emulator's state. The
//! endpoints need no API key. The journal does not record requests to these endpoints.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use http_body_util::channel::{Channel, SendError, Sender};
use serde::Serialize;
use serde_json::json;

use crate::account::Snapshot;
use crate::fault_script::FaultScript;
use crate::json::without_byte_order_mark;
use crate::mask::{Masker, mask};
use crate::quota::RateLimit;
use crate::server::{Server, SharedServer};
use crate::wire::{ApiError, ApiKeyDetails, ApiResponse, JSON, escape};

pub(crate) fn respond(server: &mut Server, head: &Parts, body: Result<Bytes, ApiError>) -> ApiResponse {
    dispatch(server, head, body).unwrap_or_else(|error| server.error_response(error))
}

fn dispatch(server: &mut Server, head: &Parts, body: Result<Bytes, ApiError>) -> Result<ApiResponse, ApiError> {
    let body = body.as_deref().map_err(Clone::clone).and_then(|body| {
        without_byte_order_mark(body).map_err(|what| ApiError::bad_request(format!("the body {what}")))
    });
    match (head.uri.path(), &head.method) {
        ("/_emulator/state", &Method::GET) => Ok(ApiResponse::json(StatusCode::OK, &state(server))),
        ("/_emulator/state", &Method::PUT) => {
            set_state(server, body?)?;
            Ok(ApiResponse::json(StatusCode::OK, &state(server)))
        }
        ("/_emulator/state", _) => Err(ApiError::method_not_allowed("GET, PUT")),
        ("/_emulator/journal", &Method::DELETE) => {
            server.journal.clear();
            Ok(ApiResponse::no_content())
        }
        // `journal` responds to GET.
        ("/_emulator/journal", _) => Err(ApiError::method_not_allowed("GET, DELETE")),
        ("/_emulator/clock", &Method::GET) => Ok(clock(server)),
        ("/_emulator/clock", &Method::POST) => advance_clock(server, body?),
        ("/_emulator/clock", _) => Err(ApiError::method_not_allowed("GET, POST")),
        ("/_emulator/faults", &Method::GET) => Ok(faults(server)),
        ("/_emulator/faults", &Method::PUT) => set_faults(server, body?),
        ("/_emulator/faults", &Method::DELETE) => {
            server.faults = FaultScript::default();
            Ok(ApiResponse::no_content())
        }
        ("/_emulator/faults", _) => Err(ApiError::method_not_allowed("GET, PUT, DELETE")),
        _ => Err(ApiError::not_found("Resource")),
    }
}

pub(crate) fn state(server: &Server) -> impl Serialize + use<> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct State {
        keys: Vec<ApiKeyDetails>,
        companies: u32,
        invoices: u32,
        last_key_can_be_deleted: bool,
        enforce_limits: bool,
        rate_limit: RateLimit,
    }
    let account = &server.account;
    // Masks the keys in names, because a user may have pasted a key as a name by mistake.
    let masker = Masker::new(account.keys.iter().map(|key| key.api_key.as_str()), std::iter::empty());
    let masked = |key: &ApiKeyDetails| ApiKeyDetails {
        api_key: mask(&key.api_key),
        name: key.name.as_deref().map(|name| masker.text(name)),
        ..key.clone()
    };
    State {
        keys: account.keys.iter().map(masked).collect(),
        companies: account.companies,
        invoices: account.invoices,
        last_key_can_be_deleted: account.last_key_can_be_deleted,
        enforce_limits: account.enforce_limits,
        rate_limit: account.quota.at(account.companies, server.clock.now()),
    }
}

pub(crate) fn set_state(server: &mut Server, body: &[u8]) -> Result<(), ApiError> {
    let snapshot = Snapshot::parse(body).map_err(ApiError::bad_request)?;
    if snapshot.generator.is_some() {
        return Err(ApiError::bad_request("`generator` is allowed only in the state file"));
    }
    let now = server.clock.now();
    server.change(|account| account.apply(snapshot, now).map_err(ApiError::bad_request))
}

/// Returns whether a request reads the journal.
pub(crate) fn is_journal(head: &Parts) -> bool {
    head.uri.path() == "/_emulator/journal" && head.method == Method::GET
}

/// Returns the journal. A long journal is converted to JSON and sent in parts. The whole JSON can have 200 MB, and
/// would stay in memory while a slow client reads it. An entry that is removed from the journal while the response is
/// sent can be missing from the response.
pub(crate) fn journal(server: SharedServer) -> Response {
    let last = server.lock().journal.last_seq();
    let (json, sent) = next_part(&server, 0, last).unwrap_or_default();
    let start = format!("{{\"requests\":[{}", escape(json));
    if next_part(&server, sent, last).is_none() {
        return ApiResponse::new(StatusCode::OK, JSON, start + "]}").into_response();
    }
    let (sender, channel) = Channel::new(1);
    // Sending fails if the client disconnects.
    tokio::spawn(async move { drop(send_journal(server, sender, start, sent, last).await) });
    let response = ApiResponse::empty(StatusCode::OK).with_header(CONTENT_TYPE, HeaderValue::from_static(JSON));
    let mut response = response.into_response();
    *response.body_mut() = Body::new(channel);
    response
}

/// Sends the body of a journal response. `start` is the beginning of the body, with all entries up to the sequence
/// number `sent`. `last` is the sequence number of the last entry to send.
async fn send_journal(
    server: SharedServer,
    mut sender: Sender<Bytes, io::Error>,
    start: String,
    mut sent: u64,
    last: u64,
) -> Result<(), SendError> {
    sender.send_data(Bytes::from(start)).await?;
    while let Some((json, seq)) = next_part(&server, sent, last) {
        sender.send_data(Bytes::from(format!(",{}", escape(json)))).await?;
        sent = seq;
    }
    sender.send_data(Bytes::from("]}")).await
}

/// Returns the next part of the journal. This is a separate function, because the lock on the server must be released
/// before the part is sent.
fn next_part(server: &SharedServer, after: u64, last: u64) -> Option<(String, u64)> {
    server.lock().journal.part(after, last)
}

fn clock(server: &Server) -> ApiResponse {
    ApiResponse::json(StatusCode::OK, &json!({ "now": format!("{:.3}", server.clock.now()) }))
}

fn advance_clock(server: &mut Server, body: &[u8]) -> Result<ApiResponse, ApiError> {
    server.clock.advance_by_json(body).map_err(ApiError::bad_request)?;
    Ok(clock(server))
}

fn faults(server: &Server) -> ApiResponse {
    ApiResponse::json(StatusCode::OK, &json!({ "faults": server.faults.remaining() }))
}

fn set_faults(server: &mut Server, body: &[u8]) -> Result<ApiResponse, ApiError> {
    server.faults = FaultScript::parse(body).map_err(ApiError::bad_request)?;
    Ok(faults(server))
}
