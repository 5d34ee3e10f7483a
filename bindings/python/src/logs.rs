//! Passes the log records of calls to Python's logger `codat_keys`. Only threads of Python call the logger, because the
//! native thread must not wait for the GIL.

use codat_keys_bindings::Line;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::interpreter::call;

/// The value of Python's `logging.DEBUG`.
const DEBUG: u8 = 10;

/// Whether the logger `codat_keys` is enabled for `DEBUG`.
pub(crate) fn is_enabled(py: Python<'_>) -> PyResult<bool> {
    call(&logger(py)?.getattr("isEnabledFor")?, (DEBUG,))?.is_truthy()
}

/// Passes a log record to Python's logger. The `args` of the Python log record contain the HTTP method, the path and
/// the message.
pub(crate) fn write(py: Python<'_>, line: &Line) -> PyResult<()> {
    call(&logger(py)?.getattr("debug")?, ("%s %s: %s", &line.method, &line.path, &line.text)).map(drop)
}

fn logger(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let logger = LOGGER
        .get_or_try_init(py, || py.import("logging")?.call_method1("getLogger", ("codat_keys",)).map(Bound::unbind))?;
    Ok(logger.bind(py))
}
