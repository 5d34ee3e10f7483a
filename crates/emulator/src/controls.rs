//! The control endpoints under `/_emulator/`. Tests read and change the emulator's state through them. The endpoints
//! need no API key, and the journal does not record requests to them.

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::account::Snapshot;
use crate::fault_script::FaultScript;
use crate::journal::Journal;
use crate::json::without_byte_order_mark;
use crate::mask::{Masker, mask};
use crate::quota::RateLimit;
use crate::server::Server;
use crate::wire::{ApiError, ApiKeyDetails, ApiResponse};

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
        ("/_emulator/journal", &Method::GET) => Ok(journal(&server.journal)),
        ("/_emulator/journal", &Method::DELETE) => {
            server.journal.clear();
            Ok(ApiResponse::no_content())
        }
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

fn journal(journal: &Journal) -> ApiResponse {
    #[derive(Serialize)]
    struct Requests<'a, T> {
        requests: &'a T,
    }
    ApiResponse::json(StatusCode::OK, &Requests { requests: journal.entries() })
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
