//! The state of a blocking call that waits. While a call waits, the signal handlers of Python run regularly.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use codat_keys_bindings::{KeyReply, Line, Stop};
use pyo3::prelude::*;

use crate::interpreter::call;
use crate::key_callback::{KeyFunction, KeyRequest};
use crate::logs;
use crate::rotation::{RotationRequest, unlock};

/// The time between two runs of the signal handlers of Python while a call waits.
const SIGNAL_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The exception that a signal handler raised while a call waited, and the log records that have not been passed to
/// Python's logger.
#[derive(Default)]
pub(crate) struct Watch {
    signal: Mutex<Option<PyErr>>,
    lines: Mutex<Vec<Line>>,
}

impl Watch {
    /// Returns a future that completes when a signal handler raises an exception, such as `KeyboardInterrupt`. At
    /// regular intervals, the future runs the signal handlers of Python and passes new log records to Python's logger.
    /// The thread that makes the call must poll the future.
    pub(crate) fn stop(self: &Arc<Self>) -> Stop {
        // `unconstrained` removes tokio's task budget. A signal handler can make blocking calls, which the core rejects
        // in a task with a budget.
        Box::pin(tokio::task::unconstrained(Arc::clone(self).signalled()))
    }

    async fn signalled(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SIGNAL_CHECK_INTERVAL).await;
            match Python::try_attach(|py| self.write(py).and_then(|()| py.check_signals())) {
                Some(Ok(())) => {}
                Some(Err(signal)) => *lock(&self.signal) = Some(signal),
                // The interpreter has shut down. This is a daemon thread, which ends with the process.
                None => pending().await,
            }
            if lock(&self.signal).is_some() {
                return;
            }
        }
    }

    /// Returns the function that the call uses to request a run of the key callback. Returns `None` if the client has
    /// no key callback.
    pub(crate) fn ask(
        self: &Arc<Self>,
        py: Python<'_>,
        function: Option<&KeyFunction>,
    ) -> PyResult<Option<impl Fn(KeyReply) + Send + Sync + 'static>> {
        let ask = function.map(|function| {
            let watch = Arc::clone(self);
            function.ask(py, move |request: KeyRequest| watch.run_python(|py| request.run_here(py)))
        });
        ask.transpose()
    }

    /// Returns the function that receives the messages of a rotation. The returned function passes each message to
    /// `handle`, a Python function that runs in this thread. If `handle` raises an exception, the returned function
    /// stores the exception, and the call ends. After an exception, only the messages for the journal store are passed
    /// to `handle`.
    pub(crate) fn rotation_requests(
        self: &Arc<Self>,
        handle: Option<&Bound<'_, PyAny>>,
    ) -> Option<impl Fn(codat_keys_bindings::RotationRequest) + Send + Sync + 'static> {
        handle.map(|handle| {
            let (watch, handle) = (Arc::clone(self), handle.clone().unbind());
            move |request: codat_keys_bindings::RotationRequest| {
                if lock(&watch.signal).is_some() && !request.is_of_journal() {
                    return;
                }
                watch.run_python(|py| match RotationRequest::new(request) {
                    Ok(request) => {
                        let request = Bound::new(py, request)?;
                        // The traceback of the exception refers to the request.
                        call(handle.bind(py), (&request,)).map(drop).inspect_err(|_| request.get().abandon())
                    }
                    Err(lock) => unlock(py, &lock),
                });
            }
        })
    }

    /// Returns the function that stores the log records of the call. Returns `None` if Python's logger is not enabled.
    pub(crate) fn listener(
        self: &Arc<Self>,
        py: Python<'_>,
    ) -> PyResult<Option<impl Fn(Line) + Send + Sync + 'static>> {
        Ok(logs::is_enabled(py)?.then(|| {
            let watch = Arc::clone(self);
            move |line| lock(&watch.lines).push(line)
        }))
    }

    /// Passes the remaining log records to Python's logger. Then returns the exception that a signal handler or a log
    /// handler has raised, if any. Use this function only after the call has ended.
    pub(crate) fn interruption(&self, py: Python<'_>) -> Option<PyErr> {
        let written = self.write(py);
        let signal = lock(&self.signal).take().or(written.err());
        // Runs the signal handlers once more. Otherwise Python would raise the exception of a late signal after this
        // function returned, and the result of the call would be lost.
        signal.or_else(|| py.check_signals().err())
    }

    /// Runs a Python function in this thread. If the function or a signal handler raises an exception during the run,
    /// this method stores the exception. The stored exception ends the call.
    fn run_python(&self, run: impl FnOnce(Python<'_>) -> PyResult<()>) {
        // `try_attach` returns `None` if the interpreter has shut down.
        if let Some(Err(signal)) = Python::try_attach(run) {
            lock(&self.signal).get_or_insert(signal);
        }
    }

    fn write(&self, py: Python<'_>) -> PyResult<()> {
        // Releases the lock before the log handlers run, because a handler can make a call.
        let lines = std::mem::take(&mut *lock(&self.lines));
        lines.iter().try_for_each(|line| logs::write(py, line))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
