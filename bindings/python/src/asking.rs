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

tokio::task_local! {
    /// The way of the call that is polled.
    static WAY: Way;
}

/// How a call asks.
pub(crate) struct Way {
    /// In which it was made.
    context: Arc<Py<PyAny>>,
    /// To where the question can be answered.
    pass_on: Box<dyn Fn(Question) + Send + Sync>,
}

/// The work of a call, and its way to ask.
pub(crate) async fn asking<T>(way: Option<Way>, work: impl Future<Output = T>) -> T {
    match way {
        Some(way) => WAY.scope(way, work).await,
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

    /// How a call asks that is made here. Refused where the function makes it while it is asked: it would wait for itself.
    pub(crate) fn way(&self, py: Python<'_>, pass_on: impl Fn(Question) + Send + Sync + 'static) -> PyResult<Way> {
        let context = module(py)?.call_method1("context", (&*self.0,))?;
        Ok(Way { context: Arc::new(context.unbind()), pass_on: Box::new(pass_on) })
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
        let answer = Mutex::new(Some(answer));
        // Without the budget by which the core knows a future: the function may make calls of another client.
        Box::pin(tokio::task::unconstrained(async move {
            let _ = WAY.try_with(|Way { context, pass_on }| {
                pass_on(Question { function: self.clone(), context: Arc::clone(context), answer });
            });
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
    context: Arc<Py<PyAny>>,
    answer: Mutex<Option<oneshot::Sender<Answer>>>,
}

impl Question {
    /// Asks in this thread. What is no `Exception` is raised, and says that the thread is to stop.
    pub(crate) fn ask_here(self, py: Python<'_>) -> PyResult<()> {
        let context = Arc::clone(&self.context);
        context.bind(py).call_method1("run", (module(py)?.getattr("ask")?, self)).map(drop)
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

    #[getter]
    fn context(&self, py: Python<'_>) -> Py<PyAny> {
        self.context.clone_ref(py)
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
