//! Checks that the package is not used in a sub-interpreter or while the interpreter shuts down.

use pyo3::exceptions::{PyImportError, PyMemoryError, PyRecursionError, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;

/// Returns an error if the Python interpreter is shutting down. During shutdown, this package cannot import the Python
/// modules that it needs.
#[pyfunction]
pub(crate) fn ensure_running(py: Python<'_>) -> PyResult<()> {
    match py.import(intern!(py, "sys")).and_then(|sys| sys.getattr(intern!(py, "meta_path"))) {
        Ok(imports) if !imports.is_none() => Ok(()),
        // An import fails for these reasons in a running interpreter, too.
        Err(error) if error.is_instance_of::<PyRecursionError>(py) || error.is_instance_of::<PyMemoryError>(py) => {
            Err(error)
        }
        _ => Err(PyRuntimeError::new_err(
            "the interpreter is shutting down: make calls of codat_keys before, in a `with` block or a function given to `atexit`",
        )),
    }
}

/// Returns `ImportError` if the package is imported in a sub-interpreter.
pub(crate) fn check_main_interpreter() -> PyResult<()> {
    if is_main_interpreter() {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "codat_keys works in the main interpreter alone, and this is a sub-interpreter: import it there \
         (mod_wsgi: WSGIApplicationGroup %{GLOBAL}), or in a process of its own",
    ))
}

#[cfg(not(windows))]
fn is_main_interpreter() -> bool {
    #[allow(unsafe_code, reason = "only the C interface identifies an interpreter")]
    // SAFETY: the thread that imports a module is attached to an interpreter, which outlives the two calls.
    let id = unsafe { pyo3::ffi::PyInterpreterState_GetID(pyo3::ffi::PyInterpreterState_Get()) };
    id == 0
}

/// Accepts every interpreter as the main one. On Windows, the stable ABI of Python 3.9 has no function that identifies
/// an interpreter.
#[cfg(windows)]
fn is_main_interpreter() -> bool {
    true
}
