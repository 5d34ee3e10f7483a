//! Flash messages. After an action of the visitor, a flash message on the next page reports the result of the action. A
//! flash message contains no secrets.

use std::time::Duration;

use codat_keys::{ApiKeyDetails, Error, ErrorKind, KeyId, Untrusted};

pub(crate) enum FlashMessage {
    /// An API key was created. If the creation resumed an earlier attempt with an unknown outcome, `resumed` is the
    /// idempotency key of both attempts.
    Created { id: KeyId, key: KeySummary, resumed: Option<String> },
    /// The API key with this id was revoked.
    Revoked(KeyId, KeySummary),
    /// The text that the visitor typed is not a valid name for an API key.
    InvalidName { typed: String },
    /// The text that the visitor typed does not confirm the revocation of the API key with this id.
    NotConfirmed(KeyId),
    /// The action failed.
    Failed { error: ErrorSummary, action: RequestedAction },
}

/// The action that a visitor requested.
#[derive(Clone)]
pub(crate) enum RequestedAction {
    ListKeys,
    /// The creation of an API key with this name.
    CreateKey(String),
    RevokeKey(KeyId, KeySummary),
}

impl FlashMessage {
    /// Returns an identifier of the creation or revocation that this message reports. For a creation, the identifier is
    /// the idempotency key. For a revocation, the identifier is the id of the API key. Returns `None` unless the
    /// outcome is unknown.
    pub(crate) fn unresolved_change(&self) -> Option<&str> {
        match self {
            Self::Failed { error, action } if error.kind == ErrorKind::OutcomeUnknown => action.change(error),
            _ => None,
        }
    }

    /// Returns an identifier of the creation or revocation that this message reports. If the creation or revocation has
    /// succeeded, the identifier is the id of the API key. If the outcome is unknown, the identifier is that of
    /// [`unresolved_change`](Self::unresolved_change). Returns `None` for all other messages.
    pub(crate) fn change(&self) -> Option<&str> {
        match self {
            Self::Created { id, .. } | Self::Revoked(id, _) => Some(id.as_str()),
            _ => self.unresolved_change(),
        }
    }

    /// Returns true if the action that this message reports has succeeded or has an unknown outcome. Such an action
    /// does not run again if the visitor submits the same form again.
    pub(crate) fn is_final(&self) -> bool {
        self.change().is_some()
    }

    /// Returns the identifier that [`unresolved_change`](Self::unresolved_change) returns for the earlier messages that
    /// this message replaces.
    pub(crate) fn resolves(&self) -> Option<&str> {
        match self {
            Self::Created { resumed, .. } => resumed.as_deref(),
            Self::Revoked(id, _) => Some(id.as_str()),
            _ => self.unresolved_change(),
        }
    }
}

impl RequestedAction {
    /// Returns an identifier of the requested creation or revocation. For a creation, this is the idempotency key in
    /// `error`. For a revocation, this is the id of the API key.
    pub(crate) fn change<'a>(&'a self, error: &'a ErrorSummary) -> Option<&'a str> {
        match self {
            Self::ListKeys => None,
            Self::CreateKey(_) => error.idempotency_key.as_deref(),
            Self::RevokeKey(id, _) => Some(id.as_str()),
        }
    }
}

/// The properties of an API key that are not secret.
#[derive(Clone)]
pub(crate) struct KeySummary {
    /// The name of the API key. The name can contain another API key that is created later. Therefore each page that
    /// shows the name redacts it with the list of that time.
    pub(crate) name: Option<Untrusted>,
    pub(crate) masked: String,
}

/// The properties of an error that the portal shows.
pub(crate) struct ErrorSummary {
    pub(crate) kind: ErrorKind,
    pub(crate) codat_message: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// The API keys that a creation with an unknown outcome may have created. `None` if the API keys could not be
    /// listed.
    pub(crate) candidates: Option<Vec<KeySummary>>,
    /// The idempotency key of a creation with an unknown outcome. A new creation with the same idempotency key resumes
    /// this creation.
    pub(crate) idempotency_key: Option<String>,
}
impl KeySummary {
    pub(crate) fn of(key: &ApiKeyDetails) -> Self {
        Self { name: key.name.clone(), masked: key.api_key.masked() }
    }
}

impl ErrorSummary {
    /// Creates a summary that contains only the kind of the error.
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
