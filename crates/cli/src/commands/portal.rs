//! The command `portal`: serves a web page for managing API keys on this machine.

use std::io::{IsTerminal as _, Write as _};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use clap::Args;
use codat_keys::internal::without_credentials;
use codat_keys::{ApiKey, Client, ErrorKind, Method};
use codat_keys_emulator::Emulator;
use codat_keys_portal::{ChangeOutcome, Changes, Links};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::emulator::port;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::print_aside;
use crate::redact::without_secrets;
use crate::signals::{interrupted, with_state};
use crate::stderr::eprint_line;

/// The idle time after which the page closes. The page is idle while it receives no request.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// The time to wait for a browser launcher to fail. A launcher that runs longer counts as successful.
const LAUNCH_TIMEOUT: Duration = Duration::from_millis(250);

#[derive(Args)]
#[command(after_help = "Example: codat-keys portal --demo")]
pub(crate) struct Portal {
    /// The port on 127.0.0.1 [default: a free one]
    #[arg(long, default_value_t = 0, hide_default_value = true, value_parser = port)]
    port: u16,
    /// Only print the link that opens the page
    #[arg(long)]
    no_open: bool,
    /// Only show keys: create and revoke none
    #[arg(long)]
    read_only: bool,
    /// Show example keys in an embedded emulator instead of your keys
    #[arg(long)]
    demo: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn portal(options: &Portal) -> Result<(), Failure> {
    let emulator = options.demo.then(Emulator::start).transpose().map_err(cannot_start)?;
    let client = match &emulator {
        Some(emulator) => example(emulator).await?,
        None => options.connection.client().await?,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await.map_err(cannot_start)?;
    let address = listener.local_addr().map_err(cannot_start)?;
    let whose = without_secrets(client.base_url());
    let portal = codat_keys_portal::Portal::new(address, move || Ok(client.clone())).read_only(options.read_only);
    let changes = portal.changes();
    let (router, links) = portal.with_links();
    let interrupted = interrupted();
    let served = tokio::spawn(codat_keys_portal::serve(listener, router));

    let shown = async {
        print_aside(format!("The page of the API keys of {whose}, until Ctrl-C:\n")).await?;
        let link = print_link(&links).await?;
        let _opened = if options.no_open { None } else { open(&link) };
        let mut lines = lines();
        loop {
            tokio::select! {
                () = links.wait_until_idle(IDLE) => {
                    eprint_line("the page was not used for 30 minutes: it is closed");
                    return Ok::<_, Failure>(());
                }
                Some(()) = lines.recv() => { print_link(&links).await?; }
            }
        }
    };
    let ended = tokio::select! {
        () = interrupted => Ok(()),
        closed = shown => closed,
    };
    // Also after an error of standard output, because a change may have had an effect.
    let reported = stop(&changes).await;
    served.abort();
    reported.and(ended)
}

/// Cancels the running creations and deletions of keys. Reports the outcomes that the page has not shown.
async fn stop(changes: &Changes) -> Result<(), Failure> {
    let mut last = Ok(());
    for ended in changes.cancel().await {
        let failure = match ended {
            ChangeOutcome::Created(id) => {
                eprint_line(&format!("created {id}: fetch its value with `codat-keys show --id {id} --out FILE`"));
                continue;
            }
            ChangeOutcome::Revoked(id) => {
                eprint_line(&format!("deleted {id}"));
                continue;
            }
            ChangeOutcome::CreationFailed(_, error) | ChangeOutcome::RevocationFailed(_, error)
                if error.kind() == ErrorKind::Cancelled =>
            {
                continue;
            }
            ChangeOutcome::CreationFailed(name, error) => {
                Failure::from(error).with_note(format!("it is the creation of the key {name}"))
            }
            ChangeOutcome::RevocationFailed(id, error) => {
                Failure::from(error).with_note(format!("it is the deletion of the key {id}"))
            }
        };
        if let Err(earlier) = std::mem::replace(&mut last, Err(failure)) {
            let _ = earlier.report(false);
        }
    }
    last
}

/// Adds example keys to an emulator, and returns a client that uses the emulator.
async fn example(emulator: &Emulator) -> Result<Client, Failure> {
    let key = emulator.api_key();
    let client = Client::builder().base_url(emulator.base_url()).api_key(ApiKey::verbatim(key)?).build()?;
    let keys = json!({ "keys": [
        { "apiKey": key, "createdDate": "2024-02-12T09:30:00Z" },
        { "name": "invoice-processor", "createdDate": "2025-09-01T14:05:00Z" },
        { "name": "nightly-reconciliation", "createdDate": "2026-03-18T22:40:00Z" },
        { "name": "data-warehouse", "createdDate": "2026-08-30T07:15:00Z" },
        { "name": "partner onboarding", "createdDate": "2026-11-02T16:20:00Z" },
    ] });
    client.request(Method::PUT, "/_emulator/state").json(&keys).await?;
    Ok(client)
}

/// Prints a new link that opens the page.
async fn print_link(links: &Links) -> Result<String, Failure> {
    let link = links.create();
    let another = if std::io::stdin().is_terminal() { " Press Enter for another one." } else { "" };
    print_aside(format!("  {link}\n  It opens once.{another}\n")).await?;
    Ok(link)
}

/// Opens the link in a browser. The browser gets the path of a file that only this user can read. The file redirects to
/// the link. The link itself is not an argument, because it is secret and other users can read the arguments of a
/// process.
fn open(link: &str) -> Option<NamedTempFile> {
    let mut file = with_state(|state| {
        let file = tempfile::Builder::new().prefix("codat-keys-").suffix(".html").tempfile().ok()?;
        state.remove_at_end(file.path(), file.as_file());
        Some(file)
    })?;
    write!(file, "<!doctype html><meta http-equiv=\"refresh\" content=\"0;url={link}\">").ok()?;
    if !open::commands(file.path()).into_iter().any(launch) {
        eprint_line("no browser could be started: open the link yourself");
    }
    Some(file)
}

/// Starts a program that opens the browser. Signals of this terminal do not reach the program. Returns `false` if the
/// program cannot be started or fails within [`LAUNCH_TIMEOUT`].
fn launch(mut command: Command) -> bool {
    let quiet = without_credentials(&mut command).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(quiet, 0);
    let Ok(mut child) = quiet.spawn() else { return false };
    thread::sleep(LAUNCH_TIMEOUT);
    match child.try_wait() {
        // The exit status of Windows Explorer does not show whether it failed.
        Ok(Some(status)) => status.success() || cfg!(windows),
        _ => {
            thread::spawn(move || child.wait());
            true
        }
    }
}

/// Returns a receiver that gets a message for each line that the user types on the terminal.
fn lines() -> UnboundedReceiver<()> {
    let (typed, lines) = mpsc::unbounded_channel();
    if std::io::stdin().is_terminal() {
        thread::spawn(move || std::io::stdin().lines().map_while(Result::ok).try_for_each(|_| typed.send(())));
    }
    lines
}

fn cannot_start(error: std::io::Error) -> Failure {
    Failure::local(format!("the page cannot be served: {error}"), "choose another --port")
}
