//! The client that blocks: the GIL is free while it waits, and Ctrl-C is heard.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codat_keys::blocking;
use pyo3::prelude::*;

use crate::arguments::text;
use crate::calls::{Call, Walk};
use crate::details::RateLimit;
use crate::errors::{explain, raise};
use crate::logs::{self, Line};
use crate::options::{Options, shown};
use crate::secrets::AuthorizationHeader;

/// How often a call looks whether a signal came.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct BlockingCore(blocking::Client);

#[pymethods]
impl BlockingCore {
    #[new]
    fn new(py: Python<'_>, options: &Options) -> PyResult<Self> {
        options.0.clone().build_blocking().map(Self).map_err(|error| raise(py, error))
    }

    fn perform<'py>(&self, py: Python<'py>, call: &Call) -> PyResult<Bound<'py, PyAny>> {
        let (begin, watch) = (call.take()?, Arc::new(Watch::default()));
        let listener = logs::is_read(py)?.then(|| {
            let watch = Arc::clone(&watch);
            move |line| lock(&watch.lines).push(line)
        });
        let result = py.detach(|| {
            // Without the budget by which the core knows a future: a handler may make calls of its own.
            let stop = Box::pin(tokio::task::unconstrained(Arc::clone(&watch).a_signal()));
            self.0.run(async |client| logs::heard(begin(client.clone(), stop), listener).await.transpose())
        });
        let written = watch.write(py);
        let result = match result {
            Ok(outcome) => outcome.map_or(Ok(py.None().into_bound(py)), |outcome| outcome.into_python(py)),
            Err(error) => Err(raise(py, error)),
        };
        let heard = lock(&watch.signal).take().or(written.err());
        // One that came since the last look would be raised where nobody knows the result.
        let Some(signal) = heard.or_else(|| py.check_signals().err()) else { return result };
        explain(py, &signal, result)?;
        Err(signal)
    }

    fn pages(
        &self,
        path: &Bound<'_, PyAny>,
        page_size: &Bound<'_, PyAny>,
        query: &Bound<'_, PyAny>,
        order_by: &Bound<'_, PyAny>,
    ) -> PyResult<Walk> {
        Walk::new(self.0.pages(&text("path", path)?), page_size, query, order_by)
    }

    fn rate_limit(&self) -> Option<RateLimit> {
        self.0.rate_limit().map(RateLimit)
    }

    fn authorization_for(&self, py: Python<'_>, url: &Bound<'_, PyAny>) -> PyResult<AuthorizationHeader> {
        self.0.authorization_for(&text("url", url)?).map(AuthorizationHeader).map_err(|error| raise(py, error))
    }

    fn base_url(&self) -> &str {
        self.0.base_url()
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }

    fn __repr__(&self) -> String {
        shown(self.0.base_url(), self.0.authorization_for(self.0.base_url()))
    }
}

/// What happens while a call waits.
#[derive(Default)]
struct Watch {
    signal: Mutex<Option<PyErr>>,
    lines: Mutex<Vec<Line>>,
}

impl Watch {
    /// Done when Python has a signal for this thread, whose exception it leaves behind.
    async fn a_signal(self: Arc<Self>) {
        loop {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            if let Err(signal) = Python::attach(|py| self.write(py).and_then(|()| py.check_signals())) {
                *lock(&self.signal) = Some(signal);
                return;
            }
        }
    }

    fn write(&self, py: Python<'_>) -> PyResult<()> {
        // Let go of first: a handler may make a call of its own.
        let lines = std::mem::take(&mut *lock(&self.lines));
        lines.iter().try_for_each(|line| logs::write(py, line))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
