//! Checks that the package is not used in a sub-interpreter or during the shutdown of the interpreter. Calls Python
//! functions in a way that does not abort the process if the shutdown ends the calling thread.

use std::hint::black_box;
use std::{mem, ptr, thread};

use pyo3::exceptions::{PyImportError, PyMemoryError, PyRecursionError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{BoundObject as _, ffi, intern};

/// The signature of `PyObject_Call`, a C function that can unwind the stack. [`call`] describes when this happens.
type ObjectCall =
    unsafe extern "C-unwind" fn(*mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject;

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

/// Calls a function that is written in Python. If the interpreter shuts down during the call, and the current thread is
/// a daemon thread, this function does not return.
///
/// Before Python 3.14, the interpreter ends a daemon thread by `pthread_exit`, as soon as the thread needs the GIL
/// during the shutdown. With glibc, `pthread_exit` unwinds the stack of the thread. PyO3 declares the functions of
/// Python's C API as functions that cannot unwind. The process would abort when the unwinding reaches a Rust function
/// that calls such a C function. Therefore this function stops the unwinding, and blocks the thread until the process
/// ends, as Python 3.14 does. PyO3 does the same in the functions that attach a thread to the interpreter.
pub(crate) fn call<'py>(
    function: &Bound<'py, PyAny>,
    arguments: impl IntoPyObject<'py, Target = PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    call_with(function, arguments, None)
}

/// Calls a Python function with positional and keyword arguments. [`call`] describes what happens during shutdown.
pub(crate) fn call_with<'py>(
    function: &Bound<'py, PyAny>,
    arguments: impl IntoPyObject<'py, Target = PyTuple>,
    named: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    let arguments = arguments.into_pyobject(py).map_err(Into::into)?.into_any();
    let named = named.map_or(ptr::null_mut(), |named| named.as_ptr());
    // The compiler must not see the declaration in PyO3, which says that the function cannot unwind.
    let object_call = black_box(ffi::PyObject_Call as *const ());
    let end_of_thread = EndOfThread;
    #[allow(unsafe_code, reason = "the C functions of PyO3 are declared as functions that cannot unwind")]
    // SAFETY: the pointer is that of `PyObject_Call`, whose signature is `ObjectCall`. The thread is attached to the
    // interpreter. The three objects live until the call has returned, and the returned reference is new or null.
    let returned = unsafe {
        let object_call = mem::transmute::<*const (), ObjectCall>(object_call);
        Bound::from_owned_ptr_or_err(py, object_call(function.as_ptr(), arguments.as_ptr(), named))
    };
    mem::forget(end_of_thread);
    returned
}

/// A value whose drop blocks the thread. The value is dropped only if `pthread_exit` ends the thread.
struct EndOfThread;

impl Drop for EndOfThread {
    fn drop(&mut self) {
        loop {
            thread::park();
        }
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

/// Returns true for every interpreter. On Windows, the stable ABI of Python 3.9 has no function that identifies an
/// interpreter.
#[cfg(windows)]
fn is_main_interpreter() -> bool {
    true
}
