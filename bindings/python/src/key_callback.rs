//! The key callback: a Python function that provides the API key. A blocking call runs the callback in the thread that
//! made the call. An asyncio call runs the callback on the event loop of the call.

use std::sync::{Arc, Mutex, PoisonError};

use codat_keys::Credential;
use codat_keys_bindings::KeyReply;
use pyo3::exceptions::PyBaseException;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::arguments::kind;
use crate::interpreter::call;
use crate::secrets::{ApiKey, AuthorizationHeader};

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
        call(&module_function(py, "is_async")?, (&*self.0,))?.is_truthy()
    }

    /// Returns a function for a new call. The new call runs this function when the call needs an API key. The function
    /// passes a [`KeyRequest`] to `send`. Returns an error if the key callback itself started the new call, because the
    /// new call and the callback would wait for each other.
    pub(crate) fn ask(
        &self,
        py: Python<'_>,
        send: impl Fn(KeyRequest) + Send + Sync + 'static,
    ) -> PyResult<impl Fn(KeyReply) + Send + Sync + 'static> {
        let context = Arc::new(call(&module_function(py, "context")?, (&*self.0,))?.unbind());
        let function = self.clone();
        Ok(move |reply| {
            let (function, context) = (function.clone(), Arc::clone(&context));
            send(KeyRequest { function, context, reply: Mutex::new(Some(reply)) });
        })
    }

    /// Reports the Python function to the garbage collector of Python.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&*self.0)
    }
}

/// A message that asks Python to run the key callback. The call that needs the API key waits for the result of the
/// callback.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct KeyRequest {
    function: KeyFunction,
    /// The `contextvars.Context` in which the call started.
    context: Arc<Py<PyAny>>,
    reply: Mutex<Option<KeyReply>>,
}

impl KeyRequest {
    /// Runs the key callback in this thread, and passes its result to the call that needs the API key. If the callback
    /// raises an `Exception`, the call fails with this exception. Any other exception, such as `KeyboardInterrupt`, is
    /// returned as an error.
    pub(crate) fn run_here(self, py: Python<'_>) -> PyResult<()> {
        let run_in_context = self.context.bind(py).getattr("run")?;
        call(&run_in_context, (module_function(py, "run")?, self)).map(drop)
    }

    fn reply(&self, send: impl FnOnce(KeyReply)) {
        let reply = self.reply.lock().unwrap_or_else(PoisonError::into_inner).take();
        reply.map(send);
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

    /// Passes the return value of the key callback to the call that needs the API key.
    fn complete(&self, returned: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(key) = returned.cast::<ApiKey>() {
            self.reply(|reply| reply.returned(Credential::ApiKey(key.get().0.clone())));
        } else if let Ok(header) = returned.cast::<AuthorizationHeader>() {
            self.reply(|reply| reply.returned(Credential::Header(header.get().0.clone())));
        } else if let Ok(text) = returned.cast::<PyString>() {
            self.reply(|reply| reply.returned_text(&text.to_string_lossy()));
        } else {
            let what = if returned.is_none() { "None".into() } else { kind(returned) };
            let awaits = if returned.hasattr("__await__")? { " (AsyncClient awaits it)" } else { "" };
            let instead = "return the key as a str, an ApiKey or an AuthorizationHeader";
            self.reply(|reply| reply.failed(format!("it returned {what}{awaits}; {instead}")));
        }
        Ok(())
    }

    /// Passes the exception of the key callback to the call that needs the API key.
    fn fail(&self, raised: &Bound<'_, PyBaseException>) {
        let (text, exception) = (format!("it raised {}", kind(raised)), PyErr::from_value(raised.clone().into_any()));
        self.reply(|reply| reply.raised(text, Arc::new(exception)));
    }
}

/// Returns a function of the Python module that runs key callbacks.
fn module_function<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("codat_keys._key_callback")?.getattr(name)
}
