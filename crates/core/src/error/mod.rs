//! The error type of this library.

mod kind;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::lookalikes::mask_lookalikes;

pub use kind::ErrorKind;

/// The error of an operation: its [kind](Error::kind), a message, a hint, and data from the response.
///
/// Neither `Display` nor `Debug` ever contains a key, even if a server returns one.
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

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    status: Option<StatusCode>,
    correlation_id: Option<String>,
    retry_after: Option<Duration>,
    codat_message: Option<String>,
    attempts: u32,
    elapsed: Duration,
    /// Whether the response body is Codat's JSON. False for the error page of a gateway.
    is_codats_own: bool,
    /// Whether a retry would fail in the same way. If true, the error is not retryable, even if its kind is retryable.
    is_final: bool,
    detail: Option<Arc<dyn Detail>>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    /// The text that `Debug` shows instead of the source. Set if the `Debug` form of the source can contain secrets.
    source_text: Option<String>,
}

impl Error {
    /// Returns the kind of the error, for error handling in programs.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns a hint for the user on what to do next.
    pub fn hint(&self) -> &str {
        self.0.hint.as_deref().unwrap_or_else(|| self.kind().hint())
    }

    /// Returns the HTTP status of the response, if there was a response.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// Returns the correlation id of the response. Codat's support asks for this id.
    pub fn correlation_id(&self) -> Option<&str> {
        self.0.correlation_id.as_deref()
    }

    /// Returns the wait that the `Retry-After` header of the response asks for, at most 100 years.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns Codat's error message, with at most 500 characters and without control characters. Every key that the
    /// client has used or listed is redacted.
    pub fn codat_message(&self) -> Option<&str> {
        self.0.codat_message.as_deref()
    }

