//! The command `audit`: reports problems with the keys. Changes nothing.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use codat_keys::internal::count_keys;
use codat_keys::{ApiKeyDetails, Client, ErrorKind, KeyId, Timestamp};
use codat_keys_rotate::{base_of, tag_of};
use jiff::SignedDuration;
use serde::Serialize;

use crate::connection::Connection;
use crate::duration;
use crate::exit_status;
use crate::failure::Failure;
use crate::key_display::KeyJson;
use crate::output::{print_json, print_rows};
use crate::runtime::unless_interrupted;
use crate::stderr::eprint_line;

/// The number of keys at which `audit` warns that the limit of ten keys is near. During a rotation, there is one more
/// key, because the rotation creates the new key before it deletes the old key.
const MANY: usize = 8;

#[derive(Args)]
#[command(after_help = "Example: codat-keys audit --max-age 90d --ignore nameless --json")]
pub(crate) struct Audit {
    /// The maximum age of a key, such as 90d, 12w or 36h [default: no limit]
    #[arg(long, value_name = "AGE")]
    max_age: Option<String>,
    /// Ignore findings of this kind; may be repeated
    #[arg(long, value_name = "KIND")]
    ignore: Vec<Kind>,
    /// Print the keys and the findings as JSON: {"keys":[{"id","name","created","inUse","key","ageDays","findings"}],"findings"}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// The kind of a problem that `audit` reports.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    Nameless,
    NameUsedTwice,
    TooOld,
    AgeUnknown,
    ReplacementUnderWay,
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
            Kind::ReplacementUnderWay => "replacement_under_way",
            Kind::NoSpare => "no_spare",
            Kind::NearlyFull => "nearly_full",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Kind::Nameless => "no name says who uses it: replace it with `codat-keys rotate ID --name NAME --to SINK`",
            Kind::NameUsedTwice => {
                "two keys have this name, so that it does not say who uses which: keep one key for each name"
            }
            Kind::TooOld => "older than allowed: replace it with `codat-keys rotate ID --to SINK`",
            Kind::AgeUnknown => {
                "the age is unknown, since the date is missing or impossible, and may be more than allowed: replace it"
            }
            Kind::ReplacementUnderWay => {
                "a rotation has made a newer key to replace it: `codat-keys rotate finish` deletes this one"
            }
            Kind::NoSpare => "there is no second key to change to if this one leaks: create another one",
            Kind::NearlyFull => {
                "eight or more of at most ten keys: delete unused keys, so that a rotation can create one"
            }
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Audited {
    #[serde(flatten)]
    key: KeyJson,
    age_days: Option<u64>,
    findings: Vec<&'static str>,
}

#[derive(Serialize)]
struct Document {
    keys: Vec<Audited>,
    /// The findings that concern all keys together.
    findings: Vec<&'static str>,
}

pub(crate) async fn audit(audit: &Audit) -> Result<ExitCode, Failure> {
    let max_age = audit.max_age.as_deref().map(age).transpose()?;
    let client = audit.connection.client().await?;
    let keys = unless_interrupted(client.keys().list()).await?;
    let now = Timestamp::now();
    let but_ignored = |mut findings: Vec<Kind>| {
        findings.retain(|kind| !audit.ignore.contains(kind));
        findings
    };
    let of_all = but_ignored(findings_of_all(&client, &keys));
    let names = Names::of(&keys, now);
    let of_each: Vec<_> = keys.iter().map(|key| but_ignored(findings_of(key, &names, now, max_age))).collect();
    if audit.json {
        let audited = keys.iter().zip(&of_each).map(|(key, findings)| Audited {
            key: KeyJson::new(&client, key, false),
            age_days: days(key, now),
            findings: codes(findings),
        });
        print_json(&Document { keys: audited.collect(), findings: codes(&of_all) })?;
    } else {
        print_report(&client, &keys, now, &of_each, &of_all)?;
    }
    let is_clean = of_all.is_empty() && of_each.iter().all(Vec::is_empty);
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::from(exit_status::FINDINGS) })
}

