//! Converts the errors of the core to data, of which `node/src/raise.ts` creates the errors that are thrown.

use std::error::Error as _;
use std::fmt;

use codat_keys::{Error, ErrorKind, mask_credentials};
use serde::Serialize;

use crate::key_types::{Key, keys};

/// The data of an error.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Data<'a> {
    code: &'static str,
    message: String,
    hint: &'a str,
    retryable: bool,
    status: Option<u16>,
    correlation_id: Option<&'a str>,
    retry_after: Option<f64>,
    codat_message: Option<&'a str>,
    idempotency_key: Option<&'a str>,
    /// Whether the idempotency key may be shown: one that the caller chose may be a credential by mistake.
    shows_idempotency_key: bool,
    candidates: Option<Vec<Key<'a>>>,
    cause: Option<Box<Data<'a>>>,
    thrown: Option<i64>,
}

impl<'a> Data<'a> {
    /// For a call that panicked.
    pub(crate) fn of_a_defect() -> Self {
        let kind = ErrorKind::Internal;
        Self { code: kind.code(), message: kind.text().to_owned(), hint: kind.hint(), ..Self::default() }
    }

    pub(crate) fn of(error: &'a Error) -> Self {
        let (outcome, source) = (error.outcome(), error.source());
        let idempotency_key = outcome.and_then(|outcome| outcome.idempotency_key.as_deref());
        Self {
            code: error.kind().code(),
            message: error.to_string(),
            hint: error.hint(),
            retryable: error.is_retryable(),
            status: error.status(),
            correlation_id: error.correlation_id(),
            retry_after: error.retry_after().map(|wait| wait.as_secs_f64() * 1000.0),
            codat_message: error.codat_message(),
            idempotency_key,
            shows_idempotency_key: idempotency_key.is_none_or(|key| mask_credentials(key) == key),
            candidates: outcome.and_then(|outcome| outcome.candidates.as_deref()).map(keys),
            cause: source.and_then(|source| source.downcast_ref()).map(|cause| Box::new(Data::of(cause))),
            thrown: source.and_then(|source| source.downcast_ref::<CallbackError>()).map(|error| error.request),
        }
    }
}

/// The function that returns the key threw, or returned something else. `node/src/callback-errors.ts` keeps what it threw under the
/// number of the request.
#[derive(Debug)]
pub(crate) struct CallbackError {
    pub(crate) request: i64,
    pub(crate) text: String,
}

impl std::error::Error for CallbackError {}

impl fmt::Display for CallbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An error that a function of this module throws. Its message is the data, of which TypeScript creates the error.
pub(crate) fn raise(error: Error) -> napi::Error {
    napi::Error::from_reason(text(&Data::of(&error)))
}

/// An error for an argument that is not passed to the core.
pub(crate) fn wrong(what: impl Into<String>) -> napi::Error {
    napi::Error::new(napi::Status::InvalidArg, what.into())
}

/// Serializes to JSON. This cannot fail for the types of this module.
pub(crate) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