    /// Returns the number of attempts of the failed request, including the first one. Attempts that failed before the
    /// request was sent also count. Returns 0 if the operation began no attempt, for example because an argument is not
    /// valid.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Returns the time from the start of the operation to the error, including the waits between attempts. Returns
    /// zero if [`attempts`](Self::attempts) is 0.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// Returns whether the same operation may succeed later. Returns false if the configuration must change first, for
    /// example because a certificate is not trusted.
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable() && !self.is_final()
    }

    /// Creates an error. Masks text in `message` that looks like a credential, because a program can pass a credential
    /// as a path or a name by mistake.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: mask_lookalikes(message.into()),
            hint: None,
            status: None,
            correlation_id: None,
            retry_after: None,
            codat_message: None,
            attempts: 0,
            elapsed: Duration::ZERO,
            is_codats_own: false,
            is_final: false,
            detail: None,
            source: None,
            source_text: None,
        }))
    }

    /// Creates an error with the text of `kind` as its message.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        Self::new(kind, kind.text())
    }

    /// Changes the kind of the error, and sets the message to the text of the new kind.
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self.0.message = kind.text().into();
        self
    }

    pub(crate) fn with_codats_own(mut self, is_codats_own: bool) -> Self {
        self.0.is_codats_own = is_codats_own;
        self
    }

    /// Returns whether the response body is Codat's JSON. Other servers, such as a gateway, can also send a status such
    /// as 404.
    pub(crate) fn is_codats_own(&self) -> bool {
        self.0.is_codats_own
    }

    /// Marks an error as final: a retry would fail in the same way.
    pub(crate) fn into_final(mut self) -> Self {
        self.0.is_final = true;
        self
    }

    pub(crate) fn is_final(&self) -> bool {
        self.0.is_final
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(mask_lookalikes(hint.into()));
        self
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn with_correlation_id(mut self, id: Option<String>) -> Self {
        self.0.correlation_id = id;
        self
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    pub(crate) fn with_codat_message(mut self, message: Option<String>) -> Self {
        self.0.codat_message = message;
        self
    }

    /// Sets the number of attempts and the time since the start of the operation. Sets the time to zero if `attempts`
    /// is 0.
    pub(crate) fn with_attempts(mut self, attempts: u32, elapsed: Duration) -> Self {
        self.0.attempts = attempts;
        self.0.elapsed = if attempts == 0 { Duration::ZERO } else { elapsed };
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into().into());
        self
    }

    /// Sets the source to an error of the application. `text` is the text of the source, with API keys redacted.
    /// `Debug` shows only this text, because the `Debug` form of the source can contain anything.
    pub(crate) fn with_foreign_source(self, source: Box<dyn std::error::Error + Send + Sync>, text: String) -> Self {
        let mut error = self.with_source(source);
        error.0.source_text = Some(mask_lookalikes(text.into()).into_owned());
        error
    }

    /// Applies `mask` to the texts of this error: the message, the hint and the text of the source.
    pub(crate) fn masked(mut self, mask: impl Fn(&str) -> String) -> Self {
        self.0.message = mask(&self.0.message).into();
        self.0.source_text = self.0.source_text.take().map(|text| mask(&text));
        self.0.hint = self.0.hint.take().map(|hint| mask(&hint).into());
        self
    }

    /// Returns a copy of the error. Several operations can wait for the same read of the credential. If the read fails,
    /// each operation returns a copy of the error.
    pub(crate) fn shared(&self) -> Self {
        Self(self.0.clone())
    }

    /// Replaces the message of a `NotFound` error with a message that does not mention a key. Used for requests where a
    /// 404 response means that the path does not exist. Other errors stay unchanged.
    pub(crate) fn about_a_path(mut self) -> Self {
        if self.kind() == ErrorKind::NotFound {
            self.0.message = "there is no such resource".into();
            self.0.hint = Some("check the path and the base URL".into());
        }
        self
    }

    pub(crate) fn but_most_likely_nothing(mut self) -> Self {
        self.0.message = format!("{}; most likely nothing was made", self.0.message).into();
        self
    }

    /// Wraps this error in an error of another kind. The new error keeps the data of the response.
    pub(crate) fn into_kind(self, kind: ErrorKind) -> Self {
        let mut outer = Self::new(kind, format!("{}: {}", kind.text(), self.0.message));
        outer.0.status = self.status();
        outer.0.correlation_id = self.0.correlation_id.clone();
        outer.0.retry_after = self.retry_after();
        outer.0.codat_message = self.0.codat_message.clone();
        outer.with_attempts(self.attempts(), self.elapsed()).with_source(self)
    }

    /// Adds data of a type that another module defines, such as [`Outcome`](crate::Outcome).
    pub(crate) fn with_detail(mut self, detail: impl Detail) -> Self {
        self.0.detail = Some(Arc::new(detail));
        self
    }

    pub(crate) fn detail<T: 'static>(&self) -> Option<&T> {
        let detail: &dyn Any = self.0.detail.as_deref()?;
        detail.downcast_ref()
    }
}

/// Additional data of an error. Another module defines the type of the data.
pub(crate) trait Detail: Any + fmt::Debug + Send + Sync {}

impl<T: Any + fmt::Debug + Send + Sync> Detail for T {}

/// Returns the error for a defect of this library.
pub fn defect() -> Error {
    Error::of(ErrorKind::Internal)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        let known = [
            self.status().map(|status| format!("HTTP {}", status.as_u16())),
            self.codat_message().map(|message| format!("Codat says: {message}")),
            self.correlation_id().map(|id| format!("correlation id {id}")),
        ];
        let known: Vec<String> = known.into_iter().flatten().collect();
        if !known.is_empty() {
            write!(f, " ({})", known.join("; "))?;
        }
        match self.attempts() {
            0 | 1 => Ok(()),
            attempts => write!(f, ", after {attempts} attempts in {:.1} s", self.elapsed().as_secs_f64()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        let source: &dyn fmt::Debug = if inner.source_text.is_some() { &inner.source_text } else { &inner.source };
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("message", &inner.message)
            .field("hint", &self.hint())
            .field("status", &inner.status)
            .field("correlation_id", &inner.correlation_id)
            .field("retry_after", &inner.retry_after)
            .field("codat_message", &inner.codat_message)
            .field("attempts", &inner.attempts)
            .field("elapsed", &inner.elapsed)
            .field("outcome", &inner.detail)
            .field("source", source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
