//! From the core's errors to the exceptions of `codat_keys._errors`.

use std::error::Error as _;

use codat_keys::Error;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::asking::Raised;
use crate::details::ApiKeyDetails;
use crate::interpreter::ensure_running;

/// The exception for an error, with its data as attributes and its cause as `__cause__`.
pub(crate) fn raise(py: Python<'_>, error: Error) -> PyErr {
    build(py, &error).unwrap_or_else(|failed| ensure_running(py).err().unwrap_or(failed))
}

/// Tells in what an interrupted call raises how it ended, before its end could be returned.
pub(crate) fn explain(py: Python<'_>, raised: &PyErr, result: PyResult<Bound<'_, PyAny>>) -> PyResult<()> {
    let (result, error) = match result {
        Ok(result) => (Some(result), None),
        Err(error) => (None, Some(error)),
    };
    py.import("codat_keys._interrupted")?.call_method1("explain", (raised.value(py), result, error)).map(drop)
}

fn build(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let classes = py.import("codat_keys._errors")?.getattr("BY_CODE")?;
    let class = classes.get_item(error.kind().code())?.cast_into::<PyType>()?;
    let data = PyDict::new(py);
    data.set_item("hint", error.hint())?;
    data.set_item("retryable", error.is_retryable())?;
    data.set_item("status", error.status())?;
    data.set_item("correlation_id", error.correlation_id())?;
    data.set_item("retry_after", error.retry_after().map(|wait| wait.as_secs_f64()))?;
    data.set_item("codat_message", error.codat_message())?;
    if let Some(outcome) = error.outcome() {
        let candidates = outcome.candidates.as_ref();
        let candidates = candidates.map(|keys| keys.iter().cloned().map(ApiKeyDetails).collect::<Vec<_>>());
        data.set_item("idempotency_key", outcome.idempotency_key.as_deref())?;
        data.set_item("candidates", candidates)?;
    }
    let raised = PyErr::from_value(class.call((error.to_string(),), Some(&data))?);
    if let Some(cause) = cause(py, error)? {
        raised.set_cause(py, Some(cause));
    }
    Ok(raised)
}

fn cause(py: Python<'_>, error: &Error) -> PyResult<Option<PyErr>> {
    let source = error.source();
    if let Some(raised) = source.and_then(|source| source.downcast_ref::<Raised>()) {
        return Ok(Some(raised.exception.clone_ref(py)));
    }
    source.and_then(|source| source.downcast_ref()).map(|cause| build(py, cause)).transpose()
}
