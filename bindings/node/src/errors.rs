//! Converts the errors of the Rust client to data. `node/src/raise.ts` creates JavaScript errors from this data.

use std::sync::Arc;

use codat_keys::Error;
use codat_keys_bindings::Cause;
use napi::{Env, Status};
use napi_derive::napi;

use crate::key_types::{KeyData, keys};

/// The data of an error. Times are in milliseconds.
#[napi(object, object_from_js = false, use_nullable = true)]
#[derive(Clone)]
pub struct ErrorData {
    pub code: &'static str,
    pub message: String,
    pub hint: String,
    pub retryable: bool,
    pub status: Option<u16>,
    pub correlation_id: Option<String>,
    pub retry_after: Option<f64>,
    pub codat_message: Option<String>,
    pub attempts: u32,
    pub elapsed: f64,
    pub idempotency_key: Option<String>,
    pub shows_idempotency_key: bool,
    pub candidates: Option<Vec<KeyData>>,
    pub cause: Option<Arc<ErrorData>>,
    /// The number of the function run that threw the value that caused this error. `None` if the error has another
    /// cause. Each run of the key callback, and each run of a function of a rotation, has a number.
    /// `node/src/thrown-values.ts` stores the thrown value under this number.
    pub thrown: Option<i64>,
    /// The data of the rotation that failed. `None` if the call is not a rotation.
    pub rotation: Option<RotationErrorData>,
}

/// The additional data of an error that a rotation caused.
#[napi(object, object_from_js = false, use_nullable = true)]
#[derive(Clone)]
pub struct RotationErrorData {
    pub kind: &'static str,
    /// The report, as JSON.
    pub report: Option<String>,
}

/// The data of an error of the Rust client. Each run of a JavaScript function has a number. If a run caused the error,
/// the `i64` is the number of this run.
type Data = codat_keys_bindings::ErrorData<i64>;

impl From<Data> for ErrorData {
    fn from(error: Data) -> Self {
        let (cause, thrown) = match error.cause {
            Some(Cause::Error(cause)) => (Some(Arc::new((*cause).into())), None),
            Some(Cause::Raised(request)) => (None, Some(request)),
            None => (None, None),
        };
        Self {
            code: error.code,
            message: error.message,
            hint: error.hint,
            retryable: error.retryable,
            status: error.status,
            correlation_id: error.correlation_id,
            retry_after: error.retry_after.map(|wait| wait.as_secs_f64() * 1000.0),
            codat_message: error.codat_message,
            attempts: error.attempts,
            elapsed: error.elapsed.as_secs_f64() * 1000.0,
            idempotency_key: error.idempotency_key,
            shows_idempotency_key: error.shows_idempotency_key,
            candidates: error.candidates.as_deref().map(keys),
            cause,
            thrown,
            rotation: error.rotation.map(|rotation| RotationErrorData { kind: rotation.kind, report: rotation.report }),
        }
    }
}

/// Returns a function that converts an error of the Rust client to an [`ErrorData`], and throws the [`ErrorData`] in
/// JavaScript. `node/src/raise.ts` converts the thrown [`ErrorData`] to an error of the package.
pub(crate) fn raise(env: Env) -> impl Fn(Error) -> napi::Error {
    move |error| match env.throw(ErrorData::from(Data::of(&error))) {
        Ok(()) => napi::Error::new(Status::PendingException, ""),
        Err(failed) => failed,
    }
}

/// Returns the JavaScript exception for an invalid argument.
pub(crate) fn wrong(what: impl Into<String>) -> napi::Error {
    napi::Error::new(Status::InvalidArg, what.into())
}
