//! The failure of a command: `error:` and `hint:` lines or a JSON document on standard error, and an exit status.

use std::fmt::{Display, Formatter};
use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use codat_keys::internal::sanitize;
use codat_keys::{ApiKeyDetails, Error, ErrorKind};
use serde::Serialize;

use crate::exit_status;
use crate::json::json_text;
use crate::redact::without_secrets;
use crate::signals;
use crate::stderr::eprint_masked_line;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// The hint if there is no key. This text replaces the hint of the library `codat-keys`. The hint of the library also
/// names `CODAT_PROFILE` and `codat-keys exec`, for programs that use the library.
const NO_CREDENTIAL: &str = "set CODAT_API_KEY to a raw key, CODAT_AUTH_HEADER to a whole header, or CODAT_API_KEY_FILE to a file \
                             that holds either; or store one: codat-keys login";

/// A failure of a command.
pub(crate) struct Failure {
    status: u8,
    /// The kind of the error. `None` for a local failure, such as an error of a file, a terminal or a process.
    kind: Option<ErrorKind>,
    /// The code of a failure that has no kind.
    code: &'static str,
    message: String,
    notes: Vec<String>,
    hint: String,
    /// The error of the library `codat-keys` that caused the failure. `None` if the failure has another cause.
    source: Option<Error>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Display, hint: impl Display) -> Self {
        let status = if kind == ErrorKind::Cancelled { signals::status() } else { exit_status::of(kind) };
        Self { kind: Some(kind), ..Self::local(message, hint) }.with_status(status)
    }

    /// Creates a local failure, such as an error of a file, a terminal or a process.
    pub(crate) fn local(message: impl Display, hint: impl Display) -> Self {
        let (message, hint) = (without_secrets(message), without_secrets(hint));
        Self { status: 1, kind: None, code: "local", message, notes: Vec::new(), hint, source: None }
    }

    /// Creates the failure of a rotation. `code` is the code of the
    /// [`RotationErrorKind`](codat_keys_rotate::RotationErrorKind).
    pub(crate) fn of_rotation(code: &'static str, status: u8, message: impl Display, hint: impl Display) -> Self {
        Self { status, code, ..Self::local(message, hint) }
    }

    /// Creates the failure of a command that a signal ended. `done` describes the changes that the command made before
    /// the signal.
    ///
    /// The caller must mask API keys in `done`. This function does not mask them, because masking would delay the end
    /// of the process.
    pub(crate) fn stopped(done: Option<String>) -> Self {
        let hint = match done {
            None => ErrorKind::Cancelled.hint(),
            Some(_) => "do not repeat the command without checking: part of it was done",
        };
        Self {
            status: signals::status(),
            kind: Some(ErrorKind::Cancelled),
            code: ErrorKind::Cancelled.code(),
            message: "stopped".into(),
            notes: done.into_iter().collect(),
            hint: hint.into(),
            source: None,
        }
    }

    pub(crate) fn is_of(&self, kind: ErrorKind) -> bool {
        self.kind == Some(kind)
    }

    /// Whether the command may succeed if the user repeats it later.
    pub(crate) fn is_retryable(&self) -> bool {
        let of_kind = self.kind.is_some_and(ErrorKind::is_retryable);
        self.source.as_ref().map_or(of_kind, Error::is_retryable)
    }

    /// Adds a line that begins with `note:` to the failure.
    pub(crate) fn with_note(mut self, note: impl Display) -> Self {
        self.notes.push(without_secrets(note));
        self
    }

    /// Whether the response was larger than `--max-response-bytes` allows.
    pub(crate) fn is_above_limit(&self) -> bool {
        let source = self.source.as_ref();
        source.is_some_and(|error| error.kind() == ErrorKind::TooLarge && error.hint() == ErrorKind::TooLarge.hint())
    }

    pub(crate) fn with_hint(mut self, hint: impl Display) -> Self {
        self.hint = without_secrets(hint);
        self
    }

    /// Sets the exit status. A failure with status 0 is not reported.
    pub(crate) fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// Changes an exit status of 0 to 1, so that the failure is reported. A failed write to a closed pipe has status 0
    /// by default.
    ///
    /// Commands call this function if the user must learn that the output was lost.
    pub(crate) fn even_on_closed_pipe(self) -> Self {
        let status = self.status.max(1);
        self.with_status(status)
    }

    /// Prints the failure to standard error, and returns its exit status.
    pub(crate) fn report(self, is_json: bool) -> ExitCode {
        if self.status == 0 {
            return ExitCode::SUCCESS;
        }
        match is_json {
            true => eprint_masked_line(&json_text(&ErrorDocument { error: self.to_json() }, stderr().is_terminal())),
            false => self.report_text(),
        }
        ExitCode::from(self.status)
    }

    fn report_text(&self) {
        eprint_masked_line(&format!("{ERROR}error:{ERROR:#} {}", sanitize(&self.message)));
        for note in &self.notes {
            eprint_masked_line(&format!("note: {}", sanitize(note)));
        }
        eprint_masked_line(&format!("{HINT}hint:{HINT:#} {}", sanitize(&self.hint)));
    }

    pub(crate) fn to_json(&self) -> ErrorJson<'_> {
        let source = self.source.as_ref();
        let outcome = source.and_then(Error::outcome);
        ErrorJson {
            code: self.kind.map_or(self.code, ErrorKind::code),
            message: sanitize(&self.message),
            hint: sanitize(&self.hint),
            notes: self.notes.iter().map(|note| sanitize(note)).collect(),
            retryable: self.is_retryable(),
            status: source.and_then(Error::status).map(|status| status.as_u16()),
            correlation_id: source.and_then(Error::correlation_id),
            retry_after_seconds: source.and_then(Error::retry_after).map(|wait| wait.as_secs()),
            attempts: source.map(Error::attempts).filter(|attempts| *attempts > 0),
            elapsed_seconds: source.filter(|error| error.attempts() > 0).map(|error| error.elapsed().as_secs_f64()),
            idempotency_key: outcome.and_then(|outcome| outcome.idempotency_key.as_deref()),
            candidates: outcome
                .filter(|outcome| outcome.idempotency_key.is_some())
                .map(|outcome| outcome.candidates.as_ref().map(|keys| keys.iter().map(CandidateJson::new).collect())),
        }
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
        match error.kind() {
            ErrorKind::NoCredential => failure.hint = NO_CREDENTIAL.into(),
            ErrorKind::KeyInUse => failure.hint = "use another key to delete it, or add --allow-key-in-use".into(),
            _ => {}
        }
        if let Some(wait) = error.retry_after() {
            failure = failure.with_note(format!("Codat asks to wait {} s", wait.as_secs()));
        }
        if let Some(outcome) = error.outcome() {
            if let Some(key) = &outcome.idempotency_key {
                failure = failure.with_note(format!("the idempotency key was {key}"));
            }
            failure = match outcome.candidates.as_deref() {
                // A deletion has neither an idempotency key nor candidates.
                None if outcome.idempotency_key.is_none() => failure,
                None => failure.with_note("whether it took effect could not be checked"),
                Some([]) => failure.with_note("no new key of that name is listed"),
                Some(keys) => keys.iter().fold(failure, |failure, key| {
                    failure.with_note(format!("this key may be the one: {} {}", key.id, key.api_key.masked()))
                }),
            };
        }
        failure.source = Some(error);
        failure
    }
}

#[derive(Serialize)]
struct ErrorDocument<'a> {
    error: ErrorJson<'a>,
}

/// An error in JSON. Members without a value are omitted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorJson<'a> {
    code: &'static str,
    message: String,
    hint: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    /// The keys that may have been created. `None` omits the member from the JSON. `Some(None)` becomes `null`, and
    /// means that the keys could not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates: Option<Option<Vec<CandidateJson>>>,
}

#[derive(Serialize)]
struct CandidateJson {
    id: String,
    created: Option<String>,
    key: String,
}

impl CandidateJson {
    fn new(key: &ApiKeyDetails) -> Self {
        Self {
            id: key.id.to_string(),
            created: key.created_date.map(|date| date.to_string()),
            key: key.api_key.masked(),
        }
    }
}
