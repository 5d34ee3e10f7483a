//! Converts the errors of the Rust client to data. `node/src/raise.ts` creates JavaScript errors from this data.

use std::error::Error as _;
use std::fmt;

use codat_keys::internal::mask_credentials;
use codat_keys::{Error, ErrorKind};
use serde::Serialize;

use crate::key_types::{Key, keys};

/// The data of an error. JavaScript receives the data as JSON.
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
    attempts: u32,
    elapsed: f64,
    idempotency_key: Option<&'a str>,
    /// Whether JavaScript shows the idempotency key when it prints the error. False if the idempotency key looks like
    /// an API key, because the caller may have passed an API key by mistake.
    shows_idempotency_key: bool,
    candidates: Option<Vec<Key<'a>>>,
    cause: Option<Box<Data<'a>>>,
    /// The number of the failed run of the key callback, if this error comes from the key callback.
    /// `node/src/thrown-values.ts` stores the value that this run threw. The value becomes the `cause` of the
    /// JavaScript error.
    thrown: Option<i64>,
}

impl<'a> Data<'a> {
    /// Returns the data of the error that JavaScript receives if a call panicked.
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
            status: error.status().map(|status| status.as_u16()),
            correlation_id: error.correlation_id(),
            retry_after: error.retry_after().map(|wait| wait.as_secs_f64() * 1000.0),
            codat_message: error.codat_message(),
            attempts: error.attempts(),
            elapsed: error.elapsed().as_secs_f64() * 1000.0,
            idempotency_key,
            shows_idempotency_key: idempotency_key.is_none_or(|key| mask_credentials(key) == key),
            candidates: outcome.and_then(|outcome| outcome.candidates.as_deref()).map(keys),
            cause: source.and_then(|source| source.downcast_ref()).map(|cause| Box::new(Data::of(cause))),
            thrown: source.and_then(|source| source.downcast_ref::<CallbackError>()).map(|error| error.request),
        }
    }
}

/// The error of a key callback that did not return an API key. `request` is the number of this run of the callback. If
/// the callback threw a value, `node/src/thrown-values.ts` stores the value under this number.
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

/// Returns the JavaScript exception for an error. The message of the exception is the JSON of [`Data`].
/// `node/src/raise.ts` converts this JSON to an error of the package.
pub(crate) fn raise(error: Error) -> napi::Error {
    napi::Error::from_reason(text(&Data::of(&error)))
}

/// Returns the JavaScript exception for an invalid argument.
pub(crate) fn wrong(what: impl Into<String>) -> napi::Error {
    napi::Error::new(napi::Status::InvalidArg, what.into())
}

/// Serializes a value to JSON. Serialization cannot fail for the types of this crate.
pub(crate) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
