//! Compares the responses to all probes with the rows of `docs/fidelity.md` about error bodies and rate limits. Any
//! response can confirm or contradict these rows.

use std::collections::HashSet;

use codat_keys::{Response, Timestamp};
use serde_json::Value;

use crate::commands::emulator::verify::findings::Findings;
use crate::commands::emulator::verify::seen::json;
use crate::commands::emulator::verify::session::{Observed, Session};

const HEADERS: [&str; 3] = ["x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"];

const MEMBERS: [&str; 7] =
    ["statusCode", "service", "error", "correlationId", "validation", "canBeRetried", "detailedErrorCode"];

pub(super) fn responses(session: &Session, findings: &mut Findings) {
    errors(&session.observed, findings);
    rate_limits(&session.observed, findings);
    requests(&session.observed, findings);
}

fn errors(observed: &[Observed], findings: &mut Findings) {
    // A response to HEAD has no body.
    let errors = observed.iter().filter(|observed| !observed.is_head && observed.response.status().is_client_error());
    let mut ids = HashSet::new();
    for Observed { response, is_repeat, .. } in errors {
        let status = response.status().as_u16();
        let Some(Value::Object(body)) = json::<Value>(response) else {
            findings.add("error-body", false, format!("HTTP {status} without JSON"));
            continue;
        };
        // `validation` has a row of its own.
        let missing = MEMBERS.iter().filter(|member| **member != "validation" && !body.contains_key(**member));
        let missing: Vec<&str> = missing.copied().collect();
        let seen = if missing.is_empty() { "all members".into() } else { format!("no {}", missing.join(", ")) };
        findings.add("error-body", missing.is_empty(), seen);
        let seen = match body.get("validation") {
            Some(Value::Null) => "null",
            Some(_) => "an object",
            None => "absent",
        };
        findings.add("error-validation", seen == "null", seen);
        let (retry, code) = (body.get("canBeRetried"), body.get("detailedErrorCode"));
        let holds = retry.is_some_and(|retry| *retry == "Unknown") && code.is_some_and(|code| *code == 0);
        let shown = |member: Option<&Value>| member.map_or("absent".into(), ToString::to_string);
        findings.add("error-retry", holds, format!("{}, {}", shown(retry), shown(code)));
        let id = body.get("correlationId").and_then(Value::as_str).unwrap_or_default();
        let is_hex = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        findings.add("correlation-id", is_hex, if is_hex { "32 hexadecimal digits" } else { "another form" });
        if !is_repeat && !id.is_empty() && !ids.insert(id.to_owned()) {
            findings.add("correlation-id", false, "the same for two errors");
        }
    }
}

fn rate_limits(observed: &[Observed], findings: &mut Findings) {
    let holds_all =
        |observed: &&Observed| HEADERS.iter().all(|header| observed.response.headers().contains_key(*header));
    let count = observed.iter().filter(holds_all).count();
    let seen = format!("on {count} of {} responses", observed.len());
    findings.add("rate-limit-headers", count == observed.len(), seen);
    let Some(last) = observed.iter().rfind(holds_all) else { return };
    let reset = header(&last.response, HEADERS[2]);
    let date = reset.parse::<Timestamp>();
    findings.add("rate-limit-reset", date.is_ok(), &reset);
    let limit = header(&last.response, HEADERS[0]);
    let is_multiple = limit.parse::<u64>().is_ok_and(|limit| limit >= 1_000 && limit % 1_000 == 0);
    // A date that cannot be parsed is already reported for the row `rate-limit-reset`.
    let is_midnight = date.map_or(true, |date| date.as_second() % (24 * 60 * 60) == 0);
    findings.add("quota", is_multiple && is_midnight, format!("{limit} requests until {reset}"));
}

/// Compares two numbers: by how many requests the remaining quota has decreased, and how many requests were sent with a
/// valid key.
fn requests(observed: &[Observed], findings: &mut Findings) {
    let remaining = |observed: &Observed| header(&observed.response, HEADERS[1]).parse::<u64>().ok();
    let valid: Vec<&Observed> = observed.iter().filter(|observed| observed.response.status().as_u16() != 401).collect();
    let (Some(first), Some(last)) = (valid.first(), valid.last()) else { return };
    let (Some(before), Some(after)) = (remaining(first), remaining(last)) else { return };
    let sent = valid.len() as u64 - 1;
    // The quota may have been reset in between, or used up before.
    let Some(lost) = before.checked_sub(after).filter(|_| before >= sent) else { return };
    // Other programs may use the quota, too.
    findings.add("quota-count", lost >= sent, format!("{lost} for {sent} requests"));
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().chars().take(40).collect()
}
