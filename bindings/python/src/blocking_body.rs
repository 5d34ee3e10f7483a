//! A response whose body the blocking client reads in chunks.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError};

use codat_keys::blocking;
use codat_keys_bindings::next_chunk;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::calls::{check_process, closed, result};
use crate::errors::raise;
use crate::interpreter::ensure_running;
use crate::responses::ResponseHead;
use crate::watch::Watch;

/// The native part of `ResponseStream`.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct BlockingBody {
    head: ResponseHead,
    is_closed: AtomicBool,
    /// `None` after `close`. Locked while a thread reads a chunk.
    body: Mutex<Option<OpenBody>>,
    /// The id of the process that received the response. After a fork, the child process cannot read the response,
    /// because the copy of `body` in the child process may be locked for ever.
    process: u32,
}

struct OpenBody {
    response: blocking::ResponseStream,
    /// A chunk that was read, but not returned, because a signal handler raised an exception.
    unclaimed: Option<Py<PyAny>>,
}

impl BlockingBody {
    pub(crate) fn new(response: blocking::ResponseStream) -> Self {
        let head =
            ResponseHead::new(response.status(), response.headers(), response.content_length(), response.rate_limit());
        let body = Mutex::new(Some(OpenBody { response, unclaimed: None }));
        Self { head, is_closed: AtomicBool::new(false), body, process: process::id() }
    }
}

#[pymethods]
impl BlockingBody {
    fn head(&self) -> ResponseHead {
        self.head.clone()
    }

    /// Returns the next chunk, or `None` after the last chunk. If a signal handler raises an exception, no chunk is
    /// lost: the next call returns the chunk that this call would have returned.
    fn chunk<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        ensure_running(py)?;
        check_process(py, self.process)?;
        let mut guard = match self.body.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(PyRuntimeError::new_err("another thread is reading this response"));
            }
        };
        let body = guard.as_mut().ok_or_else(|| closed(py))?;
        if let Some(chunk) = body.unclaimed.take() {
            return Ok(chunk.into_bound(py));
        }
        let watch = Arc::<Watch>::default();
        let (stop, response) = (watch.stop(), &mut body.response);
        let completion = py.detach(|| response.run(async |response| Ok(next_chunk(response, stop).await)));
        let result = completion.map_err(|error| raise(py, error)).and_then(|completion| result(py, completion));
        let signal = watch.interruption(py);
        if signal.is_some() {
            body.unclaimed = result.as_ref().ok().filter(|chunk| !chunk.is_none()).map(|chunk| chunk.clone().unbind());
        }
        if self.is_closed.load(Ordering::Relaxed) {
            *guard = None;
        }
        signal.map_or(result, Err)
    }

    /// Closes the connection, unless the body is complete. If another thread is reading a chunk, the connection is
    /// closed after that chunk.
    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        if let Ok(mut body) = self.body.try_lock() {
            *body = None;
        }
    }
}
