//! The output of `scan`.

use codat_keys::internal::sanitize;
use codat_keys_scan::{Event, Finding, GitObject, Key, Place, Severity, Totals};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::print;
use crate::stderr::eprint_line;

/// Prints the findings, and counts them.
pub(super) struct Report {
    is_json: bool,
    is_of_git: bool,
    pub(super) findings: u64,
    pub(super) unread: u64,
}

/// A finding, as a line of JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    place: &'a [String],
    object: Option<Object<'a>>,
    line: u64,
    column: u64,
    start: u64,
    end: u64,
    encoding: &'a str,
    severity: &'static str,
    key_id: Option<&'a str>,
    key_name: Option<&'a str>,
    excerpt: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    id: &'a str,
    kind: &'a str,
    path: Option<&'a str>,
    commit: Option<&'a str>,
    is_unreachable: bool,
}

impl Report {
    pub(super) fn new(is_json: bool, is_of_git: bool) -> Self {
        Self { is_json, is_of_git, findings: 0, unread: 0 }
    }

    pub(super) fn add(&mut self, keys: &[Key], event: Event) -> Result<(), Failure> {
        match event {
            Event::Finding(place, finding) => {
                self.findings += 1;
                match self.is_json {
                    true => print(&(json(&place, &finding, &keys[finding.key]) + "\n")),
                    false => print(&text(&place, &finding, &keys[finding.key])),
                }
            }
            Event::Unread(place, reason) => {
                self.unread += 1;
                let place = place.to_string();
                let colon = if place.is_empty() { "" } else { ": " };
                eprint_line(&format!("warning: not read: {place}{colon}{reason}"));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Prints what was searched, and what to do about the findings.
    pub(super) fn finish(&self, totals: Totals) -> Result<(), Failure> {
        let mib = totals.bytes as f64 / f64::from(1 << 20);
        eprint_line(&format!(
            "findings: {}; searched: {} texts, {mib:.1} MiB; not read: {}",
            self.findings, totals.texts, self.unread
        ));
        if self.findings > 0 {
            eprint_line(
                "to do: 1. Replace each key that others can read, also if you remove it from the place: `codat-keys rotate ID --to SINK`.",
            );
            let clean = match self.is_of_git {
                true => {
                    "2. Remove it from the history: `git filter-repo --replace-text FILE`, and ask the hosts of all copies to delete theirs."
                }
                false => {
                    "2. Remove it from the place. Read it from the environment or from a file that is not published instead."
                }
            };
            eprint_line(clean);
        }
        Ok(())
    }
}

/// Returns the lines of a finding. The scanner has masked the keys. Other texts are not masked, because the ids of git
/// objects look like keys.
fn text(place: &Place, finding: &Finding, key: &Key) -> String {
    let name = key.name().map_or_else(|| key.masked(), str::to_owned);
    let id = key.id().map(|id| format!(" ({id})")).unwrap_or_default();
    let severity = if finding.severity == Severity::Low { ", low severity" } else { "" };
    let mut lines =
        vec![format!("{place}:{}:{}: key {name}{id}, {}{severity}", finding.line, finding.column, finding.encoding)];
    lines.extend(place.object.as_ref().map(|object| format!("    {}", of_git(object))));
    lines.push(format!("    {}", finding.excerpt));
    lines.iter().map(|line| sanitize(line) + "\n").collect()
}

fn of_git(object: &GitObject) -> String {
    let path = object.path.as_ref().map(|path| format!(", {path}")).unwrap_or_default();
    let commit = match &object.commit {
        Some(commit) => format!(", first in commit {commit}"),
        None if object.is_unreachable => ", in no commit, branch or tag".to_owned(),
        None => String::new(),
    };
    format!("{} {}{path}{commit}", object.kind, object.id)
}

fn json(place: &Place, finding: &Finding, key: &Key) -> String {
    let object = place.object.as_ref().map(|object| Object {
        id: &object.id,
        kind: &object.kind,
        path: object.path.as_deref(),
        commit: object.commit.as_deref(),
        is_unreachable: object.is_unreachable,
    });
    let line = Line {
        place: &place.names,
        object,
        line: finding.line,
        column: finding.column,
        start: finding.range.start,
        end: finding.range.end,
        encoding: &finding.encoding,
        severity: if finding.severity == Severity::Low { "low" } else { "high" },
        key_id: key.id(),
        key_name: key.name(),
        excerpt: &finding.excerpt,
    };
    serde_json::to_string(&line).unwrap_or_default()
}
