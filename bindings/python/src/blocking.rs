//! The client that blocks: the GIL is free while it waits, and Ctrl-C is heard.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codat_keys::{Client, blocking};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::answers::RateLimit;
use crate::arguments::{text, wrong};
use crate::asking::{KeyFunction, Question, asking};
use crate::calls::{Call, Walk};
use crate::errors::{explain, raise};
use crate::interpreter::ensure_running;
use crate::logs::{self, Line};
use crate::options::{Options, shown};
use crate::secrets::AuthorizationHeader;

/// How often a call looks whether a signal came.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

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

    fn perform<'py>(&self, py: Python<'py>, call: &Call) -> PyResult<Bound<'py, PyAny>> {
        ensure_running(py)?;
        let (begin, watch) = (call.take()?, Arc::new(Watch::default()));
        let way = self.function.as_ref().map(|function| {
            let watch = Arc::clone(&watch);
            function.way(py, move |question| watch.ask(question))
        });
        let way = way.transpose()?;
        let listener = logs::is_read(py)?.then(|| {
            let watch = Arc::clone(&watch);
            move |line| lock(&watch.lines).push(line)
        });
        let result = py.detach(|| {
            // Without the budget by which the core knows a future: a handler may make calls of its own.
            let stop = Box::pin(tokio::task::unconstrained(Arc::clone(&watch).a_signal()));
            let work = async |client: &Client| logs::heard(begin(client.clone(), stop), listener).await.transpose();
            self.client.run(async |client| asking(way, work(client)).await)
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
        Walk::new(self.client.pages(&text("path", path)?), page_size, query, order_by)
    }

    fn rate_limit(&self) -> Option<RateLimit> {
        self.client.rate_limit().map(RateLimit)
    }

    /// ``None`` if the key must first be read from its source: see ``authorize``.
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
        shown(self.client.shown_base_url(), self.client.run(async |client| client.authorization_for(client.base_url())))
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
            }
            if lock(&self.signal).is_some() {
                return;
            }
        }
    }

    /// Where the function is told to stop, so is the call, and the next one that waits for the key asks anew.
    fn ask(&self, question: Question) {
        if let Err(signal) = Python::attach(|py| question.ask_here(py)) {
            *lock(&self.signal) = Some(signal);
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
