//! The command `doctor`: reports the configuration and the results of requests to Codat, without secrets.

use std::time::{Duration, Instant};

use clap::Args;
use codat_keys::internal::{count_keys, sanitize};
use codat_keys::{ApiKeyDetails, Client, ErrorKind, MAX_KEYS, Method, Response, Timestamp};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::connection::Connection;
use crate::credential_report;
use crate::failure::{ErrorJson, Failure};
use crate::output::{print, print_json};
use crate::redact::without_secrets;
use crate::runtime::unless_interrupted;

/// The maximum accepted difference between the local clock and the server's clock. With a larger difference, a resumed
/// `create` cannot recognize new keys by their dates.
const MAX_SKEW_SECONDS: i64 = 5 * 60;

#[derive(Args)]
#[command(after_help = "Example: codat-keys doctor --profile work")]
pub(crate) struct Doctor {
    /// Print the report as JSON; the member "problem" is null if there is no problem, and an error otherwise
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Prints the report. The checks stop at the first problem. This problem is the last line of the report, and determines
/// the exit status.
pub(crate) async fn doctor(doctor: &Doctor) -> Result<(), Failure> {
    let mut report = Report { lines: doctor.json.then(Vec::new) };
    report.line(
        "codat-keys",
        format!("{} on {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH),
    )?;
    for (place, text) in credential_report::places(doctor.connection.key.profile.as_deref()) {
        report.line(place, text)?;
    }
    let examined = examine(&mut report, &doctor.connection).await;
    report.end(examined.as_ref().err())?;
    examined
}

/// A report that prints each line immediately, or collects all lines for one JSON document.
struct Report {
    lines: Option<Vec<(&'static str, String)>>,
}

impl Report {
    fn line(&mut self, what: &'static str, text: String) -> Result<(), Failure> {
        let text = sanitize(&without_secrets(text));
        match &mut self.lines {
            Some(lines) => {
                lines.push((what, text));
                Ok(())
            }
            None => print(&format!("{what:<20}{text}\n")),
        }
    }

    fn end(mut self, problem: Option<&Failure>) -> Result<(), Failure> {
        if let Some(lines) = self.lines {
            return print_json(&ReportJson { lines, problem: problem.map(Failure::to_json) });
        }
        match problem {
            None => self.line("problems", "none".into()),
            Some(failure) => self.line("problem", failure.to_string()),
        }
    }
}

struct ReportJson<'a> {
    lines: Vec<(&'static str, String)>,
    problem: Option<ErrorJson<'a>>,
}

impl Serialize for ReportJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.lines.len() + 1))?;
        for (what, text) in &self.lines {
            map.serialize_entry(&member(what), text)?;
        }
        map.serialize_entry("problem", &self.problem)?;
        map.end()
    }
}

/// Converts a label of the report to the name of a JSON member, such as `base URL` to `baseUrl`. Does not change a
/// label that is the name of an environment variable or an option.
fn member(what: &str) -> String {
    if what.contains('_') || what.starts_with('-') {
        return what.to_owned();
    }
    let words = what.split([' ', '-']).enumerate().map(|(at, word)| {
        let (first, rest) = word.split_at(1);
        let first = if at == 0 { first.to_lowercase() } else { first.to_uppercase() };
        first + &rest.to_lowercase()
    });
    words.collect()
}

async fn examine(report: &mut Report, connection: &Connection) -> Result<(), Failure> {
    let client = connection.client().await?;
    let base_url = client.redact(client.base_url());
    report.line("base URL", format!("{base_url} ({})", connection.key.base_url_source()?))?;
    report.line("TLS", tls(connection, &client))?;
    report.line("proxy", client.proxy().unwrap_or("none").into())?;
    let called = call(report, &client).await;
    // Reports the rate limit before the error, because an error response also has a rate limit, which explains a 429.
    report.line("rate limit", rate_limit(&client))?;
    called?;
    keys(report, &client, &unless_interrupted(client.keys().list()).await?)
}

/// Sends two requests, and reports how long each request takes. The time of the first request includes the time to
/// connect. Also reports the difference between the local clock and the server's clock.
async fn call(report: &mut Report, client: &Client) -> Result<(), Failure> {
    let (asked, clock) = (Instant::now(), Timestamp::now());
    let response = unless_interrupted(client.request(Method::GET, "/apiKeys")).await?;
    let (first, again) = (asked.elapsed(), Instant::now());
    let skew = skew(&response, clock, Timestamp::now());
    unless_interrupted(client.request(Method::GET, "/apiKeys")).await?;
    let times = format!("HTTP {} after {}, then after {}", response.status().as_u16(), ms(first), ms(again.elapsed()));
    report.line("answers", times)?;
    report.line("clock", skew)
}

fn tls(connection: &Connection, client: &Client) -> String {
    match connection.ca_file_source() {
        _ if client.base_url().starts_with("http:") => "none: the key goes unencrypted".into(),
        Some(file) => format!("rustls, bundled roots and {file}"),
        None => "rustls, bundled roots".into(),
    }
}

/// Compares the `Date` header of a response with the local clock. `asked` is the local time before the request, and
/// `answered` the local time after the response.
fn skew(response: &Response, asked: Timestamp, answered: Timestamp) -> String {
    let Some(date) = response.date() else { return "the response has no date".into() };
    let (least, most) = (asked.duration_since(date).as_secs(), answered.duration_since(date).as_secs());
    let skew = if least > 1 { least } else { most.min(0) };
    match skew {
        // `Date` has a resolution of one second.
        -1..=1 => "as the server's".into(),
        _ if skew.abs() > MAX_SKEW_SECONDS => {
            format!("{skew:+} s against the server's: set it, or `create` misjudges")
        }
        _ => format!("{skew:+} s against the server's"),
    }
}

fn rate_limit(client: &Client) -> String {
    let Some(quota) = client.rate_limit() else { return "the responses contain none".into() };
    let number = |number: Option<u64>| number.map_or("?".into(), |number| number.to_string());
    let reset = quota.reset.map(|reset| format!(", whole again at {reset}")).unwrap_or_default();
    format!("{} of {} requests left{reset}", number(quota.remaining), number(quota.limit))
}

fn keys(report: &mut Report, client: &Client, keys: &[ApiKeyDetails]) -> Result<(), Failure> {
    let count = count_keys(keys);
    let is_full = count >= MAX_KEYS;
    let advice = if is_full { ", the most that Codat allows: delete one before you create or replace one" } else { "" };
    report.line("keys", format!("{count} of {MAX_KEYS}{advice}"))?;
    let own = keys.iter().find(|key| client.uses(key)).ok_or_else(|| {
        Failure::new(
            ErrorKind::NotFound,
            "the key in use is not in the list of keys",
            "the list may be stale: try again in a minute",
        )
    })?;
    let name = own.name.as_ref().map_or("no name".into(), ToString::to_string);
    report.line("key in use", format!("{} ({name}), {}", own.id, age(own)))
}

fn age(key: &ApiKeyDetails) -> String {
    match (key.age(Timestamp::now()).map(days), key.created_date) {
        (Some(1), _) => "1 day old".into(),
        (Some(days), _) => format!("{days} days old"),
        (None, Some(date)) => format!("of unknown age: its date, {date}, is impossible"),
        (None, None) => "of unknown age".into(),
    }
}

fn days(age: Duration) -> u64 {
    age.as_secs() / (24 * 60 * 60)
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
