//! What goes to standard output.

use std::io::{ErrorKind, IsTerminal, Write, stdout};

use codat_keys::{ApiKeyDetails, Client, Creation, plain};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::failure::Failure;

/// Writes to standard output. A reader that has gone away (`| head`) ends the program, without a word.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    write(text.as_bytes())
}

/// For what is all secret: a terminal shows it, and keeps it in its history.
pub(crate) fn refuse_terminal(reveal: bool, hint: &str) -> Result<(), Failure> {
    if !reveal && stdout().is_terminal() {
        let what = "the key would be shown on this terminal";
        return Err(Failure::new(codat_keys::ErrorKind::InvalidInput, what, hint));
    }
    Ok(())
}

/// Writes an answer's body as it came, and ends its last line; to a terminal without what could move its cursor.
pub(crate) fn print_body(body: &[u8]) -> Result<(), Failure> {
    let Ok(text) = std::str::from_utf8(body) else {
        if stdout().is_terminal() {
            let what = format!("the answer is no text: {} bytes that a terminal cannot show", body.len());
            return Err(Failure::local(what, "send the output to a file: > FILE"));
        }
        return write(body);
    };
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    if !stdout().is_terminal() {
        return print(&format!("{text}{end}"));
    }
    let line = |line: &str| line.trim_end_matches('\r').split('\t').map(plain).collect::<Vec<_>>().join("\t");
    let lines: Vec<String> = text.split('\n').map(line).collect();
    print(&(lines.join("\n") + end))
}

fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::nobody_reads(),
        _ => Failure::local(format!("standard output cannot be written: {error}"), "check where it goes"),
    })
}

/// Writes a line to standard error. Where that cannot be written, nobody is there to be told.
pub(crate) fn say(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

pub(crate) fn print_json(document: &impl Serialize) -> Result<(), Failure> {
    let document = serde_json::to_string(document)
        .map_err(|error| Failure::local(format!("no JSON could be made: {error}"), "please report it"))?;
    print(&(document + "\n"))
}

/// Keys, as a table for people or as tab-separated lines for programs.
pub(crate) fn print_keys(client: &Client, keys: &[ApiKeyDetails], reveal: bool) -> Result<(), Failure> {
    print_rows(["ID", "NAME", "CREATED", "IN USE", "KEY"], keys.iter().map(|key| row(client, key, reveal)))
}

/// As a table with a heading on a terminal, and as tab-separated lines elsewhere.
pub(crate) fn print_rows<const N: usize>(
    heading: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<(), Failure> {
    if stdout().is_terminal() {
        print(&table(std::iter::once(heading.map(str::to_owned)).chain(rows).collect()))
    } else {
        print(&rows.map(|row| row.join("\t") + "\n").collect::<String>())
    }
}

/// What `list --json` prints.
#[derive(Serialize)]
pub(crate) struct KeysDocument<'a> {
    pub(crate) keys: Vec<KeyJson<'a>>,
}

/// What `show --json` and `create --json` print.
#[derive(Serialize)]
pub(crate) struct KeyDocument<'a> {
    key: KeyJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<&'static str>,
    /// The ids of other new keys of the name; null where nobody could look.
    #[serde(skip_serializing_if = "Option::is_none")]
    extras: Option<Option<Vec<&'a str>>>,
}

impl<'a> KeyDocument<'a> {
    pub(crate) fn new(client: &Client, key: &'a ApiKeyDetails, reveal: bool, made: Option<&'a Creation>) -> Self {
        let ids = |extras: &'a Vec<ApiKeyDetails>| extras.iter().map(|extra| extra.id.as_str()).collect();
        Self {
            key: KeyJson::new(client, key, reveal),
            how: made.map(|made| made.how.code()),
            extras: made.map(|made| made.extras.as_ref().map(ids)),
        }
    }
}

/// A key in JSON, its members in the order that `--help` names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyJson<'a> {
    id: &'a str,
    name: Option<String>,
    created: Option<String>,
    in_use: bool,
    key: String,
}

impl<'a> KeyJson<'a> {
    pub(crate) fn new(client: &Client, key: &'a ApiKeyDetails, reveal: bool) -> Self {
        Self {
            id: key.id.as_str(),
            name: key.name.as_deref().map(|name| client.redact(name)),
            created: key.created_date.map(|date| date.to_string()),
            in_use: client.uses(key),
            key: shown(key, reveal),
        }
    }
}

fn row(client: &Client, key: &ApiKeyDetails, reveal: bool) -> [String; 5] {
    [
        plain(key.id.as_str()),
        plain(&client.redact(key.name.as_deref().unwrap_or_default())),
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
