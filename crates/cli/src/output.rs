//! Output to standard output and standard error.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use codat_keys::{ApiKeyDetails, Client, Creation, escape_json, plain};
use serde::Serialize;
use serde::de::IgnoredAny;
use unicode_width::UnicodeWidthStr;

use crate::failure::{Failure, without_secrets};
use crate::pretty::write_pretty;
use crate::signals;

/// How long a blocked standard error delays the end of the process after a signal.
const BLOCKED_TIMEOUT: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Writes to standard output. A closed pipe (`| head`) ends the program with status 0 and without a message.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    write(|out| out.write_all(text.as_bytes()))
}

/// Writes to standard output from another thread, so that a signal can stop the command while the write blocks.
pub(crate) async fn print_aside(text: String) -> Result<(), Failure> {
    let printed = tokio::task::spawn_blocking(move || print(&text)).await;
    printed.unwrap_or_else(|error| Err(Failure::local(format!("standard output failed: {error}"), "run it again")))
}

/// Writes a secret. A closed pipe is an error, since the secret would be lost.
pub(crate) fn print_secret(text: &str) -> Result<(), Failure> {
    print(text).map_err(Failure::even_on_closed_pipe)
}

/// Fails if standard output is closed. Commands call this function before a request whose result would be lost.
///
/// At startup, Rust opens a closed standard output as the null device for reading and writing; `> /dev/null` opens it for
/// writing only. A standard output that is open only for reading counts as closed.
pub(crate) fn refuse_closed_output(hint: &str) -> Result<(), Failure> {
    if is_closed() {
        let hint = format!("{hint}; nothing was sent");
        return Err(Failure::local("standard output is closed: the key would be lost", hint));
    }
    Ok(())
}

#[cfg(unix)]
fn is_closed() -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fstat};
    let device = |metadata: std::fs::Metadata| std::os::unix::fs::MetadataExt::rdev(&metadata);
    let null = std::fs::metadata("/dev/null").map(device);
    let is_null = || fstat(stdout()).is_ok_and(|stat| null.is_ok_and(|null| null == stat.st_rdev));
    fcntl_getfl(stdout()).is_ok_and(|flags| match flags & OFlags::ACCMODE {
        OFlags::RDONLY => true,
        OFlags::RDWR => is_null(),
        _ => false,
    })
}

#[cfg(windows)]
fn is_closed() -> bool {
    std::os::windows::io::AsRawHandle::as_raw_handle(&stdout()).is_null()
}

/// Fails if standard output is a terminal, unless `reveal` is set. A terminal shows secrets and keeps them in its history.
pub(crate) fn refuse_terminal(reveal: bool, hint: &str) -> Result<(), Failure> {
    if !reveal && stdout().is_terminal() {
        let what = "the key would be shown on this terminal";
        return Err(Failure::new(codat_keys::ErrorKind::InvalidInput, what, hint));
    }
    Ok(())
}

/// Writes the body of a response, and ends its last line.
///
/// Invisible characters in JSON are escaped. Other bodies are written as received; a terminal gets text without control
/// characters, and no other bytes.
pub(crate) fn print_body(body: &[u8]) -> Result<(), Failure> {
    let Ok(text) = std::str::from_utf8(body) else {
        if stdout().is_terminal() {
            let what = format!("the answer is no text: {} bytes that a terminal cannot show", body.len());
            return Err(Failure::local(what, "send the output to a file: > FILE"));
        }
        return write(|out| out.write_all(body));
    };
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let text = if is_json { escape_json(text) } else { text.into() };
    match (stdout().is_terminal(), is_json) {
        (false, _) => print(&(text.into_owned() + end)),
        (true, true) => write(|out| write_pretty(out, &text)),
        (true, false) => {
            let line = |line: &str| line.trim_end_matches('\r').split('\t').map(plain).collect::<Vec<_>>().join("\t");
            let lines: Vec<String> = text.split('\n').map(line).collect();
            print(&(lines.join("\n") + end))
        }
    }
}

fn write(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(stdout().lock());
    write(&mut out).and_then(|()| out.flush()).map_err(|error| {
        let failure = Failure::local(format!("standard output cannot be written: {error}"), "check where it goes");
        failure.with_status(if error.kind() == ErrorKind::BrokenPipe { 0 } else { 1 })
    })
}

/// Writes a line to standard error, with keys masked.
pub(crate) fn eprint_line(line: &str) {
    eprint_masked_line(&without_secrets(line));
}