/// Prints a table of the keys. Then prints a line for each kind of finding, with the ids of the keys that have this
/// finding.
fn print_report(
    client: &Client,
    keys: &[ApiKeyDetails],
    now: Timestamp,
    of_each: &[Vec<Kind>],
    of_all: &[Kind],
) -> Result<(), Failure> {
    let rows = keys.iter().zip(of_each).map(|(key, findings)| {
        [
            key.id.to_string(),
            key.name.as_ref().map(ToString::to_string).unwrap_or_default(),
            days(key, now).map_or("unknown".into(), |days| days.to_string()),
            if client.uses(key) { "yes" } else { "no" }.into(),
            codes(findings).join(","),
        ]
    });
    print_rows(["ID", "NAME", "DAYS OLD", "IN USE", "FINDINGS"], rows)?;
    for kind in Kind::value_variants() {
        let found = keys.iter().zip(of_each).filter(|(_, findings)| findings.contains(kind));
        let ids: Vec<String> = found.map(|(key, _)| key.id.to_string()).collect();
        if !ids.is_empty() {
            eprint_line(&format!("{}: {} ({})", kind.code(), kind.advice(), ids.join(", ")));
        } else if of_all.contains(kind) {
            eprint_line(&format!("{}: {}", kind.code(), kind.advice()));
        }
    }
    Ok(())
}

fn findings_of_all(client: &Client, keys: &[ApiKeyDetails]) -> Vec<Kind> {
    let is_last =
        |key: &ApiKeyDetails| client.check_delete(keys, &key.id).is_err_and(|error| error.kind() == ErrorKind::LastKey);
    let found = [(Kind::NoSpare, keys.first().is_none_or(is_last)), (Kind::NearlyFull, count_keys(keys) >= MANY)];
    found.into_iter().filter_map(|(kind, is_so)| is_so.then_some(kind)).collect()
}

/// An index of the names of all keys. It avoids comparing each pair of keys.
struct Names<'a> {
    /// For each name, the ids of the keys with this name. If a key is listed several times, the set contains its id
    /// once.
    keys: HashMap<&'a str, HashSet<&'a KeyId>>,
    /// The age of the newest replacement for each base name. A replacement is a key that a rotation has created. The
    /// name of a replacement consists of the base name of the replaced key and a new tag.
    replacements: HashMap<&'a str, Duration>,
}

impl<'a> Names<'a> {
    fn of(keys: &'a [ApiKeyDetails], now: Timestamp) -> Self {
        let mut names = Self { keys: HashMap::new(), replacements: HashMap::new() };
        for (key, name) in keys.iter().filter_map(|key| Some((key, name(key)?))) {
            names.keys.entry(name).or_default().insert(&key.id);
            if let Some(age) = key.age(now).filter(|_| tag_of(name).is_some()) {
                let newest = names.replacements.entry(base_of(Some(name))).or_insert(age);
                *newest = age.min(*newest);
            }
        }
        names
    }
}

fn findings_of(key: &ApiKeyDetails, names: &Names<'_>, now: Timestamp, max_age: Option<SignedDuration>) -> Vec<Kind> {
    let name = name(key);
    let own = key.age(now);
    let age = own.map(|age| SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX));
    let mut found = vec![
        (Kind::Nameless, name.is_none()),
        (Kind::TooOld, max_age.zip(age).is_some_and(|(allowed, age)| age > allowed)),
        (Kind::AgeUnknown, max_age.is_some() && age.is_none()),
    ];
    // A replacement is newer than the key that it replaces.
    let newest = names.replacements.get(base_of(name));
    let is_being_replaced = newest.is_some_and(|newest| own.is_none_or(|own| *newest < own));
    if found.iter().any(|(_, is_so)| *is_so) && is_being_replaced {
        found = vec![(Kind::ReplacementUnderWay, true)];
    }
    found.push((Kind::NameUsedTwice, name.is_some_and(|name| names.keys[name].len() > 1)));
    found.into_iter().filter_map(|(kind, is_so)| is_so.then_some(kind)).collect()
}

fn name(key: &ApiKeyDetails) -> Option<&str> {
    key.name.as_ref().map(|name| name.unredacted().trim()).filter(|name| !name.is_empty())
}

fn codes(findings: &[Kind]) -> Vec<&'static str> {
    findings.iter().map(|kind| kind.code()).collect()
}

fn days(key: &ApiKeyDetails, now: Timestamp) -> Option<u64> {
    key.age(now).map(|age| age.as_secs() / (24 * 60 * 60))
}

/// Parses an age such as `90d`, `12w` or `36h`.
fn age(text: &str) -> Result<SignedDuration, Failure> {
    duration::parse(text).ok_or_else(|| {
        Failure::new(
            ErrorKind::InvalidInput,
            "the value of --max-age <AGE> is not a number with a unit",
            "write it in hours, days or weeks: --max-age 90d",
        )
    })
}
