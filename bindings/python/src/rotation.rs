//! The native part of rotations. The functions of the sinks and of the journal store run in Python.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use codat_keys::{Credential, KeyId};
use codat_keys_bindings::{
    Function, JournalOptions, Lock, Reply, Returned, RotationOptions, RotationVerb, SinkOptions,
};
use pyo3::exceptions::{PyBaseException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyList, PyString, PyTuple};

use crate::arguments::{argument, kind, seconds_from, text};
use crate::calls::Call;
use crate::errors::raise;
use crate::interpreter::call;
use crate::json;
use crate::secrets::{ApiKey, AuthorizationHeader};

/// The shortest timeout of a function, in seconds.
const SHORTEST_TIMEOUT: f64 = 0.001;

/// The checked options of a rotation.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct RotationCore(codat_keys_bindings::Rotation);

#[pymethods]
impl RotationCore {
    /// For each sink, `sinks` contains the name, the timeout, and whether the sink has the function `confirm` instead
    /// of `read`. `functions` describes the journal store: a number that identifies the store within this process,
    /// whether the store has the function `lock`, the identifier of the machine, and the timeout. If `functions` is
    /// `None`, the journals are in the folder `journal`. If `journal` is also `None`, the journals are in the default
    /// folder of the current user.
    #[new]
    #[pyo3(signature = (
        sinks, *, key, journal, functions, journal_name, name, grace, overwrite, delete_first, lease, probe_timeout
    ))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments")]
    fn new(
        sinks: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>, bool)>,
        key: &Bound<'_, PyAny>,
        journal: &Bound<'_, PyAny>,
        functions: Option<(usize, bool, Bound<'_, PyAny>, Bound<'_, PyAny>)>,
        journal_name: &Bound<'_, PyAny>,
        name: &Bound<'_, PyAny>,
        grace: &Bound<'_, PyAny>,
        overwrite: &Bound<'_, PyAny>,
        delete_first: &Bound<'_, PyAny>,
        lease: &Bound<'_, PyAny>,
        probe_timeout: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let sinks = sinks.iter().map(|(name, timeout, confirms)| {
            let timeout = seconds_from(SHORTEST_TIMEOUT, "timeout", timeout)?;
            Ok(SinkOptions { name: argument("name", name)?, confirms: *confirms, timeout })
        });
        let journal = match functions {
            Some((id, locks, machine, timeout)) => JournalOptions::Functions {
                id: id.to_string(),
                locks,
                machine: argument("machine", &machine)?,
                timeout: seconds_from(SHORTEST_TIMEOUT, "timeout", &timeout)?,
            },
            None => argument::<Option<PathBuf>>("journal", journal)?
                .map_or(JournalOptions::OfThisUser, JournalOptions::Folder),
        };
        let delete_first: Vec<Bound<'_, PyAny>> = argument("delete_first", delete_first)?;
        Ok(Self(codat_keys_bindings::Rotation::new(RotationOptions {
            sinks: sinks.collect::<PyResult<_>>()?,
            key: (!key.is_none()).then(|| key_id("key", key)).transpose()?,
            journal,
            journal_name: argument("journal_name", journal_name)?,
            name: argument("name", name)?,
            grace: seconds_from(0.0, "grace", grace)?,
            overwrite: argument("overwrite", overwrite)?,
            delete_first: delete_first.iter().map(|id| key_id("delete_first", id)).collect::<PyResult<_>>()?,
            lease: seconds_from(0.0, "lease", lease)?,
            probe_timeout: seconds_from(0.0, "probe_timeout", probe_timeout)?,
        })))
    }

    /// Returns the call that performs an operation of the rotation. `verb` is the operation, such as `start`.
    fn call(&self, verb: &str) -> PyResult<Call> {
        let verb = RotationVerb::parse(verb).ok_or_else(|| PyValueError::new_err("there is no such verb"))?;
        Ok(Call(codat_keys_bindings::Call::Rotation(self.0.clone(), verb)))
    }
}

fn key_id(name: &str, id: &Bound<'_, PyAny>) -> PyResult<KeyId> {
    KeyId::parse(&text(name, id)?).map_err(|error| raise(id.py(), error))
}

/// A message of a rotation to Python: an event, or the request to run a function of a sink or of the journal store. The
/// rotation waits for the result of the function.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct RotationRequest {
    sink: Option<usize>,
    function: Option<Function>,
    event: Option<String>,
    reply: Mutex<Option<Reply>>,
}

impl RotationRequest {
    /// Returns the message for a request. A request to release a lock has no message. For such a request, returns the
    /// lock as the error.
    pub(crate) fn new(request: codat_keys_bindings::RotationRequest) -> Result<Self, Lock> {
        use codat_keys_bindings::RotationRequest;
        match request {
            RotationRequest::Event(event) => {
                Ok(Self { sink: None, function: None, event: Some(event), reply: Mutex::new(None) })
            }
            RotationRequest::Run(request) => Ok(Self {
                sink: request.sink,
                function: Some(request.function),
                event: None,
                reply: Mutex::new(Some(request.reply)),
            }),
            RotationRequest::Unlock(lock) => Err(lock),
        }
    }

