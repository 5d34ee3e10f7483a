//! Converts the errors of the Rust client to the Python exceptions in `codat_keys._errors`.

use std::error::Error as _;
use std::fmt;

use codat_keys::Error;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::interpreter::ensure_running;

/// Returns the Python exception for an error. Does not set the attribute `candidates`.
/// [`raise_call_error`](crate::key_types::raise_call_error) sets it.
pub(crate) fn raise(py: Python<'_>, error: Error) -> PyErr {
    build(py, &error).unwrap_or_else(|failed| ensure_running(py).err().unwrap_or(failed))
}

/// Describes the outcome of an interrupted call. `raised` is the exception that interrupted the call, and `result` is
/// the result of the call. If the call may have changed data, the `__cause__` of `raised` becomes an error that
/// describes the change.
pub(crate) fn explain(py: Python<'_>, raised: &PyErr, result: PyResult<Bound<'_, PyAny>>) -> PyResult<()> {
    let (result, error) = match result {
        Ok(result) => (Some(result), None),
        Err(error) => (None, Some(error)),
    };
    py.import("codat_keys._interrupted")?.call_method1("explain", (raised.value(py), result, error)).map(drop)
}

/// The error of a key callback that raised an exception. The exception becomes the `__cause__` of the error of the
/// call. `Display` and `Debug` omit the message of the exception, because it may contain a secret.
pub(crate) struct CallbackError {
    pub(crate) text: String,
    pub(crate) exception: PyErr,
}

impl std::error::Error for CallbackError {}

impl fmt::Display for CallbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for CallbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn build(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let classes = py.import("codat_keys._errors")?.getattr("BY_CODE")?;
    let class = classes.get_item(error.kind().code())?.cast_into::<PyType>()?;
    let data = PyDict::new(py);
    data.set_item("hint", error.hint())?;
    data.set_item("retryable", error.is_retryable())?;
    data.set_item("status", error.status().map(|status| status.as_u16()))?;
    data.set_item("correlation_id", error.correlation_id())?;
    data.set_item("retry_after", error.retry_after().map(|wait| wait.as_secs_f64()))?;
    data.set_item("attempts", error.attempts())?;
    data.set_item("elapsed", error.elapsed().as_secs_f64())?;
    data.set_item("codat_message", error.codat_message())?;
    data.set_item("idempotency_key", error.outcome().and_then(|outcome| outcome.idempotency_key.as_deref()))?;
    let raised = PyErr::from_value(class.call((error.to_string(),), Some(&data))?);
    if let Some(cause) = cause(py, error)? {
        raised.set_cause(py, Some(cause));
    }
    Ok(raised)
}

fn cause(py: Python<'_>, error: &Error) -> PyResult<Option<PyErr>> {
    let source = error.source();
    if let Some(raised) = source.and_then(|source| source.downcast_ref::<CallbackError>()) {
        return Ok(Some(raised.exception.clone_ref(py)));
    }
    source.and_then(|source| source.downcast_ref()).map(|cause| build(py, cause)).transpose()
}
