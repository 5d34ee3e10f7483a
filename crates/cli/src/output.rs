//! Output to standard output.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write, stdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use codat_keys::internal::{escape_json, sanitize};
use serde::Serialize;
use serde::de::IgnoredAny;
use unicode_width::UnicodeWidthStr;

use crate::failure::Failure;
use crate::json::{json_text, write_pretty};
use crate::redact::without_secrets;
use crate::signals;

/// The maximum time that the process waits for a blocked standard output after a signal. The module [`signals`] ignores
/// further signals for the time `COPY_TIME`. `BLOCKED_TIMEOUT` is shorter than this time, so that no further signal
/// ends the process before the command reports what it has done.
const BLOCKED_TIMEOUT: Duration = Duration::from_millis(500);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The maximum width of a table column. A wider cell shifts only the later cells of its row. Names in Codat have at
/// most 50 characters, and ids have 36.
const MAX_COLUMN_WIDTH: usize = 100;

/// Prints a text to standard output. A closed pipe (`| head`) ends the program with status 0 and without a message.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    write(|out| out.write_all(text.as_bytes()))
}

/// Prints lines to standard output. Masks API keys, and escapes control characters and invisible characters.
pub(crate) fn print_lines(lines: &[String]) -> Result<(), Failure> {
    print(&lines.iter().map(|line| sanitize(&without_secrets(line)) + "\n").collect::<String>())
}

/// Prints a text to standard output on another thread, so that a signal can end the command while the write blocks.
pub(crate) async fn print_aside(text: String) -> Result<(), Failure> {
    let printed = tokio::task::spawn_blocking(move || print(&text)).await;
    printed.unwrap_or_else(|error| Err(Failure::local(format!("standard output failed: {error}"), "run it again")))
}

/// Prints texts in order on another thread. The command continues while standard output blocks.
pub(crate) struct Printer {
    /// The texts to print. `None` is the end.
    texts: Sender<Option<String>>,
    printed: Receiver<Result<(), Failure>>,
}

impl Printer {
    pub(crate) fn start() -> Self {
        let (texts, received) = channel::<Option<String>>();
        let (tx, printed) = channel();
        // If the thread cannot start, `finish` returns an error.
        let _ = thread::Builder::new().spawn(move || {
            let texts = received.into_iter().map_while(|text| text);
            let _ = tx.send(texts.map(|text| print(&text)).fold(Ok(()), Result::and));
        });
        Self { texts, printed }
    }

    /// Returns a function that prints a text. The returned function reports no errors. [`finish`](Self::finish) returns
    /// the first error.
    pub(crate) fn print(&self) -> impl Fn(String) + Send + Sync + use<> {
        let texts = self.texts.clone();
        move |text| {
            let _ = texts.send(Some(text));
        }
    }

    /// Waits until all texts are printed. After a signal, waits at most [`BLOCKED_TIMEOUT`] longer. Returns the first
    /// write error.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        let _ = self.texts.send(None);
        let mut left = BLOCKED_TIMEOUT;
        loop {
            match self.printed.recv_timeout(POLL_INTERVAL) {
                Ok(printed) => return printed,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::local("standard output failed", "run the command again"));
                }
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Err(Failure::stopped(signals::done())),
                Err(RecvTimeoutError::Timeout) if signals::was_received() => left = left.saturating_sub(POLL_INTERVAL),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// Prints bytes of a response body to standard output.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    write(|out| out.write_all(bytes))
}

/// Writes a secret to standard output. A closed pipe is an error, because the secret would be lost.
pub(crate) fn print_secret(text: &str) -> Result<(), Failure> {
    print(text).map_err(Failure::even_on_closed_pipe)
}

/// Returns an error if standard output is closed or read-only. Accepts the null device. Called at the start of each
/// command that prints its result.
pub(crate) fn refuse_closed_output(hint: &str) -> Result<(), Failure> {
    if is_closed() {
        let hint = format!("{hint}; nothing was sent");
        return Err(Failure::local("standard output is closed: the output would be lost", hint));
    }
    Ok(())
}