/// Writes a line to standard error. The caller has masked the keys in it. Errors are ignored. After a signal, a write that
/// blocks is abandoned after [`BLOCKED_TIMEOUT`].
pub(crate) fn eprint_masked_line(line: &str) {
    static IS_BLOCKED: AtomicBool = AtomicBool::new(false);
    if IS_BLOCKED.load(Ordering::Relaxed) {
        return;
    }
    let line = format!("{line}\n");
    let (tx, written) = channel();
    let writer = thread::Builder::new().spawn(move || {
        let _ = anstream::stderr().write_all(line.as_bytes());
        let _ = tx.send(());
    });
    let mut left = BLOCKED_TIMEOUT;
    while writer.is_ok() && written.recv_timeout(POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        if signals::was_received() {
            left = left.saturating_sub(POLL_INTERVAL);
        }
        if left.is_zero() {
            // The thread holds the lock of standard error, so that nothing else can be written.
            IS_BLOCKED.store(true, Ordering::Relaxed);
            return;
        }
    }
}

/// Prints JSON, indented on a terminal and on one line elsewhere.
pub(crate) fn print_json(document: &impl Serialize) -> Result<(), Failure> {
    print(&(json_text(document, stdout().is_terminal()) + "\n"))
}

pub(crate) fn json_text(document: &impl Serialize, is_pretty: bool) -> String {
    let text = if is_pretty { serde_json::to_string_pretty(document) } else { serde_json::to_string(document) };
    let text = text.expect("names are texts, and no value refuses to be written");
    escape_json(&text).into_owned()
}

/// Prints keys as a table on a terminal, and as tab-separated lines elsewhere.
pub(crate) fn print_keys(client: &Client, keys: &[ApiKeyDetails], reveal: bool) -> Result<(), Failure> {
    print_rows(["ID", "NAME", "CREATED", "IN USE", "KEY"], keys.iter().map(|key| row(client, key, reveal)))
}

/// Prints a table with a heading on a terminal, and tab-separated lines elsewhere. An empty value is `-`.
pub(crate) fn print_rows<const N: usize>(
    heading: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<(), Failure> {
    if stdout().is_terminal() {
        print(&table(std::iter::once(heading.map(str::to_owned)).chain(rows).collect()))
    } else {
        print(&rows.map(|row| row.map(or_dash).join("\t") + "\n").collect::<String>())
    }
}

/// Replaces an empty cell by `-`, because programs that merge consecutive tabs would lose the cell.
fn or_dash(cell: String) -> String {
    if cell.is_empty() { "-".into() } else { cell }
}

/// The JSON document of `list`.
#[derive(Serialize)]
pub(crate) struct KeysDocument {
    pub(crate) keys: Vec<KeyJson>,
}

/// The JSON document of `show`, `whoami` and `create`.
#[derive(Serialize)]
pub(crate) struct KeyDocument {
    key: KeyJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<&'static str>,
    /// The ids of other new keys of the same name. Null if the keys could not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    extras: Option<Option<Vec<String>>>,
}

impl KeyDocument {
    pub(crate) fn new(client: &Client, key: &ApiKeyDetails, reveal: bool, made: Option<&Creation>) -> Self {
        let ids = |extras: &Vec<ApiKeyDetails>| extras.iter().map(|extra| extra.id.to_string()).collect();
        Self {
            key: KeyJson::new(client, key, reveal),
            how: made.map(|made| made.how.code()),
            extras: made.map(|made| made.extras.as_ref().map(ids)),
        }
    }
}

/// A key in JSON. The members have the order that `--help` shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyJson {
    id: String,
    name: Option<String>,
    created: Option<String>,
    in_use: bool,
    key: String,
}

impl KeyJson {
    pub(crate) fn new(client: &Client, key: &ApiKeyDetails, reveal: bool) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.as_ref().map(|name| name.redacted().into_owned()),
            created: key.created_date.map(|date| date.to_string()),
            in_use: client.uses(key),
            key: shown(key, reveal),
        }
    }
}

fn row(client: &Client, key: &ApiKeyDetails, reveal: bool) -> [String; 5] {
    [
        key.id.to_string(),
        key.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        key.created_date.map(|date| date.to_string()).unwrap_or_default(),
        if client.uses(key) { "yes" } else { "no" }.into(),
        shown(key, reveal),
    ]
}

fn shown(key: &ApiKeyDetails, reveal: bool) -> String {
    if reveal { key.api_key.expose_secret().to_owned() } else { key.api_key.masked() }
}

fn table<const N: usize>(rows: Vec<[String; N]>) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| cell.clone() + &" ".repeat(width - cell.width()));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
