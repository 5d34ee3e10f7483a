//! The probes that create and delete keys.

use std::time::{Duration, Instant};

use codat_keys::internal::generate_idempotency_key;
use codat_keys::{Client, Response, Timestamp};
use serde_json::Value;

use super::{NO_KEY, NO_MORE_KEYS, expect};
use crate::commands::emulator::verify::call::{Call, Creation, KEYS};
use crate::commands::emulator::verify::findings::Findings;
use crate::commands::emulator::verify::seen::{describe, json};
use crate::commands::emulator::verify::session::{Session, Stop};

/// The times between requests with a new key, in milliseconds. After a request has succeeded, no further request is
/// sent.
const WAITS_UNTIL_VALID: [u64; 4] = [500, 1_500, 4_000, 8_000];

/// The times between requests with a deleted key, in milliseconds. After a request has failed, no further request is
/// sent.
const WAITS_UNTIL_REJECTED: [u64; 2] = [1_000, 4_000];

/// Codat's limit on the length of a name.
const MAX_NAME: usize = 50;

pub(super) async fn create(session: &mut Session, findings: &mut Findings) -> Result<Option<&'static str>, Stop> {
    let (name, key) = (session.name.clone(), generate_idempotency_key());
    session.first_idempotency_key.clone_from(&key);
    let creation =
        Creation { name: &name, body: &body_of(&name), idempotency_key: &key, client: None, is_repeat: false };
    let Some(response) = session.create(creation).await? else { return Ok(Some(NO_MORE_KEYS)) };
    expect(findings, "create", &response, 201, "POST /apiKeys");
    let Some(made) = session.made.first() else {
        if response.status().is_success() {
            findings.add("create", false, "a key that existed before");
        }
        return Ok(Some(NO_KEY));
    };
    let (id, client) = (made.id.clone(), made.client.clone());
    session.created = response.bytes().clone();
    examine_key(findings, &json(&response).unwrap_or_default());
    try_new_key(session, findings, &client).await?;

    let list = session.send(Call::get(KEYS)).await?;
    let keys: Value = json(&list).unwrap_or_default();
    let results = keys["results"].as_array().cloned().unwrap_or_default();
    let secret = |key: &Value| key["apiKey"].as_str().map(str::to_owned);
    let own = session.own.api_key.expose_secret();
    let holds_own = results.iter().any(|key| secret(key).as_deref() == Some(own));
    let position = results.iter().position(|key| key["id"] == id.as_str());
    let created: Value = json(&response).unwrap_or_default();
    let holds_new = position.is_some_and(|position| secret(&results[position]) == secret(&created));
    let holds = holds_own && holds_new && keys["pageNumber"].is_null();
    let seen = match (holds_own, holds_new) {
        _ if holds => format!("{}, with all keys", describe(&list)),
        (true, true) => "pages".into(),
        (true, false) => format!("{}, without the new key", describe(&list)),
        _ => format!("{}, without the key in use", describe(&list)),
    };
    findings.add("list", holds, seen);
    let date = |key: &Value| key["createdDate"].as_str()?.parse::<Timestamp>().ok();
    let dates: Vec<Timestamp> = results.iter().filter_map(date).collect();
    if let Some(position) = position {
        let holds = dates.is_sorted() && position + 1 == results.len();
        findings.add("list-order", holds, if holds { "the oldest first" } else { "another order" });
    }
    Ok(Some("the new key is not listed"))
}

/// Compares the value, the id and the creation date of a new key with the corresponding rows of `docs/fidelity.md`.
fn examine_key(findings: &mut Findings, key: &Value) {
    let text = |member: &str| key[member].as_str().unwrap_or_default().to_owned();
    let (secret, id, date) = (text("apiKey"), text("id"), text("createdDate"));
    let is_alphanumeric = secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let kind = if is_alphanumeric { "ASCII letters and digits" } else { "other characters, too" };
    findings.add("key-form", secret.len() == 40 && is_alphanumeric, format!("{} bytes, {kind}", secret.len()));
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    let is_uuid = groups == [8, 4, 4, 4, 12] && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    findings.add("key-id", is_uuid, if is_uuid { "a UUID with dashes" } else { "another form" });
    let is_utc = date.len() == "2026-11-28T22:53:25Z".len() && date.ends_with('Z') && date.parse::<Timestamp>().is_ok();
    findings.add("created-date", is_utc, if date.is_empty() { "no date" } else { &date });
}

