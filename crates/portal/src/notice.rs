//! What a page tells of what was done before it: kept without a secret, and told once.

use std::time::Duration;

use codat_keys::{ApiKeyDetails, Error, ErrorKind, KeyId};

pub(crate) enum Notice {
    /// A key was made, which may have been in doubt under this idempotency key.
    Created { id: KeyId, key: Shown, resumed: Option<String> },
    /// A key was revoked.
    Revoked(KeyId, Shown),
    /// What stands in the form cannot be a name.
    NoName { typed: String },
    /// What was typed is neither the name of this key nor its last four characters.
    NotConfirmed(KeyId),
    /// It failed.
    Failed { problem: Problem, asked: Asked },
}

/// What was asked for.
#[derive(Clone)]
pub(crate) enum Asked {
    Look,
    /// To make a key of this name.
    Creation(String),
    Revocation(KeyId, Shown),
}

impl Notice {
    /// What is in doubt, if something is: the idempotency key of a creation, the id of a key that was to be revoked.
    pub(crate) fn doubt(&self) -> Option<&str> {
        match self {
            Self::Failed { problem, asked } if problem.kind == ErrorKind::OutcomeUnknown => asked.doubt(problem),
            _ => None,
        }
    }

    /// Whether doing it once more could do it twice.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Created { .. } | Self::Revoked(..)) || self.doubt().is_some()
    }

    /// The doubt that this tells more of, or ends.
    pub(crate) fn settles(&self) -> Option<&str> {
        match self {
            Self::Created { resumed, .. } => resumed.as_deref(),
            Self::Revoked(id, _) => Some(id.as_str()),
            _ => self.doubt(),
        }
    }
}

impl Asked {
    pub(crate) fn doubt<'a>(&'a self, problem: &'a Problem) -> Option<&'a str> {
        match self {
            Self::Look => None,
            Self::Creation(_) => problem.idempotency_key.as_deref(),
            Self::Revocation(id, _) => Some(id.as_str()),
        }
    }
}

/// A key, as everybody may see it.
#[derive(Clone)]
pub(crate) struct Shown {
    /// Without a key, and with nothing that hides or turns letters.
    pub(crate) name: Option<String>,
    pub(crate) masked: String,
}

/// An error, as far as a page tells it.
pub(crate) struct Problem {
    pub(crate) kind: ErrorKind,
    pub(crate) codat_message: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// Where the outcome is unknown: the keys that may be the one asked for, if somebody could look.
    pub(crate) candidates: Option<Vec<Shown>>,
    /// Where the outcome is unknown: what resumes it.
    pub(crate) idempotency_key: Option<String>,
}

impl Shown {
    pub(crate) fn of(key: &ApiKeyDetails) -> Self {
        Self { name: key.name.as_ref().map(ToString::to_string), masked: key.api_key.masked() }
    }
}

impl Problem {
    /// One that has nothing to add.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        Self {
            kind,
            codat_message: None,
            correlation_id: None,
            retry_after: None,
            candidates: None,
            idempotency_key: None,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let known = error.outcome();
        let candidates = known.and_then(|known| known.candidates.as_ref());
        Self {
            kind: error.kind(),
            codat_message: error.codat_message().map(ToOwned::to_owned),
            correlation_id: error.correlation_id().map(ToOwned::to_owned),
            retry_after: error.retry_after(),
            candidates: candidates.map(|keys| keys.iter().map(Shown::of).collect()),
            idempotency_key: known.and_then(|known| known.idempotency_key.clone()),
        }
    }
}
