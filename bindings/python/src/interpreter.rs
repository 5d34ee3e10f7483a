//! Classes and threads that one interpreter made are of no use to another.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// Refuses to be imported anywhere else.
pub(crate) fn must_be_the_main_one() -> PyResult<()> {
    if is_the_main_one() {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "codat_keys works in the main interpreter alone, and this is a sub-interpreter: import it there \
         (mod_wsgi: WSGIApplicationGroup %{GLOBAL}), or in a process of its own",
    ))
}

#[cfg(not(windows))]
fn is_the_main_one() -> bool {
    #[allow(unsafe_code, reason = "only the C interface tells interpreters apart")]
    // SAFETY: whoever imports a module is attached to an interpreter, which outlives the two calls.
    let id = unsafe { pyo3::ffi::PyInterpreterState_GetID(pyo3::ffi::PyInterpreterState_Get()) };
    id == 0
}

/// There, Python 3.9's stable interface has no name for an interpreter.
#[cfg(windows)]
fn is_the_main_one() -> bool {
    true
}
