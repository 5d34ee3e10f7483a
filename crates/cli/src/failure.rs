//! How a command ends when it does not succeed: `error:` and `hint:` lines, and an exit status.

use std::fmt::{Display, Formatter};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use codat_keys::{Error, ErrorKind, plain};

use crate::output::say;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

pub(crate) struct Failure {
    status: u8,
    message: String,
    notes: Vec<String>,
    hint: String,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Display, hint: impl Display) -> Self {
        Self { status: kind.exit_status(), message: message.to_string(), notes: Vec::new(), hint: hint.to_string() }
    }

    /// For what goes wrong on this machine: a file, a terminal, a process.
    pub(crate) fn local(message: impl Display, hint: impl Display) -> Self {
        Self { status: 1, message: message.to_string(), notes: Vec::new(), hint: hint.to_string() }
    }

    /// Nothing went wrong, and nobody would read more.
    pub(crate) fn nobody_reads() -> Self {
        Self { status: 0, message: String::new(), notes: Vec::new(), hint: String::new() }
    }

    /// What should be known beside it.
    pub(crate) fn with_note(mut self, note: impl Display) -> Self {
        self.notes.push(note.to_string());
        self
    }

    pub(crate) fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn report(self) -> ExitCode {
        if self.status == 0 {
            return ExitCode::SUCCESS;
        }
        say(&format!("{ERROR}error:{ERROR:#} {}", plain(&self.message)));
        for note in &self.notes {
            say(&format!("note: {}", plain(note)));
        }
        say(&format!("{HINT}hint:{HINT:#} {}", plain(&self.hint)));
        ExitCode::from(self.status)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (hint: {})", self.message, self.hint)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut failure = Self::new(error.kind(), &error, error.hint());
        if error.kind() == ErrorKind::NoCredential {
            failure.hint.push_str("; or store one: codat-keys login");
        }
        if let Some(wait) = error.retry_after() {
            failure.notes.push(format!("Codat asks to wait {} s", wait.as_secs()));
        }
        if let Some(outcome) = error.outcome() {
            if let Some(key) = &outcome.idempotency_key {
                failure.notes.push(format!("the idempotency key was {key}"));
            }
            match outcome.candidates.as_deref() {
                // A deletion has none.
                None if outcome.idempotency_key.is_none() => {}
                None => failure.notes.push("nobody could look whether it took effect".into()),
                Some([]) => failure.notes.push("no new key of that name is listed".into()),
                Some(keys) => failure.notes.extend(
                    keys.iter().map(|key| format!("this key may be the one: {} {}", key.id, key.api_key.masked())),
                ),
            }
        }
        failure
    }
}
