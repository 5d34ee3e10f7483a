//! The probes that create no key.

use codat_keys::internal::generate_idempotency_key;
use codat_keys::{ApiKey, AuthorizationHeader, Method};
use serde_json::Value;

use super::expect;
use crate::commands::emulator::verify::call::{Call, Creation, KEYS};
use crate::commands::emulator::verify::findings::Findings;
use crate::commands::emulator::verify::seen::{describe, json};
use crate::commands::emulator::verify::session::{Session, Stop};

const UNKNOWN_PATH: &str = "/codat-keys-verify";

/// A query that selects no company.
const NOTHING: &str = "query=id%3D00000000-0000-0000-0000-000000000000";

pub(super) async fn authentication(
    session: &mut Session,
    findings: &mut Findings,
) -> Result<Option<&'static str>, Stop> {
    let key = session.own.api_key.clone();
    let header = AuthorizationHeader::from(&key);
    // The command has listed the keys before the probes. The success of this request shows that the header is accepted.
    findings.add("authorization", true, "the Base64 of the key is accepted");
    let colon = ApiKey::verbatim(&format!("{}:", key.expose_secret())).map_err(|error| Stop::Failed(error.into()))?;
    let with_colon = AuthorizationHeader::from(&colon);
    let response = session.send(Call::get(KEYS).authorization(with_colon.expose_secret())).await?;
    expect(findings, "authorization", &response, 401, "the Base64 of `key:`");
    let raw = format!("Basic {}", key.expose_secret());
    let response = session.send(Call::get(KEYS).authorization(&raw)).await?;
    expect(findings, "authorization", &response, 401, "the raw key");
    let lower_case = header.expose_secret().replacen("Basic", "basic", 1);
    let response = session.send(Call::get(KEYS).authorization(&lower_case)).await?;
    expect(findings, "authorization-scheme", &response, 200, "`basic`");

    let stranger = session.stranger();
    let response = session.send(Call::get(KEYS).with(&stranger)).await?;
    expect(findings, "wrong-key", &response, 401, "an unknown key");
    let response = session.send(Call::get(UNKNOWN_PATH).with(&stranger)).await?;
    expect(findings, "authentication-first", &response, 401, "an unknown path");
    let name = session.name.clone();
    let creation = Creation {
        name: &name,
        body: &format!(r#"{{"name":"{name}""#),
        idempotency_key: &generate_idempotency_key(),
        client: Some(&stranger),
        is_repeat: false,
    };
    if let Some(response) = session.create(creation).await? {
        expect(findings, "authentication-first", &response, 401, "an unreadable body");
    }
    Ok(None)
}

pub(super) async fn paths(session: &mut Session, findings: &mut Findings) -> Result<Option<&'static str>, Stop> {
    let response = session.send(Call::get(UNKNOWN_PATH)).await?;
    expect(findings, "unknown-path", &response, 404, UNKNOWN_PATH);
    let is_error = json::<Value>(&response).is_some_and(|body| body["error"].is_string());
    findings.add("unknown-path", is_error, if is_error { "with an error body" } else { "without an error body" });

    let response = session.send(Call::new(Method::PUT, KEYS)).await?;
    expect(findings, "other-method", &response, 405, "PUT /apiKeys");
    if response.status().as_u16() == 405 {
        let allow = response.headers().get("allow").and_then(|allow| allow.to_str().ok()).unwrap_or_default();
        let methods: Vec<&str> = allow.split(',').map(str::trim).collect();
        let holds = ["GET", "POST"].iter().all(|method| methods.contains(method));
        findings.add("allow", holds, if allow.is_empty() { "no Allow".into() } else { format!("Allow: {allow}") });
    }
    let response = session.send(Call::new(Method::HEAD, KEYS)).await?;
    expect(findings, "head", &response, 405, "HEAD /apiKeys");
    Ok(Some("the API has not refused PUT /apiKeys"))
}

