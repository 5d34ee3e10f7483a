//! From the core's errors to data, of which `node/src/error.ts` makes what is thrown.

use std::error::Error as _;

use codat_keys::{Error, ErrorKind, mask_credentials};
use serde::Serialize;

use crate::asking::NoAnswer;
use crate::details::{Key, keys};

/// What an error is made of in JavaScript.
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
            thrown: source.and_then(|source| source.downcast_ref::<NoAnswer>()).map(|answer| answer.question),
        }
    }
}

/// For what fails at once: the data is the text of the exception, which TypeScript replaces.
pub(crate) fn raise(error: Error) -> napi::Error {
    napi::Error::from_reason(text(&Data::of(&error)))
}

/// For an argument of which the core does not hear.
pub(crate) fn wrong(what: impl Into<String>) -> napi::Error {
    napi::Error::new(napi::Status::InvalidArg, what.into())
}

/// In JSON. Nothing that is written so can fail to be: it has no maps, and no types of others.
pub(crate) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
