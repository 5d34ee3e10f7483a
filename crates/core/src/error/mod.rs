//! One error for everything.

mod kind;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::lookalikes::mask_lookalikes;

pub use kind::ErrorKind;

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

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    status: Option<u16>,
    correlation_id: Option<String>,
    retry_after: Option<Duration>,
    codat_message: Option<String>,
    /// The body was surely Codat's, not a gateway's.
    is_codats_own: bool,
    /// A repeat would fail in the same way, even if errors of this kind are retryable in general.
    is_final: bool,
    detail: Option<Arc<dyn Detail>>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
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

    /// The HTTP status, where Codat answered. It decides the kind; the status in an error's body can differ, and serves
    /// only to tell the limit of ten keys from other conflicts.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// What Codat's support asks for.
    pub fn correlation_id(&self) -> Option<&str> {
        self.0.correlation_id.as_deref()
    }

    /// How long Codat asks to wait, from `Retry-After`; at most 100 years.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Codat's own words, at most 500 characters, without control characters, and with every key masked that the client has
    /// used or listed.
    pub fn codat_message(&self) -> Option<&str> {
        self.0.codat_message.as_deref()
    }

    /// Whether the same call may succeed later. False if only a change of the configuration helps, as with a proxy that
    /// refuses to connect or a certificate that is not trusted.
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable() && !self.is_final()
    }

    /// What looks like a credential is masked: it may stand where a path or a name belongs.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: mask_lookalikes(message.into()),
            hint: None,
            status: None,
            correlation_id: None,
            retry_after: None,
            codat_message: None,
            is_codats_own: false,
            is_final: false,
            detail: None,
            source: None,
        }))
    }

    /// An error that has nothing to add to its row of the table.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        Self::new(kind, kind.text())
    }

    /// The same answer, understood better: its text becomes that of the kind.
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self.0.message = kind.text().into();
        self
    }

    pub(crate) fn with_codats_own(mut self, is_codats_own: bool) -> Self {
        self.0.is_codats_own = is_codats_own;
        self
    }

    /// Whether the body was surely Codat's: what a gateway says in its place proves nothing about keys.
    pub(crate) fn is_codats_own(&self) -> bool {
        self.0.is_codats_own
    }

    /// Marks an error that a repeat would not avoid.
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

    pub(crate) fn with_status(mut self, status: u16) -> Self {
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

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into().into());
        self
    }

    /// Takes secrets out of the message and the hint.
    pub(crate) fn masked(mut self, mask: impl Fn(&str) -> String) -> Self {
        self.0.message = mask(&self.0.message).into();
        self.0.hint = self.0.hint.take().map(|hint| mask(&hint).into());
        self
    }

    /// For each of those who waited for the same.
    pub(crate) fn shared(&self) -> Self {
        Self(self.0.clone())
    }

    /// Rewords `NotFound` for a call that names no key: the path was not found.
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

    /// Wraps this error in one of another kind, which keeps the data of the response.
    pub(crate) fn into_kind(self, kind: ErrorKind) -> Self {
        let mut outer = Self::new(kind, format!("{}: {}", kind.text(), self.0.message));
        outer.0.status = self.status();
        outer.0.correlation_id = self.0.correlation_id.clone();
        outer.0.retry_after = self.retry_after();
        outer.0.codat_message = self.0.codat_message.clone();
        outer.with_source(self)
    }

    /// Adds data whose type belongs to a layer above.
    pub(crate) fn with_detail(mut self, detail: impl Detail) -> Self {
        self.0.detail = Some(Arc::new(detail));
        self
    }

    pub(crate) fn detail<T: 'static>(&self) -> Option<&T> {
        let detail: &dyn Any = self.0.detail.as_deref()?;
        detail.downcast_ref()
    }
}

/// Data of an error whose type belongs to a layer above.
pub(crate) trait Detail: Any + fmt::Debug + Send + Sync {}

impl<T: Any + fmt::Debug + Send + Sync> Detail for T {}

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
            .field("outcome", &inner.detail)
            .field("source", &inner.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
