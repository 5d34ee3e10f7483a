//! The command `emulator verify`: compares the behaviours of the emulator with those of Codat's API.

mod call;
mod clean_up;
mod findings;
mod probes;
mod report;
mod rows;
mod seen;
mod session;

use std::process::ExitCode;

use clap::Args;
use codat_keys::internal::count_keys;
use codat_keys::{ApiKeyDetails, Client, ErrorKind, MAX_KEYS};

use crate::confirmation;
use crate::connection::Connection;
use crate::exit_status;
use crate::failure::Failure;
use crate::redact::without_secrets;
use crate::runtime::unless_interrupted;
use crate::signals::interrupted;
use crate::stderr::eprint_line;
use clean_up::CleanedUp;
use findings::{Findings, Outcome};
use report::print_report;
use rows::Probe;
use session::{MAX_MADE, MAX_REQUESTS, Session, Stop, new_name};

/// Compare the emulator with Codat's API: test the behaviours that can be tested with a key
///
/// Prints for each row of docs/fidelity.md what the emulator assumes and what the API did. Sends at most 60 requests.
/// Creates at most two keys, and deletes these keys before it ends, even after Ctrl-C. Changes no other key. First prints what it
/// will do, and asks for confirmation.
/// Exits with status 3 if a row differs.
#[derive(Args)]
#[command(after_help = "Example: codat-keys emulator verify --profile work")]
pub(super) struct Verify {
    /// Skip the confirmation; required without a terminal
    #[arg(long, short)]
    yes: bool,
    /// Print the report as JSON, without secrets: {"baseUrl","requests","rows":[{"row","evidence","assumed","outcome","seen"}]}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn verify(verify: &Verify) -> Result<ExitCode, Failure> {
    let builder = verify.connection.builder().retry(false);
    let client = verify.connection.key.client_of(builder).await?;
    let name = new_name();
    confirm(verify, &client, &name).await?;
    let keys = unless_interrupted(client.keys().list()).await?;
    let own = own_key(&client, &keys)?;
    check_limit(&keys)?;
    // While this future exists, the first signal does not end the process, so that the keys are deleted.
    let signal = interrupted();
    let mut session = Session::new(&client, own, &keys, name);
    let mut findings = Findings::default();
    let stopped = probe(&mut session, &mut findings).await;
    let cleaned = session.clean_up().await;
    drop(signal);
    finish(verify, &client, &session, findings, stopped, &cleaned)
}

/// Runs the probes. If a signal or an error stops the probes, returns the signal or the error.
async fn probe(session: &mut Session, findings: &mut Findings) -> Option<Stop> {
    for (index, probe) in Probe::ALL.into_iter().enumerate() {
        match probes::run(probe, session, findings).await {
            Ok(reason) => reason.into_iter().for_each(|reason| findings.skip(probe, reason)),
            // The loop continues, because the last probe sends no request.
            Err(Stop::LimitReached) => findings.skip(probe, "no request was left"),
            Err(stop) => {
                Probe::ALL[index..].iter().for_each(|probe| findings.skip(*probe, "stopped by an error"));
                return Some(stop);
            }
        }
    }
    None
}

/// Prints what the command will do, and asks for confirmation.
async fn confirm(verify: &Verify, client: &Client, name: &str) -> Result<(), Failure> {
    if !verify.yes {
        confirmation::require_terminal("verify")?;
    }
    if !(verify.yes && verify.json) {
        eprint_line(&format!("This compares the emulator with {}:", client.base_url()));
        eprint_line(&format!("- It sends at most {MAX_REQUESTS} requests, which count against the daily quota."));
        eprint_line(&format!("- It creates at most {MAX_MADE} keys, both with the name {name}, and deletes them."));
        eprint_line("- It also sends requests that Codat should refuse, some of them with keys that do not exist.");
        eprint_line("- It changes no other key.");
    }
    if !verify.yes && !unless_interrupted(confirmation::ask("Continue?".into())).await? {
        return Err(Failure::new(ErrorKind::Cancelled, "not confirmed", "nothing was sent"));
    }
    Ok(())
}

fn own_key<'a>(client: &Client, keys: &'a [ApiKeyDetails]) -> Result<&'a ApiKeyDetails, Failure> {
    keys.iter().find(|key| client.uses(key)).ok_or_else(|| {
        let hint = "the list may be stale: try again in a minute; nothing was changed";
        Failure::new(ErrorKind::NotFound, "the key in use is not in the list of keys", hint)
    })
}

fn check_limit(keys: &[ApiKeyDetails]) -> Result<(), Failure> {
    let count = count_keys(keys);
    if count + MAX_MADE <= MAX_KEYS {
        return Ok(());
    }
    let what = format!("there are {count} keys of at most {MAX_KEYS}: {MAX_MADE} more would be too many");
    Err(Failure::new(ErrorKind::KeyLimitReached, what, "delete an unused key first; nothing was changed"))
}

/// Prints the report, and returns the exit status.
fn finish(
    verify: &Verify,
    client: &Client,
    session: &Session,
    findings: Findings,
    stopped: Option<Stop>,
    cleaned: &CleanedUp,
) -> Result<ExitCode, Failure> {
    let notes = notes(verify, session, cleaned);
    if matches!(stopped, Some(Stop::Interrupted)) {
        return Err(Failure::stopped((!notes.is_empty()).then(|| without_secrets(notes.join("; ")))));
    }
    let rows = findings.into_rows();
    print_report(client, session.requests(), &rows, verify.json).map_err(|failure| {
        let failure = if cleaned.is_clean() { failure } else { failure.even_on_closed_pipe() };
        notes.iter().fold(failure, Failure::with_note)
    })?;
    if let Some(Stop::Failed(failure)) = stopped {
        return Err(notes.iter().fold(failure, Failure::with_note));
    }
    if !cleaned.is_clean() {
        let what = "not all keys that the command has created are known to be deleted";
        let failure = Failure::local(what, "delete them; they are of no use");
        return Err(notes.iter().fold(failure, Failure::with_note));
    }
    if !verify.json {
        notes.iter().for_each(|note| eprint_line(note));
    }
    let differs = rows.iter().any(|finding| finding.outcome == Outcome::Differs);
    Ok(if differs { ExitCode::from(exit_status::FINDINGS) } else { ExitCode::SUCCESS })
}

/// Returns notes about the created keys, and about the keys that may remain.
fn notes(verify: &Verify, session: &Session, cleaned: &CleanedUp) -> Vec<String> {
    let mut notes = Vec::new();
    match cleaned.deleted {
        0 => {}
        1 => notes.push("created a key, and deleted it".into()),
        count => notes.push(format!("created {count} keys, and deleted them")),
    }
    for id in &cleaned.left {
        notes.push(format!("this key may be left: {id}; delete it: {}", command(verify, &["delete", "--id", id])));
    }
    if cleaned.is_uncertain {
        let list = command(verify, &["list"]);
        notes.push(format!("a key whose name begins with {} may be left: look for it with {list}", session.name));
    }
    notes
}

/// Returns a command line for the user to run. The command line contains `arguments`, and the options of `verify` that
/// select the key and the server.
fn command(verify: &Verify, arguments: &[&str]) -> String {
    let options = verify.connection.arguments();
    let options = options.iter().flat_map(|(option, value)| [*option, value.as_str()]);
    let words = std::iter::once("codat-keys").chain(arguments.iter().copied()).chain(options);
    shlex::try_join(words).unwrap_or_default()
}
