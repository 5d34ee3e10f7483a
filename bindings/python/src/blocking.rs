//! The blocking client. A call waits without the GIL. While it waits, it regularly runs the signal handlers of Python.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codat_keys::{Client, blocking};
use codat_keys_bindings::{Line, with_key_callback, with_listener};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arguments::{text, wrong};
use crate::calls::{Call, PageCursor, result};
use crate::errors::{explain, raise};
use crate::interpreter::ensure_running;
use crate::key_callback::{KeyFunction, KeyRequest};
use crate::logs;
use crate::options::{Options, shown};
use crate::responses::RateLimit;
use crate::secrets::AuthorizationHeader;

/// The time between two runs of the signal handlers of Python while a call waits.
const SIGNAL_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The native part of `Client`.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct BlockingCore {
    client: blocking::Client,
    function: Option<KeyFunction>,
}

#[pymethods]
impl BlockingCore {
    #[new]
    fn new(py: Python<'_>, options: &Options) -> PyResult<Self> {
        let function = options.function.clone();
        if function.as_ref().map_or(Ok(false), |function| function.is_async(py))? {
            return Err(wrong("api_key", "an async function needs an event loop: give it to AsyncClient"));
        }
        let client = options.builder.clone().build_blocking().map_err(|error| raise(py, error))?;
        Ok(Self { client, function })
    }

    /// Performs a call. If a signal handler raises an exception, the result of a call that has just completed is added to
    /// `unclaimed`.
    #[pyo3(signature = (call, unclaimed=None))]
    fn perform<'py>(
        &self,
        py: Python<'py>,
        call: &Call,
        unclaimed: Option<&Bound<'py, PyList>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        ensure_running(py)?;
        let (call, watch) = (call.0.clone(), Arc::new(Watch::default()));
        let ask = self.function.as_ref().map(|function| {
            let watch = Arc::clone(&watch);
            function.ask(py, move |request| watch.run_callback(request))
        });
        let ask = ask.transpose()?;
        let listener = logs::is_enabled(py)?.then(|| {
            let watch = Arc::clone(&watch);
            move |line| lock(&watch.lines).push(line)
        });
        let completion = py.detach(|| {
            // `unconstrained` removes tokio's task budget. A signal handler can make blocking calls, which the core
            // rejects in a task with a budget.
            let stop = Box::pin(tokio::task::unconstrained(Arc::clone(&watch).signalled()));
            let work = async |client: &Client| with_listener(call.perform(client.clone(), stop), listener).await;
            self.client.run(async |client| Ok(with_key_callback(ask, work(client)).await))
        });
        let written = watch.write(py);
        let result = match completion {
            Ok(completion) => result(py, completion),
            Err(error) => Err(raise(py, error)),
        };
        let signal = lock(&watch.signal).take().or(written.err());
        // Runs the signal handlers once more. Otherwise Python would raise the exception of a late signal after this
        // function returned, and the result of the call would be lost.
        let Some(signal) = signal.or_else(|| py.check_signals().err()) else { return result };
        if let (Some(unclaimed), Ok(result)) = (unclaimed, &result)
            && !result.is_none()
        {
            unclaimed.append(result)?;
        }
        explain(py, &signal, result)?;
        Err(signal)
    }

    fn pages(
        &self,
        path: &Bound<'_, PyAny>,
        page_size: &Bound<'_, PyAny>,
        query: &Bound<'_, PyAny>,
        order_by: &Bound<'_, PyAny>,
        concurrency: &Bound<'_, PyAny>,
        max_response_bytes: &Bound<'_, PyAny>,
    ) -> PyResult<PageCursor> {
        let pages = self.client.pages(&text("path", path)?);
        PageCursor::new(pages, page_size, query, order_by, concurrency, max_response_bytes)
    }

    fn rate_limit(&self) -> Option<RateLimit> {
        self.client.rate_limit().map(RateLimit)
    }

    /// Returns the cached `Authorization` header for an HTTP request to `url`, without waiting. Returns `None` if a
    /// command or a key callback must run first.
    fn cached_authorization(&self, py: Python<'_>, url: &Bound<'_, PyAny>) -> PyResult<Option<AuthorizationHeader>> {
        let header = self.client.cached_authorization(&text("url", url)?).map_err(|error| raise(py, error))?;
        Ok(header.map(AuthorizationHeader))
    }

    fn check_next_hop(&self, py: Python<'_>, url: &Bound<'_, PyAny>) -> PyResult<()> {
        self.client.check_next_hop(&text("url", url)?).map_err(|error| raise(py, error))
    }

    fn base_url(&self) -> &str {
        self.client.base_url()
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.client.close());
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.function.as_ref().map_or(Ok(()), |function| function.traverse(&visit))
    }

    fn __repr__(&self) -> String {
        shown(
            &self.client.redact(self.client.base_url()),
            self.client.run(async |client| client.authorization_for(client.base_url())),
        )
    }
}

/// The state of a blocking call that waits: the exception that a signal handler raised, and the log records that have
/// not been passed to Python's logger.
#[derive(Default)]
struct Watch {
    signal: Mutex<Option<PyErr>>,
    lines: Mutex<Vec<Line>>,
}

impl Watch {
    /// Waits until a signal handler raises an exception, such as `KeyboardInterrupt`, and stores the exception. At
    /// regular intervals, runs the signal handlers of Python and passes new log records to Python's logger. Runs in the
    /// thread that made the call.
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

    /// Runs the key callback in this thread. If a signal handler raises an exception during the callback, this method
    /// stores the exception in `signal`. The call then ends with this exception.
    fn run_callback(&self, request: KeyRequest) {
        // `try_attach` returns `None` if the interpreter has shut down.
        if let Some(Err(signal)) = Python::try_attach(|py| request.run_here(py)) {
            *lock(&self.signal) = Some(signal);
        }
    }

    fn write(&self, py: Python<'_>) -> PyResult<()> {
        // Releases the lock before the log handlers run, because a handler can make a call.
        let lines = std::mem::take(&mut *lock(&self.lines));
        lines.iter().try_for_each(|line| logs::write(py, line))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
