//! The run of a command that prints a credential, with a timeout and a limit on its output.

use std::ffi::OsString;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::without_credentials;
use crate::domain::{ApiKey, Credential, Mistake, mask_credentials};
use crate::error::{Error, ErrorKind};
use crate::lookalikes::MASK;
use crate::needles::Needles;

/// Larger than any key. A command that prints more was given by mistake.
const MAX_BYTES: usize = 64 * 1024;

const MAX_COMPLAINT_CHARS: usize = 500;

/// Shorter lines of the output are not masked in the standard error, because they may be ordinary words.
const LEAST_SECRET_BYTES: usize = 8;

/// The interval between two checks whether the command has exited. The standard library cannot wait for a process with
/// a timeout.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

pub(super) struct Run {
    pub(super) argv: Vec<OsString>,
    pub(super) place: String,
    pub(super) timeout: Duration,
}

/// A started process. Dropping this kills the process and waits for its exit.
struct Running(Child);

type Printed = Zeroizing<Vec<u8>>;

impl Run {
    /// Runs the command and parses its output. Blocks until the command exits or its timeout elapses.
    pub(super) fn credential(&self) -> Result<Credential, Error> {
        let ends = Instant::now() + self.timeout.min(Duration::from_secs(3600));
        let mut running = self.start()?;
        let not_started = |source| self.not_started(source);
        let output = collect(running.0.stdout.take()).map_err(not_started)?;
        let complaint = collect(running.0.stderr.take()).map_err(not_started)?;

        let output = output.recv_timeout(until(ends)).map_err(|_| match running.0.try_wait() {
            Ok(Some(_)) => self.held_open(),
            _ => self.too_slow(),
        })?;
        if output.len() > MAX_BYTES {
            return Err(self.error("prints more than 64 KiB", "give a command that prints the key alone"));
        }
        let status = running.ends_before(ends).ok_or_else(|| self.too_slow())?;
        if !status.success() {
            // A process that the command started may still hold its standard error open.
            let complaint = complaint.recv_timeout(until(ends).min(Duration::from_secs(1))).unwrap_or_default();
            return Err(self.failed(status, &shown(&complaint, &output)));
        }
        Credential::read_bytes(&output).map_err(|mistake| self.mistaken(mistake))
    }

    fn start(&self) -> Result<Running, Error> {
        let [program, arguments @ ..] = self.argv.as_slice() else {
            return Err(Error::new(ErrorKind::InvalidInput, "the command for the key is empty")
                .with_hint("give a program and its arguments"));
        };
        let mut command = Command::new(program);
        without_credentials(&mut command)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().map(Running).map_err(|source| self.not_started(source))
    }

    fn not_started(&self, source: io::Error) -> Error {
        let hint = "check that it is installed, and in PATH or given with its whole path";
        self.error(&format!("cannot be started: {source}"), hint).with_source(source)
    }

    fn too_slow(&self) -> Error {
        let what = format!("did not end within {:?}, and was killed", self.timeout);
        self.error(&what, "run it by hand; it may wait for an answer, or need more time")
    }

    fn held_open(&self) -> Error {
        let what = "has ended, but something that it started holds its output open";
        self.error(what, "let what stays behind write elsewhere: `>/dev/null`")
    }

    fn failed(&self, status: ExitStatus, complaint: &str) -> Error {
        let what = if complaint.is_empty() { "and says nothing" } else { complaint };
        self.error(&format!("failed ({status}): {what}"), "run it by hand to see what it needs")
    }

    /// Describes invalid output. The output follows the same rules as any credential.
    fn mistaken(&self, mistake: Mistake) -> Error {
        mistake.in_place(&format!("what {} printed", self.place))
    }

    fn error(&self, what: &str, hint: &'static str) -> Error {
        Error::new(ErrorKind::InvalidCredential, format!("{} {what}", self.place)).with_hint(hint)
    }
}

impl Running {
    fn ends_before(&mut self, ends: Instant) -> Option<ExitStatus> {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < ends => thread::sleep(BETWEEN_LOOKS),
                _ => return None,
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have exited already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(ends: Instant) -> Duration {
    ends.saturating_duration_since(Instant::now())
}

/// Reads a pipe on its own thread, up to one byte more than the limit. Discards the rest, so that the writer does not
/// block.
fn collect(pipe: Option<impl Read + Send + 'static>) -> io::Result<Receiver<Printed>> {
    let (told, heard) = mpsc::channel();
    thread::Builder::new().name("codat-keys-pipe".into()).spawn(move || {
        let Some(mut pipe) = pipe else { return };
        // The buffer never grows, because growing would leave a copy of the key in memory.
        let mut printed = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
        // A broken pipe counts as the end of the output. The receiver may have been dropped.
        let _ = (&mut pipe).take(MAX_BYTES as u64 + 1).read_to_end(&mut printed);
        let _ = told.send(printed);
        let _ = io::copy(&mut pipe, &mut io::sink());
    })?;
    Ok(heard)
}

/// Returns the end of the standard error on one line. Masks the lines of the output in it, because a script may trace
/// both, and anything else that looks like a key.
fn shown(bytes: &[u8], output: &[u8]) -> String {
    let (complaint, output) =
        (String::from_utf8_lossy(bytes), Zeroizing::new(String::from_utf8_lossy(output).into_owned()));
    // Standard error that exceeds the limit was cut, possibly in the middle of a key.
    let complaint = if bytes.len() > MAX_BYTES { whole_words_before(&complaint) } else { &complaint };
    let mut shown: String = complaint.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let lines = || output.lines().map(str::trim).filter(|line| line.len() >= LEAST_SECRET_BYTES);
    let keys: Vec<ApiKey> = lines().filter_map(|line| Some(Credential::read(line).ok()?.api_key().clone())).collect();
    shown = Needles::of(keys.iter().map(ApiKey::expose_secret)).redact(&shown).into_owned();
    for line in lines() {
        shown = shown.replace(line, MASK);
    }
    last_words(&mask_credentials(&shown))
}

/// Removes the last word, which may be cut.
fn whole_words_before(text: &str) -> &str {
    text.rfind(char::is_whitespace).map_or("", |end| &text[..end])
}

/// Returns the end of a text that is too long, from the start of a word. A part of a key would not be recognized and
/// masked.
fn last_words(text: &str) -> String {
    let Some((start, _)) = text.char_indices().rev().nth(MAX_COMPLAINT_CHARS) else { return text.to_owned() };
    text[start..].split_once(' ').map_or("...", |(_, words)| words).to_owned()
}