    /// Reports to the rotation that the requested function was interrupted.
    pub(crate) fn abandon(&self) {
        self.reply(drop);
    }

    fn reply(&self, send: impl FnOnce(Reply)) {
        let reply = self.reply.lock().unwrap_or_else(PoisonError::into_inner).take();
        reply.map(send);
    }
}

#[pymethods]
impl RotationRequest {
    /// The index of the sink. `None` for a function of the journal store, and for an event.
    #[getter]
    fn sink(&self) -> Option<usize> {
        self.sink
    }

    /// The name of the function to run. `None` for an event.
    #[getter]
    fn function(&self) -> Option<&'static str> {
        self.function.as_ref().map(Function::name)
    }

    /// The arguments of the function.
    #[getter]
    fn arguments<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        match &self.function {
            None | Some(Function::Read) => Ok(PyTuple::empty(py)),
            Some(Function::Deliver(key) | Function::Confirm(key)) => (ApiKey(key.clone()),).into_pyobject(py),
            Some(Function::List(name) | Function::Lock(name)) => (name,).into_pyobject(py),
            Some(Function::Get(name, seq)) => (name, seq).into_pyobject(py),
            Some(Function::Create(name, seq, entry)) => (name, seq, PyBytes::new(py, entry)).into_pyobject(py),
        }
    }

    /// The event. `None` for the request to run a function.
    #[getter]
    fn event<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.event.as_ref().map(|event| json::parse(py, event)).transpose()
    }

    /// Passes the return value of the function to the rotation.
    fn complete(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(function) = &self.function else { return Ok(()) };
        if value.hasattr("__await__")? {
            let what = format!("{} returned {}, which only AsyncClient awaits", function.name(), kind(value));
            self.reply(|reply| reply.failed(what));
        } else if let (Function::Lock(_), true) = (function, value.is_callable()) {
            self.reply(|reply| reply.locked(Box::new(value.clone().unbind())));
        } else if let Some(returned) = returned(function, value) {
            self.reply(|reply| reply.returned(returned));
        } else {
            let what = format!("{} returned {}; return {}", function.name(), kind(value), expected(function));
            self.reply(|reply| reply.failed(what));
        }
        Ok(())
    }

    /// Passes the exception of the function to the rotation.
    fn fail(&self, raised: &Bound<'_, PyBaseException>) {
        let name = self.function().unwrap_or_default();
        let (text, error) = (format!("{name} raised {}", kind(raised)), PyErr::from_value(raised.clone().into_any()));
        self.reply(|reply| reply.raised(text, Arc::new(error)));
    }
}

/// Releases a lock of the journal store. `lock` contains the Python function that releases the lock.
pub(crate) fn unlock(py: Python<'_>, lock: &Lock) -> PyResult<()> {
    match lock.downcast_ref::<Py<PyAny>>() {
        Some(release) => call(release.bind(py), ()).map(drop),
        None => Ok(()),
    }
}

/// Converts what a function returned. Returns `None` if the value has a wrong type.
fn returned(function: &Function, value: &Bound<'_, PyAny>) -> Option<Returned> {
    match function {
        Function::Deliver(_) => Some(Returned::Nothing),
        Function::Read | Function::Get(..) | Function::Lock(_) if value.is_none() => Some(Returned::Nothing),
        Function::Read => content(value),
        Function::Get(..) => Some(Returned::Entry(value.cast::<PyBytes>().ok()?.as_bytes().to_vec())),
        Function::Confirm(_) | Function::Create(..) => Some(Returned::Yes(value.cast::<PyBool>().ok()?.is_true())),
        // `True` is not a valid result of `lock`.
        Function::Lock(_) => (!value.cast::<PyBool>().ok()?.is_true()).then_some(Returned::Yes(false)),
        Function::List(_) => Some(Returned::Numbers(value.cast::<PyList>().ok()?.extract().ok()?)),
    }
}

fn content(value: &Bound<'_, PyAny>) -> Option<Returned> {
    if let Ok(key) = value.cast::<ApiKey>() {
        return Some(Returned::Credential(Credential::ApiKey(key.get().0.clone())));
    }
    if let Ok(header) = value.cast::<AuthorizationHeader>() {
        return Some(Returned::Credential(Credential::Header(header.get().0.clone())));
    }
    Some(Returned::Text(value.cast::<PyString>().ok()?.to_string_lossy().into_owned()))
}

/// Describes the values that a function may return. The error for any other value contains this text.
fn expected(function: &Function) -> &'static str {
    match function {
        Function::Read => "the key as a str, an ApiKey or an AuthorizationHeader, or None",
        Function::Deliver(_) => "anything",
        Function::Confirm(_) => "True if the programs have the key, or False",
        Function::List(_) => "the numbers of the entries",
        Function::Get(..) => "the entry as bytes, or None",
        Function::Create(..) => "True if the entry was created, or False if it exists",
        Function::Lock(_) => "a function that releases the lock, False if another process holds it, or None",
    }
}
