//! Converts the errors of the Rust client to the Python exceptions in `codat_keys._errors`.

use std::sync::Arc;

use codat_keys::Error;
use codat_keys_bindings::{Cause, RotationErrorData};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict as _, PyDict, PyType};

use crate::interpreter::{call, call_with, ensure_running};
use crate::json;

/// The data of an error. If the key callback or a function of a rotation caused the error, the data contains the Python
/// exception of this function.
pub(crate) type ErrorData = codat_keys_bindings::ErrorData<Arc<PyErr>>;

/// Returns the Python exception for an error.
pub(crate) fn raise(py: Python<'_>, error: Error) -> PyErr {
    raise_data(py, &ErrorData::of(&error))
}

/// Returns the Python exception for the data of an error. Does not set the attribute `candidates`, which
/// [`raise_call_error`](crate::key_types::raise_call_error) sets.
pub(crate) fn raise_data(py: Python<'_>, error: &ErrorData) -> PyErr {
    raise_built(py, || build(py, error))
}

/// Returns the exception that `build` returns. `build` runs Python code. If a signal handler raises an exception while
/// `build` runs, returns the exception of the signal handler. The exception that `build` returns then becomes the cause
/// of that exception.
pub(crate) fn raise_built(py: Python<'_>, build: impl Fn() -> PyResult<PyErr>) -> PyErr {
    build().unwrap_or_else(|failed| {
        if let Err(ended) = ensure_running(py) {
            return ended;
        }
        // If this fails too, the first failure is the one to report.
        drop(build().and_then(|built| explain(py, &failed, Err(built), None)));
        failed
    })
}

/// Attaches the outcome of an interrupted call to `raised`, the exception that interrupted the call. `result` is the
/// result of the call. `change` describes the change that a successful call makes. If the call may have changed data,
/// the `__cause__` of `raised` becomes an error that describes the change.
pub(crate) fn explain(
    py: Python<'_>,
    raised: &PyErr,
    result: PyResult<Bound<'_, PyAny>>,
    change: Option<&str>,
) -> PyResult<()> {
    let (result, error) = match result {
        Ok(result) => (Some(result), None),
        Err(error) => (None, Some(error)),
    };
    let explain = py.import("codat_keys._interrupted")?.getattr("explain")?;
    call(&explain, (raised.value(py), result, error, change)).map(drop)
}

/// Returns an exception of the class that has the name `class` in `codat_keys._errors`.
pub(crate) fn exception(py: Python<'_>, class: &str, message: &str, hint: &str) -> PyErr {
    let raised = || {
        let class = py.import("codat_keys._errors")?.getattr(class)?;
        call_with(&class, (message,), Some(&[("hint", hint)].into_py_dict(py)?))
    };
    raised().map_or_else(|failed| failed, PyErr::from_value)
}

pub(crate) fn build(py: Python<'_>, error: &ErrorData) -> PyResult<PyErr> {
    let raised = match &error.rotation {
        Some(rotation) => rotation_error(py, error, rotation)?,
        None => call_error(py, error)?,
    };
    match &error.cause {
        Some(Cause::Raised(exception)) => raised.set_cause(py, Some(exception.clone_ref(py))),
        Some(Cause::Error(cause)) => raised.set_cause(py, Some(build(py, cause)?)),
        None => {}
    }
    Ok(raised)
}

fn rotation_error(py: Python<'_>, error: &ErrorData, rotation: &RotationErrorData) -> PyResult<PyErr> {
    let report = rotation.report.as_ref().map(|report| json::parse(py, report)).transpose()?;
    let failed = py.import("codat_keys._reports")?.getattr("failed")?;
    Ok(PyErr::from_value(call(&failed, (&error.message, &error.hint, rotation.kind, report))?))
}

fn call_error(py: Python<'_>, error: &ErrorData) -> PyResult<PyErr> {
    let classes = py.import("codat_keys._errors")?.getattr("BY_CODE")?;
    let class = classes.get_item(error.code)?.cast_into::<PyType>()?;
    let data = PyDict::new(py);
    data.set_item("hint", &error.hint)?;
    data.set_item("retryable", error.retryable)?;
    data.set_item("status", error.status)?;
    data.set_item("correlation_id", &error.correlation_id)?;
    data.set_item("retry_after", error.retry_after.map(|wait| wait.as_secs_f64()))?;
    data.set_item("attempts", error.attempts)?;
    data.set_item("elapsed", error.elapsed.as_secs_f64())?;
    data.set_item("codat_message", &error.codat_message)?;
    data.set_item("idempotency_key", &error.idempotency_key)?;
    Ok(PyErr::from_value(call_with(&class, (&error.message,), Some(&data))?))
}
