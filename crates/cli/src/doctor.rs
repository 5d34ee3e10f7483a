//! `doctor`: what a call would use, and how it fares, without a secret in it.

use std::time::{Duration, Instant};

use clap::Args;
use codat_keys::{ApiKeyDetails, Client, ErrorKind, MAX_KEYS, Method, Response, Timestamp, plain};

use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::print;
use crate::runtime::unless_interrupted;
use crate::survey;

/// Past it, `create` cannot tell a new key from an old one by its date, when it resumes.
const MOST_SKEW_SECONDS: i64 = 5 * 60;

#[derive(Args)]
#[command(after_help = "Example: codat-keys doctor --profile work")]
pub(crate) struct Doctor {
    #[command(flatten)]
    connection: Connection,
}

/// Prints a line as soon as it is known. The first problem ends the report, and is its exit status.
pub(crate) async fn doctor(doctor: &Doctor) -> Result<(), Failure> {
    line(
        "codat-keys",
        &format!("{} on {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH),
    )?;
    for (place, told) in survey::places(doctor.connection.key.profile.as_deref()) {
        line(place, &told)?;
    }
    let examined = examine(&doctor.connection).await;
    match &examined {
        Ok(()) => line("problems", "none")?,
        Err(failure) => line("problem", &failure.to_string())?,
    }
    examined
}

async fn examine(connection: &Connection) -> Result<(), Failure> {
    let client = connection.client().await?;
    line("base URL", &format!("{} ({})", client.redact(client.base_url()), connection.key.base_url_source()?))?;
    line("TLS", &tls(connection, &client))?;
    line("proxy", client.proxy().unwrap_or("none"))?;
    let called = call(&client).await;
    // A refusal tells it as well, and where that is a 429 it is what matters.
    line("rate limit", &rate_limit(&client))?;
    called?;
    keys(&client, &unless_interrupted(client.keys().list()).await?)
}

/// Asks twice: the first answer takes a connection, too.
async fn call(client: &Client) -> Result<(), Failure> {
    let (asked, clock) = (Instant::now(), Timestamp::now());
    let response = unless_interrupted(client.request(Method::GET, "/apiKeys")).await?;
    let (first, again) = (asked.elapsed(), Instant::now());
    let skew = skew(&response, clock, Timestamp::now());
    unless_interrupted(client.request(Method::GET, "/apiKeys")).await?;
    line("answers", &format!("HTTP {} after {}, then after {}", response.status(), ms(first), ms(again.elapsed())))?;
    line("clock", &skew)
}

fn tls(connection: &Connection, client: &Client) -> String {
    match connection.ca_file_source() {
        _ if client.base_url().starts_with("http:") => "none: the key goes unencrypted".into(),
        Some(file) => format!("rustls, bundled roots and {file}"),
        None => "rustls, bundled roots".into(),
    }
}

/// Codat's clock stood at what it told at some time between the two.
fn skew(response: &Response, asked: Timestamp, answered: Timestamp) -> String {
    let Some(date) = response.date() else { return "the answer tells no time".into() };
    let (least, most) = (asked.duration_since(date).as_secs(), answered.duration_since(date).as_secs());
    let skew = if least > 1 { least } else { most.min(0) };
    match skew {
        // The answer tells whole seconds.
        -1..=1 => "as the server's".into(),
        _ if skew.abs() > MOST_SKEW_SECONDS => {
            format!("{skew:+} s against the server's: set it, or `create` misjudges")
        }
        _ => format!("{skew:+} s against the server's"),
    }
}

fn rate_limit(client: &Client) -> String {
    let Some(quota) = client.rate_limit() else { return "the answers tell none".into() };
    let number = |number: Option<u64>| number.map_or("?".into(), |number| number.to_string());
    let reset = quota.reset.map(|reset| format!(", whole again at {reset}")).unwrap_or_default();
    format!("{} of {} requests left{reset}", number(quota.remaining), number(quota.limit))
}

fn keys(client: &Client, keys: &[ApiKeyDetails]) -> Result<(), Failure> {
    let room = if keys.len() < MAX_KEYS { "" } else { ": delete one before you rotate" };
    line("keys", &format!("{} of {MAX_KEYS}{room}", keys.len()))?;
    let own = keys.iter().find(|key| client.uses(key)).ok_or_else(|| {
        Failure::new(
            ErrorKind::NotFound,
            "the key in use is not in the list of keys",
            "the list may be stale: try again in a minute",
        )
    })?;
    let name = own.name.as_deref().unwrap_or("no name");
    line("key in use", &client.redact(&format!("{} ({name}), {}", own.id, age(own))))
}

fn age(key: &ApiKeyDetails) -> String {
    let Some(created) = key.created_date else { return "of unknown age".into() };
    match Timestamp::now().duration_since(created).as_hours() / 24 {
        1 => "1 day old".into(),
        days => format!("{} days old", days.max(0)),
    }
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn line(what: &str, told: &str) -> Result<(), Failure> {
    print(&format!("{what:<20}{}\n", plain(told)))
}
