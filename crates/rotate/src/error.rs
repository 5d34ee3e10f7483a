//! The error of a rotation.

use std::fmt;

use crate::report::Report;

/// The kind of a [`RotationError`], for programs.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RotationErrorKind {
    /// An option of the rotation is not valid. No key was created, and no sink was changed.
    InvalidInput,
    /// A request to Codat's API failed before the new key was created. The source of the error is a
    /// [`codat_keys::Error`].
    Api,
    /// Ten keys exist, which is Codat's limit, and the options name no key that may be deleted. No key was created, and
    /// no sink was changed.
    KeyLimitReached,
    /// A sink contains something other than the old key. No key was created, and no sink was changed.
    SinkOccupied,
    /// A sink cannot be read, or provides no way to check that it has the new key. No key was created, and no sink was
    /// changed.
    SinkUnavailable,
    /// The journal contains an unfinished rotation. Resume, finish or abort that rotation first.
    InProgress,
    /// Another process runs the rotation.
    Busy,
    /// The journal contains no rotation that can be resumed. A rotation that was interrupted before it changed anything
    /// cannot be resumed. Start a new rotation.
    NothingToResume,
    /// The journal cannot be read or written.
    Journal,
    /// The journal belongs to a rotation for another Codat client or base URL, or to a rotation with other sinks.
    ForeignJournal,
    /// The rotation failed and was rolled back. The old key works as before. If the rotation found the new key in a
    /// list of the keys, the new key is deleted. Otherwise, the new key can appear in the list later: see
    /// [`Report::may_appear_later`](crate::Report::may_appear_later).
    RolledBack,
    /// The rotation is not finished. The report shows what the rotation did. The rotation can be resumed.
    Unfinished,
    /// The caller cancelled the rotation. If the rotation has changed anything, it can be resumed. Otherwise, start or
    /// recover the rotation again.
    Cancelled,
}

impl RotationErrorKind {
    /// Returns a stable identifier, such as `key_limit_reached`.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::Api => "api",
            Self::KeyLimitReached => "key_limit_reached",
            Self::SinkOccupied => "sink_occupied",
            Self::SinkUnavailable => "sink_unavailable",
            Self::InProgress => "in_progress",
            Self::Busy => "busy",
            Self::NothingToResume => "nothing_to_resume",
            Self::Journal => "journal",
            Self::ForeignJournal => "foreign_journal",
            Self::RolledBack => "rolled_back",
            Self::Unfinished => "unfinished",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The error of a rotation. Consists of a kind, a message and a hint. If the rotation started, the error also has a
/// report of what the rotation did. Contains no secret.
pub struct RotationError(Box<Inner>);

struct Inner {
    kind: RotationErrorKind,
    message: String,
    hint: String,
    report: Option<Report>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl RotationError {
    /// Returns the kind of the error.
    pub fn kind(&self) -> RotationErrorKind {
        self.0.kind
    }

    /// Returns a hint that tells the user what to do next.
    pub fn hint(&self) -> &str {
        &self.0.hint
    }

    /// Returns what the rotation did before the error occurred. `None` if the rotation did not start.
    pub fn report(&self) -> Option<&Report> {
        self.0.report.as_ref()
    }

    pub(crate) fn new(kind: RotationErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), hint: hint.into(), report: None, source: None }))
    }

    pub(crate) fn with_report(mut self, report: Report) -> Self {
        self.0.report = Some(report);
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }
}

impl fmt::Display for RotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for RotationError {
    /// Omits the source, because the `Debug` output of the source can contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotationError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("hint", &self.0.hint)
            .field("report", &self.0.report)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for RotationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