/// Sends requests with the new key until it is valid.
async fn try_new_key(session: &mut Session, findings: &mut Findings, client: &Client) -> Result<(), Stop> {
    let started = Instant::now();
    let mut response = session.send(Call::get(KEYS).with(client)).await?;
    session.is_new_key_valid = response.status().is_success();
    if session.is_new_key_valid {
        findings.add("new-key", true, "valid at the first request");
        return Ok(());
    }
    for wait in WAITS_UNTIL_VALID {
        session.wait(Duration::from_millis(wait)).await?;
        response = session.send(Call::get(KEYS).with(client)).await?;
        if response.status().is_success() {
            session.is_new_key_valid = true;
            findings.add("new-key", false, format!("valid after {:.1} s", started.elapsed().as_secs_f64()));
            return Ok(());
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    findings.add("new-key", false, format!("not valid after {seconds:.1} s: {}", describe(&response)));
    Ok(())
}

/// Sends requests that Codat should refuse. If Codat accepts a request and creates a key, this key counts as one of the
/// two keys that the command may create.
pub(super) async fn bad_requests(session: &mut Session, findings: &mut Findings) -> Result<Option<&'static str>, Stop> {
    if session.made.is_empty() {
        // The API key in use may lack the permission to create keys.
        return Ok(Some(NO_KEY));
    }
    let name = session.name.clone();
    let long = format!("{name}{}", "x".repeat(MAX_NAME + 1 - name.len()));
    // A character outside the BMP has two UTF-16 code units: the name has 51 code units, but fewer characters.
    let pairs = (MAX_NAME + 1 - name.len()).div_ceil(2);
    let wide = format!("{name}{}", "\u{1f511}".repeat(pairs));
    let key = generate_idempotency_key();
    for (row, idempotency_key) in [("idempotency-correlation-id", key.as_str()), ("idempotency-form", name.as_str())] {
        let Some(first) = refused(session, &long, &body_of(&long), idempotency_key, false).await? else {
            return Ok(Some(NO_MORE_KEYS));
        };
        if row == "idempotency-correlation-id" {
            expect(findings, "name-length", &first, 400, "a name of 51 characters");
        }
        let Some(second) = refused(session, &long, &body_of(&long), idempotency_key, true).await? else {
            return Ok(Some(NO_MORE_KEYS));
        };
        let holds = first.bytes() == second.bytes() && first.status() == second.status();
        if first.correlation_id().is_some() {
            findings.add(row, holds, if holds { "the first response again" } else { "another response" });
        }
    }
    let unreadable = format!(r#"{{"name":"{name}""#);
    let text = format!(r#""{name}""#);
    for (row, name, body, what) in [
        ("name-units", wide.as_str(), body_of(&wide), "a name of 51 code units"),
        ("create-body", &name, unreadable, "an unreadable body"),
        ("create-body", &name, text, "a string"),
    ] {
        let Some(response) = refused(session, name, &body, &generate_idempotency_key(), false).await? else {
            return Ok(Some(NO_MORE_KEYS));
        };
        expect(findings, row, &response, 400, what);
    }
    Ok(None)
}

async fn refused(
    session: &mut Session,
    name: &str,
    body: &str,
    idempotency_key: &str,
    is_repeat: bool,
) -> Result<Option<Response>, Stop> {
    session.create(Creation { name, body, idempotency_key, client: None, is_repeat }).await
}

pub(super) async fn duplicate(session: &mut Session, findings: &mut Findings) -> Result<Option<&'static str>, Stop> {
    if session.made.is_empty() {
        return Ok(Some(NO_KEY));
    }
    let name = session.name.clone();
    let creation = Creation {
        name: &name,
        body: &body_of(&name),
        idempotency_key: &generate_idempotency_key(),
        client: None,
        is_repeat: false,
    };
    let before = session.made.len();
    let Some(response) = session.create(creation).await? else { return Ok(Some(NO_MORE_KEYS)) };
    let holds = response.status().is_success() && session.made.len() > before;
    let seen =
        if holds || !response.status().is_success() { describe(&response) } else { "the first key again".into() };
    findings.add("duplicate-names", holds, format!("the same name: {seen}"));
    Ok(None)
}

pub(super) async fn delete(session: &mut Session, findings: &mut Findings) -> Result<Option<&'static str>, Stop> {
    let Some(last) = session.made.len().checked_sub(1) else { return Ok(Some(NO_KEY)) };
    let response = session.delete(last, None).await?;
    expect(findings, "delete", &response, 204, "DELETE");
    if !response.bytes().is_empty() {
        findings.add("delete", false, "with a body");
    }
    if !session.made[last].is_deleted {
        return Ok(Some("the API has not deleted a key"));
    }
    try_deleted_key(session, findings, last).await?;
    let again = session.delete(last, None).await?;
    expect(findings, "delete-unknown", &again, 404, "the id of a deleted key");
    if last == 0 || !session.is_new_key_valid {
        return Ok(Some("needs a second valid key"));
    }
    let client = session.made[0].client.clone();
    let response = session.delete(0, Some(&client)).await?;
    expect(findings, "delete-self", &response, 204, "a key deletes itself");
    Ok(None)
}

/// Sends requests with a deleted key until it is rejected.
async fn try_deleted_key(session: &mut Session, findings: &mut Findings, deleted: usize) -> Result<(), Stop> {
    let (started, client) = (Instant::now(), session.made[deleted].client.clone());
    let mut response = session.send(Call::get(KEYS).with(&client)).await?;
    for wait in WAITS_UNTIL_REJECTED {
        if !response.status().is_success() {
            break;
        }
        session.wait(Duration::from_millis(wait)).await?;
        response = session.send(Call::get(KEYS).with(&client)).await?;
    }
    let what = format!("after {:.1} s", started.elapsed().as_secs_f64());
    expect(findings, "deleted-key", &response, 401, &what);
    Ok(())
}

/// Returns the body of the request that creates a key.
pub(super) fn body_of(name: &str) -> String {
    format!(r#"{{"name":"{name}"}}"#)
}
