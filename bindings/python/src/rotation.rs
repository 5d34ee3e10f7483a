//! The native part of rotations. The functions of the sinks run in Python.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use codat_keys::{Credential, KeyId};
use codat_keys_bindings::{RotationOptions, RotationVerb, SinkOptions, SinkReply, SinkRequest};
use pyo3::exceptions::{PyBaseException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::arguments::{argument, kind, seconds_from, text};
use crate::calls::Call;
use crate::errors::raise;
use crate::json;
use crate::secrets::{ApiKey, AuthorizationHeader};

/// The shortest timeout of a sink, in seconds.
const SHORTEST_TIMEOUT: f64 = 0.001;

/// The checked options of a rotation.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct RotationCore(codat_keys_bindings::Rotation);

#[pymethods]
impl RotationCore {
    /// `sinks` contains the name and the timeout of each sink.
    #[new]
    #[pyo3(signature = (sinks, *, key, journal, journal_name, name, grace, overwrite, delete_first))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments")]
    fn new(
        sinks: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)>,
        key: &Bound<'_, PyAny>,
        journal: &Bound<'_, PyAny>,
        journal_name: &Bound<'_, PyAny>,
        name: &Bound<'_, PyAny>,
        grace: &Bound<'_, PyAny>,
        overwrite: &Bound<'_, PyAny>,
        delete_first: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let sinks = sinks.iter().map(|(name, timeout)| {
            let timeout = seconds_from(SHORTEST_TIMEOUT, "timeout", timeout)?;
            Ok(SinkOptions { name: argument("name", name)?, timeout })
        });
        let delete_first: Vec<Bound<'_, PyAny>> = argument("delete_first", delete_first)?;
        Ok(Self(codat_keys_bindings::Rotation::new(RotationOptions {
            sinks: sinks.collect::<PyResult<_>>()?,
            key: (!key.is_none()).then(|| key_id("key", key)).transpose()?,
            journal: argument::<Option<PathBuf>>("journal", journal)?,
            journal_name: argument("journal_name", journal_name)?,
            name: argument("name", name)?,
            grace: seconds_from(0.0, "grace", grace)?,
            overwrite: argument("overwrite", overwrite)?,
            delete_first: delete_first.iter().map(|id| key_id("delete_first", id)).collect::<PyResult<_>>()?,
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

/// A message of a rotation to Python: an event, or the request to run a function of a sink. The rotation waits for the
/// result of the function.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct RotationRequest {
    sink: Option<usize>,
    key: Option<codat_keys::ApiKey>,
    event: Option<String>,
    reply: Mutex<Option<SinkReply>>,
}

impl From<codat_keys_bindings::RotationRequest> for RotationRequest {
    fn from(request: codat_keys_bindings::RotationRequest) -> Self {
        use codat_keys_bindings::RotationRequest;
        match request {
            RotationRequest::Event(event) => {
                Self { sink: None, key: None, event: Some(event), reply: Mutex::new(None) }
            }
            RotationRequest::Sink(index, SinkRequest { key, reply }) => {
                Self { sink: Some(index), key, event: None, reply: Mutex::new(Some(reply)) }
            }
        }
    }
}

impl RotationRequest {
    fn reply(&self, send: impl FnOnce(SinkReply)) {
        let reply = self.reply.lock().unwrap_or_else(PoisonError::into_inner).take();
        reply.map(send);
    }
}

#[pymethods]
impl RotationRequest {
    /// The index of the sink. `None` for an event.
    #[getter]
    fn sink(&self) -> Option<usize> {
        self.sink
    }

    /// The key to deliver. `None` if the sink is to be read.
    #[getter]
    fn key(&self) -> Option<ApiKey> {
        self.key.clone().map(ApiKey)
    }

    /// The event. `None` for the request to run a function.
    #[getter]
    fn event<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.event.as_ref().map(|event| json::parse(py, event)).transpose()
    }

    /// Passes the return value of the function to the rotation.
    fn complete(&self, returned: &Bound<'_, PyAny>) -> PyResult<()> {
        let name = if self.key.is_some() { "deliver" } else { "read" };
        if returned.hasattr("__await__")? {
            let what = format!("{name} returned {}, which only AsyncClient awaits", kind(returned));
            self.reply(|reply| reply.failed(what));
        } else if self.key.is_some() || returned.is_none() {
            self.reply(|reply| reply.returned(None));
        } else if let Ok(key) = returned.cast::<ApiKey>() {
            self.reply(|reply| reply.returned(Some(Credential::ApiKey(key.get().0.clone()))));
        } else if let Ok(header) = returned.cast::<AuthorizationHeader>() {
            self.reply(|reply| reply.returned(Some(Credential::Header(header.get().0.clone()))));
        } else if let Ok(text) = returned.cast::<PyString>() {
            self.reply(|reply| reply.returned_text(&text.to_string_lossy()));
        } else {
            let instead = "return the key as a str, an ApiKey or an AuthorizationHeader, or None";
            self.reply(|reply| reply.failed(format!("{name} returned {}; {instead}", kind(returned))));
        }
        Ok(())
    }

    /// Passes the exception of the function to the rotation.
    fn fail(&self, raised: &Bound<'_, PyBaseException>) {
        let name = if self.key.is_some() { "deliver" } else { "read" };
        let (text, error) = (format!("{name} raised {}", kind(raised)), PyErr::from_value(raised.clone().into_any()));
        self.reply(|reply| reply.raised(text, Arc::new(error)));
    }
}
