//! One error for everything, and the table of its kinds.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::key::ApiKeyDetails;

/// What went wrong, as a program tells it apart. The table in the README is generated from [`ErrorKind::ALL`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// An argument or option is not valid; nothing was sent, or Codat answered 400.
    InvalidInput,
    /// No key was given and none was found in the environment.
    NoCredential,
    /// The given key or header cannot be right, or two sources disagree; nothing was sent.
    InvalidCredential,
    /// 401: Codat does not know the key (it is wrong, or it was deleted).
    Unauthorized,
    /// 402: a limit of the account is reached, or a free account has expired.
    PaymentRequired,
    /// 403: the key is outdated, or may not do this.
    Forbidden,
    /// The client has ten keys already; nothing was made.
    KeyLimitReached,
    /// The last remaining key is never deleted.
    LastKey,
    /// The key in use is not deleted unless that is allowed.
    KeyInUse,
    /// No such key, or no such resource.
    NotFound,
    /// 429: too many requests.
    RateLimited,
    /// A change was sent, and whether it took effect is unknown.
    OutcomeUnknown,
    /// 409 or 422: the request conflicts with another.
    Conflict,
    /// 5xx: Codat failed to answer.
    Server,
    /// No connection, or it was lost.
    Connect,
    /// No answer in time.
    Timeout,
    /// An answer that is not Codat's.
    BadResponse,
    /// An answer larger than 8 MiB.
    TooLarge,
    /// The caller stopped the call.
    Cancelled,
    /// A defect of this library.
    Internal,
}

struct Row {
    kind: ErrorKind,
    code: &'static str,
    exit_status: u8,
    retryable: bool,
    text: &'static str,
    hint: &'static str,
}

#[rustfmt::skip]
static TABLE: [Row; 20] = [
    Row { kind: ErrorKind::InvalidInput, code: "invalid_input", exit_status: 2, retryable: false,
        text: "the input is not valid", hint: "correct it and call again; nothing was changed" },
    Row { kind: ErrorKind::NoCredential, code: "no_credential", exit_status: 4, retryable: false,
        text: "no API key was given", hint: "set CODAT_API_KEY to a raw key, CODAT_AUTH_HEADER to a whole header, or CODAT_API_KEY_FILE to a file that holds either" },
    Row { kind: ErrorKind::InvalidCredential, code: "invalid_credential", exit_status: 4, retryable: false,
        text: "the API key cannot be right", hint: "copy the key again from the page Developers > API keys of Codat's Portal" },
    Row { kind: ErrorKind::Unauthorized, code: "unauthorized", exit_status: 4, retryable: false,
        text: "Codat does not accept the API key", hint: "the key is wrong or was deleted, or belongs to another instance: compare its last four characters with the Portal's page Developers > API keys" },
    Row { kind: ErrorKind::PaymentRequired, code: "payment_required", exit_status: 4, retryable: false,
        text: "a limit of the Codat account is reached", hint: "read Codat's message; a free account holds 50 companies and ends after 365 days" },
    Row { kind: ErrorKind::Forbidden, code: "forbidden", exit_status: 4, retryable: false,
        text: "the API key may not do this", hint: "the key is outdated or belongs to another client; keys are managed by Administrators and Developers" },
    Row { kind: ErrorKind::KeyLimitReached, code: "key_limit_reached", exit_status: 5, retryable: false,
        text: "the client has 10 keys already, the most that Codat allows", hint: "delete a key that nobody uses, then create again" },
    Row { kind: ErrorKind::LastKey, code: "last_key", exit_status: 6, retryable: false,
        text: "this is the last remaining key", hint: "create another key first: without one, nobody can call the API" },
    Row { kind: ErrorKind::KeyInUse, code: "key_in_use", exit_status: 6, retryable: false,
        text: "this is the key that makes the call", hint: "use another key to delete it, or allow deleting the key in use" },
    Row { kind: ErrorKind::NotFound, code: "not_found", exit_status: 7, retryable: false,
        text: "there is no such key or resource", hint: "list the keys to see their ids, and check the base URL" },
    Row { kind: ErrorKind::RateLimited, code: "rate_limited", exit_status: 8, retryable: true,
        text: "too many requests", hint: "wait for the time that the answer names; the daily count is reset at 00:00 UTC" },
    Row { kind: ErrorKind::OutcomeUnknown, code: "outcome_unknown", exit_status: 9, retryable: false,
        text: "it is unknown whether the change took effect", hint: "list the keys before you try again" },
    Row { kind: ErrorKind::Conflict, code: "conflict", exit_status: 10, retryable: false,
        text: "the request conflicts with another", hint: "list the keys before you try again" },
    Row { kind: ErrorKind::Server, code: "server", exit_status: 10, retryable: true,
        text: "Codat failed to answer", hint: "try again later; give the correlation id to Codat's support" },
    Row { kind: ErrorKind::Connect, code: "connect", exit_status: 10, retryable: true,
        text: "there is no connection", hint: "check the base URL, the network and the proxy" },
    Row { kind: ErrorKind::Timeout, code: "timeout", exit_status: 10, retryable: true,
        text: "there was no answer in time", hint: "try again, or allow more time" },
    Row { kind: ErrorKind::BadResponse, code: "bad_response", exit_status: 10, retryable: false,
        text: "the answer is not one of Codat's", hint: "check the base URL and what stands between: a proxy, a gateway, a captive portal" },
    Row { kind: ErrorKind::TooLarge, code: "too_large", exit_status: 10, retryable: false,
        text: "the answer is larger than 8 MiB", hint: "check the base URL, or ask for smaller pages" },
    Row { kind: ErrorKind::Cancelled, code: "cancelled", exit_status: 130, retryable: false,
        text: "the call was stopped", hint: "nothing was changed" },
    Row { kind: ErrorKind::Internal, code: "internal", exit_status: 1, retryable: false,
        text: "this is a defect of codat-keys", hint: "please report it, without any key" },
];

