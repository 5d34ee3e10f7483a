//! The probe of the idempotency keys. It repeats the request that created the first API key.

use codat_keys::{Client, KeyId, Response};
use serde_json::Value;

use super::keys::body_of;
use super::{NO_KEY, NO_MORE_KEYS, expect};
use crate::commands::emulator::verify::call::{Call, Creation, KEYS};
use crate::commands::emulator::verify::findings::Findings;
use crate::commands::emulator::verify::seen::{describe, json};
use crate::commands::emulator::verify::session::{Session, Stop};

pub(super) async fn idempotency(session: &mut Session, findings: &mut Findings) -> Result<Option<&'static str>, Stop> {
    let Some(first) = session.made.first().map(|made| (made.id.clone(), made.client.clone())) else {
        return Ok(Some(NO_KEY));
    };
    let (id, new_client) = first;
    let (name, key) = (session.name.clone(), session.first_idempotency_key.clone());
    let body = body_of(&name);

    let Some(response) = repeat(session, &name, &body, None).await? else { return Ok(Some(NO_MORE_KEYS)) };
    let is_same = response.bytes() == &session.created && response.status().as_u16() == 201;
    let seen = if is_same { "the first response again".into() } else { describe(&response) };
    findings.add("idempotency", is_same, seen);
    let what = replayed(&response, &id);
    findings.add("idempotency-create", what == SAME_KEY, what.as_str());
    if what != SAME_KEY {
        return Ok(Some("the API does not repeat the response to POST /apiKeys"));
    }

    let list = session.send(Call::get(KEYS).idempotency_key(&key)).await?;
    let has_results = json::<Value>(&list).is_some_and(|body| body["results"].is_array());
    findings.add("idempotency-methods", has_results, format!("GET: {}", describe(&list)));
    let stranger = session.stranger();
    if let Some(response) = repeat(session, &name, &body, Some(&stranger)).await? {
        expect(findings, "idempotency-authentication", &response, 401, "an unknown key");
    }
    if session.is_new_key_valid {
        let Some(response) = repeat(session, &name, &body, Some(&new_client)).await? else {
            return Ok(Some(NO_MORE_KEYS));
        };
        let what = replayed(&response, &id);
        findings.add("idempotency-client", what == SAME_KEY, format!("another API key: {what}"));
    }
    let spaced = format!(r#"{{"name": "{name}"}}"#);
    let other = format!("{name}-other");
    for (row, name, body, what) in [
        ("idempotency-body", &other, body_of(&other), "another name"),
        ("idempotency-body-bytes", &name, spaced, "one more space"),
    ] {
        let Some(response) = repeat(session, name, &body, None).await? else { return Ok(Some(NO_MORE_KEYS)) };
        expect(findings, row, &response, 422, what);
    }
    let Some(response) = repeat(session, &name, &body, None).await? else { return Ok(Some(NO_MORE_KEYS)) };
    let what = replayed(&response, &id);
    findings.add("idempotency-first-stays", what == SAME_KEY, format!("after the 422: {what}"));
    Ok(Some("the new key is not valid"))
}

/// Sends a request to create a key. The request has the idempotency key of the request that created the first key.
async fn repeat(
    session: &mut Session,
    name: &str,
    body: &str,
    client: Option<&Client>,
) -> Result<Option<Response>, Stop> {
    let key = session.first_idempotency_key.clone();
    session.create(Creation { name, body, idempotency_key: &key, client, is_repeat: true }).await
}

const SAME_KEY: &str = "the same key";

/// Describes the response to a repeated request. `id` is the id of the key that the first request created.
fn replayed(response: &Response, id: &KeyId) -> String {
    let key: Value = json(response).unwrap_or_default();
    match response.status().is_success() {
        true if key["id"] == id.as_str() => SAME_KEY.into(),
        true => "a second key".into(),
        false => describe(response),
    }
}
