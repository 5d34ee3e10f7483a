//! The controls under `/_emulator/`: a test sets the scene and looks inside. They need no key and are not journalled.

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::journal::Journal;
use crate::mask::{Masks, mask};
use crate::quota::RateLimit;
use crate::script::Script;
use crate::server::Server;
use crate::state::Snapshot;
use crate::wire::{Answer, ApiKeyDetails, Refusal};

/// Whether a path belongs to the controls rather than to Codat.
pub(crate) fn own(path: &str) -> bool {
    path == "/_emulator" || path.starts_with("/_emulator/")
}

pub(crate) fn answer(server: &mut Server, head: &Parts, body: Result<Bytes, Refusal>) -> Result<Answer, Refusal> {
    match (head.uri.path(), &head.method) {
        ("/_emulator/state", &Method::GET) => Ok(state(server)),
        ("/_emulator/state", &Method::PUT) => set_state(server, &body?),
        ("/_emulator/state", _) => Err(Refusal::method_not_allowed("GET, PUT")),
        ("/_emulator/journal", &Method::GET) => Ok(journal(&server.journal)),
        ("/_emulator/journal", &Method::DELETE) => {
            server.journal.clear();
            Ok(Answer::no_content())
        }
        ("/_emulator/journal", _) => Err(Refusal::method_not_allowed("GET, DELETE")),
        ("/_emulator/clock", &Method::GET) => Ok(clock(server)),
        ("/_emulator/clock", &Method::POST) => advance_clock(server, &body?),
        ("/_emulator/clock", _) => Err(Refusal::method_not_allowed("GET, POST")),
        ("/_emulator/faults", &Method::GET) => Ok(faults(server)),
        ("/_emulator/faults", &Method::PUT) => set_faults(server, &body?),
        ("/_emulator/faults", &Method::DELETE) => {
            server.faults = Script::default();
            Ok(Answer::no_content())
        }
        ("/_emulator/faults", _) => Err(Refusal::method_not_allowed("GET, PUT, DELETE")),
        _ => Err(Refusal::not_found("Resource")),
    }
}

fn state(server: &Server) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct State {
        keys: Vec<ApiKeyDetails>,
        companies: u32,
        last_key_can_be_deleted: bool,
        enforce_limits: bool,
        rate_limit: RateLimit,
    }
    let account = &server.account;
    // A key given as a name, by mistake, is one all the same.
    let masks = Masks::new(account.keys.iter().map(|key| key.api_key.as_str()), std::iter::empty());
    let masked = |key: &ApiKeyDetails| ApiKeyDetails {
        api_key: mask(&key.api_key),
        name: key.name.as_deref().map(|name| masks.text(name)),
        ..key.clone()
    };
    let state = State {
        keys: account.keys.iter().map(masked).collect(),
        companies: account.companies,
        last_key_can_be_deleted: account.last_key_can_be_deleted,
        enforce_limits: account.enforce_limits,
        rate_limit: account.quota.at(account.companies, server.clock.now()),
    };
    Answer::json(StatusCode::OK, &state)
}

fn set_state(server: &mut Server, body: &[u8]) -> Result<Answer, Refusal> {
    let snapshot = Snapshot::parse(body).map_err(Refusal::bad_request)?;
    if snapshot.generator.is_some() {
        return Err(Refusal::bad_request("`generator` belongs to the state file alone"));
    }
    let now = server.clock.now();
    server.change(|account| account.apply(snapshot, now).map_err(Refusal::bad_request))?;
    Ok(state(server))
}

fn journal(journal: &Journal) -> Answer {
    #[derive(Serialize)]
    struct Requests<'a, T> {
        requests: &'a T,
    }
    Answer::json(StatusCode::OK, &Requests { requests: journal.entries() })
}

fn clock(server: &Server) -> Answer {
    Answer::json(StatusCode::OK, &server.clock.shown())
}

fn advance_clock(server: &mut Server, body: &[u8]) -> Result<Answer, Refusal> {
    server.clock.advance_by_json(body).map_err(Refusal::bad_request)?;
    Ok(clock(server))
}

fn faults(server: &Server) -> Answer {
    Answer::json(StatusCode::OK, &json!({ "faults": server.faults.left() }))
}

fn set_faults(server: &mut Server, body: &[u8]) -> Result<Answer, Refusal> {
    server.faults = Script::parse(body).map_err(Refusal::bad_request)?;
    Ok(faults(server))
}
