//! One run of a command that prints a key, within its time and limits.

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

/// Far more than any key: what prints more is another command.
const MAX_BYTES: usize = 64 * 1024;

const MAX_COMPLAINT_CHARS: usize = 500;

/// What is shorter is not looked for in a complaint: a word that both hold would be no secret.
const LEAST_SECRET_BYTES: usize = 8;

/// The end of a command is no event that a thread could wait for together with a time.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

pub(super) struct Run {
    pub(super) argv: Vec<OsString>,
    pub(super) place: String,
    pub(super) timeout: Duration,
}

/// Killed and waited for when this is dropped, unless it has ended.
struct Running(Child);

type Printed = Zeroizing<Vec<u8>>;

impl Run {
    /// Runs the command, and blocks until it has ended or its time has.
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
            // Another process may still hold its standard error.
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

    /// What it printed goes by the same rules as any credential.
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
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(ends: Instant) -> Duration {
    ends.saturating_duration_since(Instant::now())
}

/// The first bytes that come out of a pipe, up to one more than allowed. The rest is let go, so that nobody waits to write.
fn collect(pipe: Option<impl Read + Send + 'static>) -> io::Result<Receiver<Printed>> {
    let (told, heard) = mpsc::channel();
    thread::Builder::new().name("codat-keys-pipe".into()).spawn(move || {
        let Some(mut pipe) = pipe else { return };
        // Never moved while it grows, which would leave a copy behind.
        let mut printed = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
        // A pipe that breaks has ended; whoever waited may be gone.
        let _ = (&mut pipe).take(MAX_BYTES as u64 + 1).read_to_end(&mut printed);
        let _ = told.send(printed);
        let _ = io::copy(&mut pipe, &mut io::sink());
    })?;
    Ok(heard)
}

/// The end of what it wrote to its standard error, on one line, without what it printed, since a script may trace both, and
/// without anything else that looks like a key.
fn shown(bytes: &[u8], output: &[u8]) -> String {
    let (complaint, output) =
        (String::from_utf8_lossy(bytes), Zeroizing::new(String::from_utf8_lossy(output).into_owned()));
    // What is too long was cut, within a key perhaps.
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

/// The text without its last word.
fn whole_words_before(text: &str) -> &str {
    text.rfind(char::is_whitespace).map_or("", |end| &text[..end])
}

/// The end of a text that is too long. It begins with a whole word: half a key is not recognized, and half a mask is none.
fn last_words(text: &str) -> String {
    let Some((start, _)) = text.char_indices().rev().nth(MAX_COMPLAINT_CHARS) else { return text.to_owned() };
    text[start..].split_once(' ').map_or("...", |(_, words)| words).to_owned()
}