const _: () = assert!(TABLE.len() == ErrorKind::Internal as usize + 1, "every kind has its row");

impl ErrorKind {
    /// Every kind, in the order of the table.
    pub const ALL: [ErrorKind; TABLE.len()] = {
        let mut all = [ErrorKind::Internal; TABLE.len()];
        let mut at = 0;
        while at < all.len() {
            all[at] = TABLE[at].kind;
            at += 1;
        }
        all
    };

    /// The kind as a stable identifier, `key_limit_reached`.
    pub fn code(self) -> &'static str {
        self.row().code
    }

    /// The status with which the command line ends.
    pub fn exit_status(self) -> u8 {
        self.row().exit_status
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(self) -> bool {
        self.row().retryable
    }

    /// What happened, in half a sentence.
    pub fn text(self) -> &'static str {
        self.row().text
    }

    /// What to do next.
    pub fn hint(self) -> &'static str {
        self.row().hint
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

/// Why a call failed: a [kind](Error::kind), and what is known about it as data.
///
/// Neither its text nor its `Debug` form ever holds a key, even where a server sends one back.
///
/// ```
/// use codat_keys::{ApiKey, ErrorKind};
///
/// let error = ApiKey::parse("Bearer something").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidCredential);
/// assert_eq!(error.to_string(), "the API key is a `Bearer` token");
/// assert!(error.hint().contains("Codat uses Basic"));
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    status: Option<u16>,
    correlation_id: Option<String>,
    retry_after: Option<Duration>,
    codat_message: Option<String>,
    outcome: Option<Outcome>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What is known about a change whose outcome is not ([`ErrorKind::OutcomeUnknown`]).
#[non_exhaustive]
#[derive(Debug)]
pub struct Outcome {
    /// The `Idempotency-Key` under which a key was asked for; absent for a delete.
    pub idempotency_key: Option<String>,
    /// The keys that may be the one asked for: of its name, and new since the call began. `None` where nobody could
    /// look, which is not the same as an empty list.
    pub candidates: Option<Vec<ApiKeyDetails>>,
}

impl Error {
    /// The kind, for a program to act on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to do next, for a person.
    pub fn hint(&self) -> &str {
        self.0.hint.as_deref().unwrap_or_else(|| self.kind().hint())
    }

    /// The HTTP status, where Codat answered. It decides the kind; the status in an error's body is not looked at.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// What Codat's support asks for.
    pub fn correlation_id(&self) -> Option<&str> {
        self.0.correlation_id.as_deref()
    }

    /// How long Codat asks to wait, from `Retry-After`.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Codat's own words, at most 500 characters, without control characters and without the key in use.
    pub fn codat_message(&self) -> Option<&str> {
        self.0.codat_message.as_deref()
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }

    /// For [`ErrorKind::OutcomeUnknown`]: what is known. Its cause is the error's `source`.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.0.outcome.as_ref()
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            status: None,
            correlation_id: None,
            retry_after: None,
            codat_message: None,
            outcome: None,
            source: None,
        }))
    }

    /// An error that has nothing to add to its row of the table.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        Self::new(kind, kind.text())
    }

    /// The same answer, understood better: its text becomes that of the kind.
    pub(crate) fn kind_is(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self.0.message = kind.text().into();
        self
    }

    pub(crate) fn hint_is(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn status_is(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn correlation_id_is(mut self, id: Option<String>) -> Self {
        self.0.correlation_id = id;
        self
    }

    pub(crate) fn retry_after_is(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    pub(crate) fn codat_message_is(mut self, message: Option<String>) -> Self {
        self.0.codat_message = message;
        self
    }

    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn but_most_likely_nothing(mut self) -> Self {
        self.0.message = format!("{}; most likely nothing was made", self.0.message).into();
        self
    }

    /// The law of changes: once an attempt may have reached Codat, its error is not returned as itself.
    pub(crate) fn into_outcome_unknown(self, outcome: Outcome) -> Self {
        let text = format!("{}: {}", ErrorKind::OutcomeUnknown.text(), self.0.message);
        let mut unknown = Self::new(ErrorKind::OutcomeUnknown, text);
        unknown.0.status = self.status();
        unknown.0.correlation_id = self.0.correlation_id.clone();
        unknown.0.retry_after = self.retry_after();
        unknown.0.codat_message = self.0.codat_message.clone();
        unknown.0.outcome = Some(outcome);
        unknown.caused_by(self)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        let known = [
            self.status().map(|status| format!("HTTP {status}")),
            self.codat_message().map(|message| format!("Codat says: {message}")),
            self.correlation_id().map(|id| format!("correlation id {id}")),
        ];
        let known: Vec<String> = known.into_iter().flatten().collect();
        if known.is_empty() { Ok(()) } else { write!(f, " ({})", known.join("; ")) }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("message", &inner.message)
            .field("hint", &self.hint())
            .field("status", &inner.status)
            .field("correlation_id", &inner.correlation_id)
            .field("retry_after", &inner.retry_after)
            .field("codat_message", &inner.codat_message)
            .field("outcome", &inner.outcome)
            .field("source", &inner.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
