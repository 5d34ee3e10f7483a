//! `audit`: what should not stay as it is with the keys. It changes nothing.

use std::process::ExitCode;

use clap::Args;
use codat_keys::{ApiKeyDetails, Client, ErrorKind, Timestamp, plain};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::Serialize;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::{KeyJson, print_json, print_rows, say};
use crate::runtime::unless_interrupted;

/// The exit status where something was found.
pub(crate) const FOUND: u8 = 3;

/// From so many of the ten keys on, the next rotations of keys may find no room.
const MANY: usize = 8;

#[derive(Args)]
#[command(after_help = "Example: codat-keys audit --max-age 90d --json")]
pub(crate) struct Audit {
    /// How old a key may be: 90d, 12w, 36h [default: of any age]
    #[arg(long, value_name = "AGE")]
    max_age: Option<String>,
    /// Print {"keys":[{"id","name","created","inUse","key","ageDays","findings"}],"findings"}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What may be found.
#[derive(Clone, Copy)]
enum Kind {
    Nameless,
    NameUsedTwice,
    TooOld,
    AgeUnknown,
    NoSpare,
    NearlyFull,
}

impl Kind {
    fn code(self) -> &'static str {
        match self {
            Kind::Nameless => "nameless",
            Kind::NameUsedTwice => "name_used_twice",
            Kind::TooOld => "too_old",
            Kind::AgeUnknown => "age_unknown",
            Kind::NoSpare => "no_spare",
            Kind::NearlyFull => "nearly_full",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Kind::Nameless => "no name says who uses it: create a named key, put it in place, then delete this one",
            Kind::NameUsedTwice => {
                "its name is used twice, so that nobody can tell who uses which: keep one key a name"
            }
            Kind::TooOld => "older than allowed: create a new key, put it in place, then delete this one",
            Kind::AgeUnknown => "its age is unknown, and may be more than allowed: replace it",
            Kind::NoSpare => "there is no second key to change to if this one leaks: create another one",
            Kind::NearlyFull => {
                "eight or more of at most ten keys: delete what nobody uses, so that there is room to rotate"
            }
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Audited<'a> {
    #[serde(flatten)]
    key: KeyJson<'a>,
    age_days: Option<i64>,
    findings: Vec<&'static str>,
}

#[derive(Serialize)]
struct Document<'a> {
    keys: Vec<Audited<'a>>,
    /// Those of all keys together.
    findings: Vec<&'static str>,
}

pub(crate) async fn audit(audit: &Audit) -> Result<ExitCode, Failure> {
    let max_age = audit.max_age.as_deref().map(age).transpose()?;
    let client = audit.connection.client().await?;
    let keys = unless_interrupted(client.keys().list()).await?;
    let now = Timestamp::now();
    let of_all = findings_of_all(&keys);
    let of_each: Vec<_> = keys.iter().map(|key| findings_of(key, &keys, now, max_age)).collect();
    if audit.json {
        let audited = keys.iter().zip(&of_each).map(|(key, findings)| Audited {
            key: KeyJson::new(&client, key, false),
            age_days: days(key, now),
            findings: codes(findings),
        });
        print_json(&Document { keys: audited.collect(), findings: codes(&of_all) })?;
    } else {
        tell(&client, &keys, now, &of_each, &of_all)?;
    }
    let is_clean = of_all.is_empty() && of_each.iter().all(Vec::is_empty);
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

fn tell(
    client: &Client,
    keys: &[ApiKeyDetails],
    now: Timestamp,
    of_each: &[Vec<Kind>],
    of_all: &[Kind],
) -> Result<(), Failure> {
    let rows = keys.iter().zip(of_each).map(|(key, findings)| {
        [
            plain(key.id.as_str()),
            plain(&client.redact(key.name.as_deref().unwrap_or_default())),
            days(key, now).map(|days| days.to_string()).unwrap_or_default(),
            if client.uses(key) { "yes" } else { "no" }.into(),
            codes(findings).join(","),
        ]
    });
    print_rows(["ID", "NAME", "DAYS OLD", "IN USE", "FINDINGS"], rows)?;
    for (key, kind) in keys.iter().zip(of_each).flat_map(|(key, kinds)| kinds.iter().map(move |kind| (key, kind))) {
        say(&format!("{}: {} ({})", kind.code(), kind.advice(), plain(key.id.as_str())));
    }
    for kind in of_all {
        say(&format!("{}: {}", kind.code(), kind.advice()));
    }
    Ok(())
}

fn findings_of_all(keys: &[ApiKeyDetails]) -> Vec<Kind> {
    let found = [(Kind::NoSpare, keys.len() < 2), (Kind::NearlyFull, keys.len() >= MANY)];
    found.into_iter().filter_map(|(kind, is_so)| is_so.then_some(kind)).collect()
}

fn findings_of(
    key: &ApiKeyDetails,
    keys: &[ApiKeyDetails],
    now: Timestamp,
    max_age: Option<SignedDuration>,
) -> Vec<Kind> {
    let name = key.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let of_this_name = keys.iter().filter(|other| other.name.as_deref().map(str::trim) == name).count();
    let age = key.created_date.map(|date| now.duration_since(date));
    let found = [
        (Kind::Nameless, name.is_none()),
        (Kind::NameUsedTwice, name.is_some() && of_this_name > 1),
        (Kind::TooOld, max_age.zip(age).is_some_and(|(allowed, age)| age > allowed)),
        (Kind::AgeUnknown, max_age.is_some() && age.is_none()),
    ];
    found.into_iter().filter_map(|(kind, is_so)| is_so.then_some(kind)).collect()
}

fn codes(findings: &[Kind]) -> Vec<&'static str> {
    findings.iter().map(|kind| kind.code()).collect()
}

fn days(key: &ApiKeyDetails, now: Timestamp) -> Option<i64> {
    key.created_date.map(|date| now.duration_since(date).as_hours() / 24)
}

/// `90d`, `12w`, `36h`: days of 24 hours.
fn age(text: &str) -> Result<SignedDuration, Failure> {
    let age = text.parse::<Span>().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    let age = age.ok().filter(SignedDuration::is_positive);
    age.ok_or_else(|| {
        Failure::new(ErrorKind::InvalidInput, "--max-age is no age", "write it in hours, days or weeks: --max-age 90d")
    })
}
