//! Data types for errors. The native modules of the Python and Node packages create exceptions from this data.

use std::error::Error as _;
use std::time::Duration;
use std::{fmt, io};

use codat_keys::internal::mask_credentials;
use codat_keys::{ApiKeyDetails, Error};
use codat_keys_rotate::{RotationError, SinkError};
use serde::Serialize;

/// The data of an error. A call can run Python or JavaScript functions, such as the key callback, which returns the API
/// key. `R` is the type that represents an exception of such a function.
pub struct ErrorData<R> {
    /// The stable identifier of the kind of error.
    pub code: &'static str,
    /// What happened.
    pub message: String,
    /// What the user can do next.
    pub hint: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// The HTTP status of the response.
    pub status: Option<u16>,
    /// The correlation id, for Codat's support.
    pub correlation_id: Option<String>,
    /// The time to wait before a retry.
    pub retry_after: Option<Duration>,
    /// The error message of Codat.
    pub codat_message: Option<String>,
    /// The number of attempts of the failed HTTP request.
    pub attempts: u32,
    /// The time from the start of the call to the error.
    pub elapsed: Duration,
    /// The idempotency key with which the creation of an API key can be resumed.
    pub idempotency_key: Option<String>,
    /// Whether the idempotency key can be shown. False if the idempotency key looks like an API key, because the caller
    /// may have passed an API key by mistake.
    pub shows_idempotency_key: bool,
    /// The API keys that the call may have created.
    pub candidates: Option<Vec<ApiKeyDetails>>,
    /// The data of the rotation that failed. `None` if the call is not a rotation.
    pub rotation: Option<RotationErrorData>,
    /// The cause of the error.
    pub cause: Option<Cause<R>>,
}

/// The additional data of an error that a rotation caused.
pub struct RotationErrorData {
    /// The stable identifier of the kind of error.
    pub kind: &'static str,
    /// The report of what the rotation did before the error, as JSON. `None` if the rotation did not start.
    pub report: Option<String>,
}

/// The cause of an error.
pub enum Cause<R> {
    /// Another error of the core.
    Error(Box<ErrorData<R>>),
    /// The exception that a Python or JavaScript function raised. The function is the key callback or a function of a
    /// rotation.
    Raised(R),
}

impl<R: Clone + Send + Sync + 'static> ErrorData<R> {
    /// Returns the data of an error. The data includes the causes of the error.
    pub fn of(error: &Error) -> Self {
        let outcome = error.outcome();
        let idempotency_key = outcome.and_then(|outcome| outcome.idempotency_key.clone());
        Self {
            code: error.kind().code(),
            message: error.to_string(),
            hint: error.hint().to_owned(),
            retryable: error.is_retryable(),
            status: error.status().map(|status| status.as_u16()),
            correlation_id: error.correlation_id().map(str::to_owned),
            retry_after: error.retry_after(),
            codat_message: error.codat_message().map(str::to_owned),
            attempts: error.attempts(),
            elapsed: error.elapsed(),
            shows_idempotency_key: idempotency_key.as_deref().is_none_or(|key| mask_credentials(key) == key),
            idempotency_key,
            candidates: outcome.and_then(|outcome| outcome.candidates.clone()),
            rotation: None,
            cause: error.source().and_then(Cause::of),
        }
    }

    /// Returns the data of an error of a rotation. The data includes the causes of the error.
    pub fn of_rotation(error: &RotationError) -> Self {
        Self {
            code: "rotation",
            message: error.to_string(),
            hint: error.hint().to_owned(),
            retryable: false,
            status: None,
            correlation_id: None,
            retry_after: None,
            codat_message: None,
            attempts: 0,
            elapsed: Duration::ZERO,
            idempotency_key: None,
            shows_idempotency_key: true,
            candidates: None,
            rotation: Some(RotationErrorData { kind: error.kind().code(), report: error.report().map(json) }),
            cause: error.source().and_then(Cause::of),
        }
    }
}

impl<R: Clone + Send + Sync + 'static> Cause<R> {
    fn of(source: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(CallbackError { raised, .. }) = source.downcast_ref::<CallbackError<R>>() {
            return Some(Self::Raised(raised.clone()));
        }
        if let Some(error) = source.downcast_ref::<SinkError>() {
            return error.source().and_then(Self::of);
        }
        if let Some(error) = source.downcast_ref::<io::Error>() {
            return error.get_ref().and_then(|error| Self::of(error));
        }
        source.downcast_ref().map(|error| Self::Error(Box::new(ErrorData::of(error))))
    }
}

/// Serializes a report, a status, a plan or an event of a rotation as JSON. Serialization cannot fail for these types.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The error that occurs if a Python or JavaScript function raises an exception. `raised` represents the exception.
/// `Display` and `Debug` omit the message of the exception, because the message may contain a secret.
pub struct CallbackError<R> {
    pub(crate) text: String,
    pub(crate) raised: R,
}

impl<R> std::error::Error for CallbackError<R> {}

impl<R> fmt::Display for CallbackError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<R> fmt::Debug for CallbackError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
