//! The key callback: a Python function that provides the API key. A blocking call runs the callback in the thread that
//! made the call. An asyncio call runs the callback on its event loop.

use std::future::{Future, pending};
use std::sync::{Arc, Mutex, PoisonError};

use codat_keys::{Credential, CredentialFuture, KeyProvider};
use pyo3::exceptions::PyBaseException;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyString;
use tokio::sync::oneshot;

use crate::arguments::kind;
use crate::errors::CallbackError;
use crate::secrets::{ApiKey, AuthorizationHeader};

const SOURCE: &str = "the function given as `api_key`";

tokio::task_local! {
    /// The callback context of a running call. Each call sets this task-local value for its own future.
    static CONTEXT: CallbackContext;
}

/// The context in which a call runs its key callback.
pub(crate) struct CallbackContext {
    /// The `contextvars.Context` in which the call started.
    context: Arc<Py<PyAny>>,
    /// Asks the call's thread or event loop to run the key callback.
    send: Box<dyn Fn(KeyRequest) + Send + Sync>,
}

/// Runs the future of a call. While the future runs, the call can run its key callback in `context`. `context` is
/// `None` if the client has no key callback.
pub(crate) async fn with_callback<T>(context: Option<CallbackContext>, work: impl Future<Output = T>) -> T {
    match context {
        Some(context) => CONTEXT.scope(context, work).await,
        None => work.await,
    }
}

/// The key callback of a client: a Python function that returns the API key.
#[derive(Clone)]
pub(crate) struct KeyFunction(Arc<Py<PyAny>>);

impl KeyFunction {
    /// Returns the key callback if the argument `api_key` is callable.
    pub(crate) fn given(value: &Bound<'_, PyAny>) -> Option<Self> {
        value.is_callable().then(|| Self(Arc::new(value.clone().unbind())))
    }

    /// Whether the key callback is an async function. Only an event loop can run an async function.
    pub(crate) fn is_async(&self, py: Python<'_>) -> PyResult<bool> {
        module(py)?.call_method1("is_async", (&*self.0,))?.is_truthy()
    }

    /// Returns the callback context for a new call. Returns an error if the key callback itself starts the call. Such a
    /// call would wait for the callback, and the callback for the call.
    pub(crate) fn callback_context(
        &self,
        py: Python<'_>,
        send: impl Fn(KeyRequest) + Send + Sync + 'static,
    ) -> PyResult<CallbackContext> {
        let context = module(py)?.call_method1("context", (&*self.0,))?;
        Ok(CallbackContext { context: Arc::new(context.unbind()), send: Box::new(send) })
    }

    /// Reports the Python function to the garbage collector of Python.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&*self.0)
    }
}

impl KeyProvider for KeyFunction {
    fn source(&self) -> &str {
        SOURCE
    }

    /// Asks Python to run the key callback, and waits for its result. If the API call that needs the key is cancelled,
    /// that call drops the future.
    fn read(&self) -> CredentialFuture<'_> {
        let (tx, rx) = oneshot::channel();
        let tx = Mutex::new(Some(tx));
        // `unconstrained` removes tokio's task budget. The callback can make blocking calls of another client, which
        // the core rejects in a task with a budget.
        Box::pin(tokio::task::unconstrained(async move {
            let _ = CONTEXT.try_with(|CallbackContext { context, send }| {
                send(KeyRequest { function: self.clone(), context: Arc::clone(context), tx });
            });
            match rx.await {
                Ok(result) => result,
                Err(_) => pending().await,
            }
        }))
    }
}

type CallbackResult = Result<Credential, Box<dyn std::error::Error + Send + Sync>>;

/// A message that asks Python to run the key callback. The call waits for the result of the callback.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct KeyRequest {
    function: KeyFunction,
    context: Arc<Py<PyAny>>,
    tx: Mutex<Option<oneshot::Sender<CallbackResult>>>,
}

impl KeyRequest {
    /// Runs the key callback in this thread, and passes its result to the call that needs the API key. If the callback
    /// raises an `Exception`, the call fails with it. Any other exception, such as `KeyboardInterrupt`, is returned as
    /// an error.
    pub(crate) fn run_here(self, py: Python<'_>) -> PyResult<()> {
        let context = Arc::clone(&self.context);
        context.bind(py).call_method1("run", (module(py)?.getattr("run")?, self)).map(drop)
    }

    fn send(&self, result: CallbackResult) {
        let tx = self.tx.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Sending fails if the call was cancelled.
        tx.map(|tx| tx.send(result).ok());
    }
}

#[pymethods]
impl KeyRequest {
    #[getter]
    fn function(&self, py: Python<'_>) -> Py<PyAny> {
        self.function.0.clone_ref(py)
    }

    #[getter]
    fn context(&self, py: Python<'_>) -> Py<PyAny> {
        self.context.clone_ref(py)
    }

    /// Passes the value that the key callback returned to the call that needs the API key.
    fn complete(&self, returned: &Bound<'_, PyAny>) {
        self.send(credential(returned));
    }

    /// Passes the exception that the key callback raised to the call that needs the API key.
    fn fail(&self, raised: &Bound<'_, PyBaseException>) {
        let text = format!("it raised {}", kind(raised));
        self.send(Err(Box::new(CallbackError { text, exception: PyErr::from_value(raised.clone().into_any()) })));
    }
}

/// Converts the value that the key callback returned to an API key or an `Authorization` header.
fn credential(returned: &Bound<'_, PyAny>) -> CallbackResult {
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

fn module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("codat_keys._key_callback")
}
