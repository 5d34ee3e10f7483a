//! A function of Python's as a source of keys. The call that needs a key asks for it where it waits: the one that blocks in
//! its own thread, the other on its own event loop.

use std::fmt;
use std::future::{Future, pending};
use std::sync::{Arc, Mutex, PoisonError};

use codat_keys::{Credential, KeyProvider, Reading};
use pyo3::exceptions::PyBaseException;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyString;
use tokio::sync::oneshot;

use crate::arguments::kind;
use crate::secrets::{ApiKey, AuthorizationHeader};

const SOURCE: &str = "the function given as `api_key`";

/// Passes a question on to where it can be answered.
pub(crate) type Ask = Box<dyn Fn(Question) + Send + Sync>;

tokio::task_local! {
    /// The way of the call that is polled.
    static ASK: Ask;
}

/// The work of a call, and its way to ask.
pub(crate) async fn asking<T>(ask: Option<Ask>, work: impl Future<Output = T>) -> T {
    match ask {
        Some(ask) => ASK.scope(ask, work).await,
        None => work.await,
    }
}

/// The function.
#[derive(Clone)]
pub(crate) struct KeyFunction(Arc<Py<PyAny>>);

impl KeyFunction {
    pub(crate) fn given(value: &Bound<'_, PyAny>) -> Option<Self> {
        value.is_callable().then(|| Self(Arc::new(value.clone().unbind())))
    }

    pub(crate) fn is_async(&self, py: Python<'_>) -> PyResult<bool> {
        module(py)?.call_method1("is_async", (&*self.0,))?.is_truthy()
    }

    /// Refuses a call that is made while the function is asked, and by it: it would wait for itself.
    pub(crate) fn may_call(&self, py: Python<'_>) -> PyResult<()> {
        module(py)?.call_method1("may_call", (&*self.0,)).map(drop)
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&*self.0)
    }
}

impl KeyProvider for KeyFunction {
    fn source(&self) -> &str {
        SOURCE
    }

    /// What is let go without an answer was stopped, and its call is about to end.
    fn read(&self) -> Reading<'_> {
        let (answer, answered) = oneshot::channel();
        let question = Question { function: self.clone(), answer: Mutex::new(Some(answer)) };
        // Without the budget by which the core knows a future: the function may make calls of another client.
        Box::pin(tokio::task::unconstrained(async move {
            let _ = ASK.try_with(|ask| ask(question));
            match answered.await {
                Ok(answer) => answer,
                Err(_) => pending().await,
            }
        }))
    }
}

type Answer = Result<Credential, Box<dyn std::error::Error + Send + Sync>>;

/// A call that waits for what the function says.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Question {
    function: KeyFunction,
    answer: Mutex<Option<oneshot::Sender<Answer>>>,
}

impl Question {
    /// Asks in this thread. What is no `Exception` is raised, and says that the thread is to stop.
    pub(crate) fn ask_here(self, py: Python<'_>) -> PyResult<()> {
        module(py)?.call_method1("ask", (self,)).map(drop)
    }

    fn tell(&self, answer: Answer) {
        let waits = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // It may have been stopped meanwhile.
        waits.map(|waits| waits.send(answer).ok());
    }
}

#[pymethods]
impl Question {
    #[getter]
    fn function(&self, py: Python<'_>) -> Py<PyAny> {
        self.function.0.clone_ref(py)
    }

    /// What the function returned.
    fn answer(&self, returned: &Bound<'_, PyAny>) {
        self.tell(credential(returned));
    }

    /// What the function raised.
    fn fail(&self, raised: &Bound<'_, PyBaseException>) {
        let text = format!("it raised {}", kind(raised));
        self.tell(Err(Box::new(Raised { text, exception: PyErr::from_value(raised.clone().into_any()) })));
    }
}

fn credential(returned: &Bound<'_, PyAny>) -> Answer {
    if let Ok(key) = returned.cast::<ApiKey>() {
        return Ok(Credential::ApiKey(key.get().0.clone()));
    }
    if let Ok(header) = returned.cast::<AuthorizationHeader>() {
        return Ok(Credential::Header(header.get().0.clone()));
    }
    if let Ok(text) = returned.cast::<PyString>() {
        return Ok(Credential::parse_from(&format!("what {SOURCE} returned"), &text.to_string_lossy())?);
    }
    let what = if returned.is_none() { "None".into() } else { kind(returned) };
    let awaits = if returned.hasattr("__await__")? { " (AsyncClient awaits it)" } else { "" };
    Err(format!("it returned {what}{awaits}; return the key as a str, an ApiKey or an AuthorizationHeader").into())
}

/// The exception is the cause of what its callers see. What it says may be anything, and stays there.
pub(crate) struct Raised {
    text: String,
    pub(crate) exception: PyErr,
}

impl std::error::Error for Raised {}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("codat_keys._asking")
}
