//! A run of a command that prints a credential, with a timeout and an output limit.

use std::ffi::OsString;
use std::io::{self, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::printed::mask_printed;
use super::process_group::ProcessGroup;
use super::without_credentials;
use crate::domain::{Credential, Mistake};
use crate::error::{Error, ErrorKind};

/// The maximum size of the output of a command. Valid credentials are far smaller.
const MAX_BYTES: usize = 64 * 1024;

/// The maximum number of bytes that are read and discarded after the first [`MAX_BYTES`].
const MAX_DISCARDED_BYTES: u64 = 1024 * 1024;

const MAX_STDERR_CHARS: usize = 500;

pub(super) struct CommandProcess {
    pub(super) argv: Vec<OsString>,
    pub(super) place: String,
    pub(super) timeout: Duration,
}

const PRINT_KEY_ALONE: &str = "give a command that prints the key alone";

type Output = Zeroizing<Vec<u8>>;

impl CommandProcess {
    /// Runs the command and parses its output. Blocks until the command exits, its timeout elapses, or `group` is
    /// killed.
    pub(super) fn credential(&self, group: &Arc<ProcessGroup>) -> Result<Credential, Error> {
        let credential = self.run(group);
        group.end();
        match credential {
            _ if group.is_cancelled() => Err(self.cancelled()),
            Err(_) if group.was_endless() => Err(self.endless()),
            credential => credential,
        }
    }

    fn run(&self, group: &Arc<ProcessGroup>) -> Result<Credential, Error> {
        let deadline = Instant::now() + self.timeout.min(Duration::from_secs(3600));
        let not_started = |source| self.not_started(source);
        let (output, stderr) = group.start(&mut self.command()?).map_err(not_started)?;
        let output = collect(output, || {}).map_err(not_started)?;
        let group_of_stderr = Arc::clone(group);
        let stderr = collect(stderr, move || group_of_stderr.end_endless()).map_err(not_started)?;

        let output = output.recv_timeout(remaining(deadline)).map_err(|_| match group.has_exited() {
            true => self.output_held_open(),
            false => self.timed_out(),
        })?;
        if output.len() > MAX_BYTES {
            return Err(self.error("prints more than 64 KiB", PRINT_KEY_ALONE));
        }
        let status = group.wait_until(deadline).map_err(|source| self.without_status(source))?;
        let status = status.ok_or_else(|| self.timed_out())?;
        if !status.success() {
            // Waits at most one second: another process, which the command started, can keep the standard error open.
            let stderr = stderr.recv_timeout(remaining(deadline).min(Duration::from_secs(1))).unwrap_or_default();
            return Err(self.failed(status, &masked_stderr(&stderr, &output)));
        }
        Credential::read_bytes(&output).map_err(|mistake| self.invalid_output(mistake))
    }

    fn command(&self) -> Result<Command, Error> {
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
        Ok(command)
    }

    fn not_started(&self, source: io::Error) -> Error {
        let hint = "check that it is installed, and in PATH or given with its whole path";
        self.error(&format!("cannot be started: {source}"), hint).with_source(source)
    }

    fn without_status(&self, source: io::Error) -> Error {
        let hint = "let this process not ignore SIGCHLD while it reads the key";
        self.error(&format!("has ended, but its exit status cannot be read: {source}"), hint).with_source(source)
    }

    fn endless(&self) -> Error {
        self.error("prints more than 1 MiB of errors, and was killed", PRINT_KEY_ALONE)
    }

    fn timed_out(&self) -> Error {
        let what = format!("did not end within {:?}, and was killed", self.timeout);
        self.error(&what, "run it by hand; it may wait for an answer, or need more time")
    }

    fn cancelled(&self) -> Error {
        Error::new(ErrorKind::Cancelled, format!("{} was cancelled, and was killed", self.place))
    }

    fn output_held_open(&self) -> Error {
        let what = "has ended, but something that it started holds its output open";
        self.error(what, "let what stays behind write elsewhere: `>/dev/null`")
    }

    fn failed(&self, status: ExitStatus, stderr: &str) -> Error {
        let what = if stderr.is_empty() { "and says nothing" } else { stderr };
        self.error(&format!("failed ({status}): {what}"), "run it by hand to see what it needs")
    }

    /// Returns the error for a command output that is not a valid credential.
    fn invalid_output(&self, mistake: Mistake) -> Error {
        mistake.in_place(&format!("what {} printed", self.place))
    }

    fn error(&self, what: &str, hint: &'static str) -> Error {
        Error::new(ErrorKind::InvalidCredential, format!("{} {what}", self.place)).with_hint(hint)
    }
}

fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Reads up to `MAX_BYTES + 1` bytes from a pipe, on a separate thread. If all of these bytes arrive, the output is too
/// long. Further bytes are read and discarded, so that the command does not block. After [`MAX_DISCARDED_BYTES`]
/// discarded bytes, calls `is_endless`.
fn collect(
    pipe: Option<impl Read + Send + 'static>,
    is_endless: impl FnOnce() + Send + 'static,
) -> io::Result<Receiver<Output>> {
    let (tx, rx) = mpsc::channel();
    thread::Builder::new().name("codat-keys-pipe".into()).spawn(move || {
        let Some(mut pipe) = pipe else { return };
        // The buffer never grows, because a copy of the key would then stay in memory.
        let mut output = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
        // A broken pipe counts as the end of the output. If the receiver was dropped, the output is discarded.
        let _ = (&mut pipe).take(MAX_BYTES as u64 + 1).read_to_end(&mut output);
        let _ = tx.send(output);
        let discarded = io::copy(&mut pipe.take(MAX_DISCARDED_BYTES), &mut io::sink());
        if discarded.is_ok_and(|bytes| bytes == MAX_DISCARDED_BYTES) {
            is_endless();
        }
    })?;
    Ok(rx)
}

/// Returns the end of the standard error as one line, with keys masked.
fn masked_stderr(bytes: &[u8], output: &[u8]) -> String {
    let stderr = String::from_utf8_lossy(bytes);
    // The standard error may end in the middle of a key, at the size limit. The last word is therefore removed.
    let stderr = if bytes.len() > MAX_BYTES { whole_words_before(&stderr) } else { &stderr };
    let line: String = stderr.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    last_words(&mask_printed(&line, output))
}

/// Removes the last word of a text. Used for text that may end in the middle of a word.
fn whole_words_before(text: &str) -> &str {
    text.rfind(char::is_whitespace).map_or("", |end| &text[..end])
}

/// Shortens a text to its last words. Cuts only between two words: a cut inside a key would leave a part of the key,
/// which a later redaction would not find.
fn last_words(text: &str) -> String {
    let Some((start, _)) = text.char_indices().rev().nth(MAX_STDERR_CHARS) else { return text.to_owned() };
    text[start..].split_once(' ').map_or("...", |(_, words)| words).to_owned()
}