pub(super) async fn profile(session: &mut Session, findings: &mut Findings) -> Result<Option<&'static str>, Stop> {
    let response = session.send(Call::get("/profile")).await?;
    expect(findings, "profile", &response, 200, "GET /profile");
    let profile: Value = json(&response).unwrap_or_default();
    let missing = ["name", "redirectUrl"].into_iter().filter(|member| !profile[member].is_string());
    let missing: Vec<&str> = missing.collect();
    if response.status().is_success() && !missing.is_empty() {
        findings.add("profile", false, format!("no {}", missing.join(", ")));
    }
    let own = session.own.api_key.expose_secret();
    match &profile["apiKey"] {
        Value::String(key) if key == own => findings.add("profile-key", true, "the key of the request"),
        Value::String(_) => findings.add("profile-key", false, "another text"),
        _ if response.status().is_success() => findings.add("profile-key", false, "no `apiKey`"),
        _ => {}
    }
    Ok(Some("the API has not returned the profile"))
}

pub(super) async fn pages(session: &mut Session, findings: &mut Findings) -> Result<Option<&'static str>, Stop> {
    let first = session.send(Call::get("/companies?page=1&pageSize=1")).await?;
    if matches!(first.status().as_u16(), 401 | 403) {
        return Ok(Some("the key cannot list companies"));
    }
    let page: Value = json(&first).unwrap_or_default();
    let is_page = page["pageNumber"] == 1 && page["pageSize"] == 1 && page["totalResults"].is_u64();
    let has_results = page["results"].as_array().is_some_and(|results| results.len() <= 1);
    let link = page["_links"]["current"]["href"].as_str().unwrap_or_default();
    for (holds, what) in [
        (is_page, "pageNumber, pageSize and totalResults"),
        (has_results, "results"),
        (link.starts_with('/'), "relative _links"),
    ] {
        let seen = if holds { what.to_owned() } else { format!("{}, without {what}", describe(&first)) };
        findings.add("paging", holds, seen);
    }

    let get = async |session: &mut Session, query: &str| session.send(Call::get(&format!("/companies?{query}"))).await;
    let both = get(session, &format!("{NOTHING}%26%26name!%3Dx&orderBy=-name")).await?;
    let page: Value = json(&both).unwrap_or_default();
    let is_empty = page["results"].as_array().is_some_and(Vec::is_empty);
    findings.add("query", is_empty, format!("an unknown id: {}", if is_empty { "nothing" } else { "no empty page" }));
    expect(findings, "order-by", &both, 200, "orderBy=-name");
    if both.status().is_success() {
        findings.add("paging", page["pageSize"] == 100, format!("pageSize is {} by default", page["pageSize"]));
        let link = page["_links"]["self"]["href"].as_str().unwrap_or_default();
        let holds = link.contains("query=") && link.contains("orderBy=");
        findings.add("links", holds, if holds { "query and orderBy" } else { "not all parameters" });
    }
    for (row, query, status) in [
        ("query", "query=codat-keys-verify", 400),
        ("order-by", "orderBy=codatKeysVerify", 400),
        ("page-size", &format!("pageSize=5000&{NOTHING}"), 200),
        ("page-size", &format!("pageSize=5001&{NOTHING}"), 400),
        ("paging-errors", &format!("page=0&{NOTHING}"), 400),
        ("paging-errors", &format!("page=x&{NOTHING}"), 400),
    ] {
        let response = get(session, query).await?;
        expect(findings, row, &response, status, query.split('&').next().unwrap_or_default());
    }
    let beyond = get(session, "page=1000000&pageSize=1").await?;
    let page: Value = json(&beyond).unwrap_or_default();
    let is_empty = page["results"].as_array().is_some_and(Vec::is_empty);
    let seen = if is_empty { "an empty page".into() } else { describe(&beyond) };
    findings.add("page-beyond", beyond.status().is_success() && is_empty, format!("page=1000000: {seen}"));
    Ok(Some("the API has not returned a page"))
}
