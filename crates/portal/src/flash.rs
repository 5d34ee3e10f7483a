//! Flash messages: the result of an action, shown on the next page. They contain no secrets.

use std::time::Duration;

use codat_keys::{ApiKeyDetails, Error, ErrorKind, KeyId};

pub(crate) enum FlashMessage {
    /// A key was created. `resumed` is the idempotency key if an earlier attempt had an unknown outcome.
    Created { id: KeyId, key: KeySummary, resumed: Option<String> },
    /// A key was revoked.
    Revoked(KeyId, KeySummary),
    /// The text in the form is not a valid name.
    InvalidName { typed: String },
    /// The text in the form is neither the name of this key nor its last four characters.
    NotConfirmed(KeyId),
    /// The action failed.
    Failed { error: ErrorSummary, action: RequestedAction },
}

/// The action that a visitor requested.
#[derive(Clone)]
pub(crate) enum RequestedAction {
    ListKeys,
    /// Creation of a key with this name.
    CreateKey(String),
    RevokeKey(KeyId, KeySummary),
}

impl FlashMessage {
    /// Returns the id of a change whose outcome is unknown: the idempotency key of a creation, or the id of a key to revoke.
    pub(crate) fn unresolved_change(&self) -> Option<&str> {
        match self {
            Self::Failed { error, action } if error.kind == ErrorKind::OutcomeUnknown => action.change(error),
            _ => None,
        }
    }

    /// Returns true if a repetition of the action could change something twice.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Created { .. } | Self::Revoked(..)) || self.unresolved_change().is_some()
    }

    /// Returns the id of the unresolved change whose message this message replaces.
    pub(crate) fn resolves(&self) -> Option<&str> {
        match self {
            Self::Created { resumed, .. } => resumed.as_deref(),
            Self::Revoked(id, _) => Some(id.as_str()),
            _ => self.unresolved_change(),
        }
    }
}

impl RequestedAction {
    /// Returns the id of the change that failed with this error.
    pub(crate) fn change<'a>(&'a self, error: &'a ErrorSummary) -> Option<&'a str> {
        match self {
            Self::ListKeys => None,
            Self::CreateKey(_) => error.idempotency_key.as_deref(),
            Self::RevokeKey(id, _) => Some(id.as_str()),
        }
    }
}

/// The properties of a key that are not secret.
#[derive(Clone)]
pub(crate) struct KeySummary {
    /// The name with keys masked and control characters escaped.
    pub(crate) name: Option<String>,
    pub(crate) masked: String,
}

/// The properties of an error that a page shows.
pub(crate) struct ErrorSummary {
    pub(crate) kind: ErrorKind,
    pub(crate) codat_message: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// If the outcome of a creation is unknown: the keys that it may have created. `None` if the keys could not be listed.
    pub(crate) candidates: Option<Vec<KeySummary>>,
    /// If the outcome of a creation is unknown: the key that resumes it.
    pub(crate) idempotency_key: Option<String>,
}
impl KeySummary {
    pub(crate) fn of(key: &ApiKeyDetails) -> Self {
        Self { name: key.name.as_ref().map(ToString::to_string), masked: key.api_key.masked() }
    }
}

impl ErrorSummary {
    /// Creates a summary that consists of the kind alone.
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

impl From<Error> for ErrorSummary {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for ErrorSummary {
    fn from(error: &Error) -> Self {
        let known = error.outcome();
        let candidates = known.and_then(|known| known.candidates.as_ref());
        Self {
            kind: error.kind(),
            codat_message: error.codat_message().map(ToOwned::to_owned),
            correlation_id: error.correlation_id().map(ToOwned::to_owned),
            retry_after: error.retry_after(),
            candidates: candidates.map(|keys| keys.iter().map(KeySummary::of).collect()),
            idempotency_key: known.and_then(|known| known.idempotency_key.clone()),
        }
    }
}
