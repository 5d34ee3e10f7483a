//! The report: a table, lines or JSON.

use codat_keys::Client;
use codat_keys::internal::sanitize;
use codat_keys_emulator::Evidence;
use serde::Serialize;

use super::findings::{Finding, Outcome};
use crate::failure::Failure;
use crate::output::{print_json, print_rows};
use crate::redact::without_secrets;
use crate::stderr::eprint_line;

/// The maximum length in characters of the text about a row. The text can contain parts of responses.
const MAX_CHARS: usize = 200;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    base_url: String,
    requests: u32,
    rows: Vec<RowJson>,
}

#[derive(Serialize)]
struct RowJson {
    row: &'static str,
    evidence: &'static str,
    assumed: &'static str,
    outcome: &'static str,
    seen: String,
}

/// Prints what was found, without secrets.
pub(super) fn print_report(client: &Client, requests: u32, findings: &[Finding], is_json: bool) -> Result<(), Failure> {
    let rows = findings.iter().map(|Finding { behaviour, outcome, seen }| RowJson {
        row: behaviour.name,
        evidence: evidence(behaviour.evidence),
        assumed: behaviour.what,
        outcome: code(*outcome),
        seen: shown(seen),
    });
    if is_json {
        let base_url = shown(client.base_url());
        return print_json(&Document { base_url, requests, rows: rows.collect() });
    }
    let cells = rows.map(|row| [row.row.into(), row.evidence.into(), row.outcome.into(), row.seen, row.assumed.into()]);
    print_rows(["ROW", "EVIDENCE", "OUTCOME", "SEEN", "ASSUMED"], cells)?;
    let count = |outcome| findings.iter().filter(|finding| finding.outcome == outcome).count();
    let [same, differ, untried] = [Outcome::AsAssumed, Outcome::Differs, Outcome::NotTried].map(count);
    eprint_line(&format!("{same} as assumed, {differ} different, {untried} not tried; {requests} requests"));
    Ok(())
}

fn shown(text: &str) -> String {
    sanitize(&without_secrets(text)).chars().take(MAX_CHARS).collect()
}

fn code(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::AsAssumed => "as_assumed",
        Outcome::Differs => "differs",
        Outcome::NotTried => "not_tried",
    }
}

fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Documented => "documented",
        Evidence::Contradicted => "contradicted",
        Evidence::Assumed => "assumed",
    }
}