#[cfg(unix)]
fn is_closed() -> bool {
    use rustix::fs::{OFlags, fcntl_getfl};
    let is_read_only = || fcntl_getfl(stdout()).is_ok_and(|flags| flags & OFlags::ACCMODE == OFlags::RDONLY);
    at_start::WAS_CLOSED.load(std::sync::atomic::Ordering::Relaxed) || is_read_only()
}

/// Whether standard output was closed before `main`. If standard output is closed when a program starts, the runtime of
/// Rust opens the null device in its place. `main` cannot distinguish this null device from one that the parent process
/// opened. Python and Node open the null device to ignore the output of a child process.
#[cfg(unix)]
mod at_start {
    use std::sync::atomic::{AtomicBool, Ordering};

    pub(super) static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

    #[expect(unsafe_code, reason = "no safe attribute makes the C library call a function before `main`")]
    #[used]
    #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
    #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
    static CHECK: extern "C" fn() = check;

    extern "C" fn check() {
        let is_closed = rustix::fs::fcntl_getfl(rustix::stdio::stdout()).is_err();
        WAS_CLOSED.store(is_closed, Ordering::Relaxed);
    }
}

#[cfg(windows)]
fn is_closed() -> bool {
    std::os::windows::io::AsRawHandle::as_raw_handle(&stdout()).is_null()
}

/// Returns an error if standard output is a terminal and `reveal` is false. A terminal displays secrets and keeps them
/// in its history.
pub(crate) fn refuse_terminal(reveal: bool, hint: &str) -> Result<(), Failure> {
    if !reveal && stdout().is_terminal() {
        let what = "the key would be shown on this terminal";
        return Err(Failure::new(codat_keys::ErrorKind::InvalidInput, what, hint));
    }
    Ok(())
}

/// Prints the body of an HTTP response. If the body is text without a line break at its end, adds a line break.
///
/// In JSON, invisible characters are escaped. If standard output is a terminal, control characters are removed from
/// text that is not JSON, and a body that is not text is an error. If standard output is not a terminal, a body that is
/// not text is printed unchanged.
pub(crate) fn print_body(body: &[u8]) -> Result<(), Failure> {
    let Ok(text) = std::str::from_utf8(body) else {
        if stdout().is_terminal() {
            let what = format!("the response is not text: {} bytes that a terminal cannot show", body.len());
            return Err(Failure::local(what, "send the output to a file: > FILE"));
        }
        return print_bytes(body);
    };
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let text = if is_json { escape_json(text) } else { text.into() };
    match (stdout().is_terminal(), is_json) {
        (false, _) => print(&(text.into_owned() + end)),
        (true, true) => write(|out| write_pretty(out, &text)),
        (true, false) => {
            let line =
                |line: &str| line.trim_end_matches('\r').split('\t').map(sanitize).collect::<Vec<_>>().join("\t");
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

/// Prints JSON. The JSON is indented if standard output is a terminal, and on one line otherwise.
pub(crate) fn print_json(document: &impl Serialize) -> Result<(), Failure> {
    print(&(json_text(document, stdout().is_terminal()) + "\n"))
}

/// If standard output is a terminal, prints a table with a heading. Otherwise, prints tab-separated lines without a
/// heading, with `-` for an empty cell.
///
/// A column of the table is as wide as its widest cell, but at most [`MAX_COLUMN_WIDTH`]. Cells can contain text from a
/// server, and one long text would otherwise widen every row.
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

/// Replaces an empty cell by `-`, because some programs merge consecutive tabs and would lose the cell.
fn or_dash(cell: String) -> String {
    if cell.is_empty() { "-".into() } else { cell }
}

fn table<const N: usize>(rows: Vec<[String; N]>) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0).min(MAX_COLUMN_WIDTH);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells =
            row.iter().zip(&widths).map(|(cell, width)| cell.clone() + &" ".repeat(width.saturating_sub(cell.width())));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
