//! Passes the tracing events of the Rust client to Python's logger `codat_keys`. Events are recorded only if the logger
//! is enabled. Only threads of Python call the logger, so that the native thread does not wait for the GIL.

use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use codat_keys::Error;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::calls::{Outcome, Work};

/// The value of Python's `logging.DEBUG`.
const DEBUG: u8 = 10;

/// A log record: the method and path of an HTTP request, and the text of the message.
#[derive(Clone, Default)]
pub(crate) struct Line {
    method: String,
    path: String,
    text: String,
}

/// Runs the future of a call, and passes the log records of the call to `listener`.
pub(crate) async fn with_listener(
    work: Work,
    listener: Option<impl Fn(Line) + Send + Sync + 'static>,
) -> Option<Result<Outcome, Error>> {
    match listener {
        Some(send) => work.with_subscriber(Listener { send, request: Mutex::default() }).await,
        None => work.await,
    }
}

/// Whether the logger `codat_keys` is enabled for `DEBUG`.
pub(crate) fn is_enabled(py: Python<'_>) -> PyResult<bool> {
    logger(py)?.call_method1("isEnabledFor", (DEBUG,))?.is_truthy()
}

/// Passes a log record to Python's logger. The record's `args` contain the method, the path and the text.
pub(crate) fn write(py: Python<'_>, line: &Line) -> PyResult<()> {
    logger(py)?.call_method1("debug", ("%s %s: %s", &line.method, &line.path, &line.text))?;
    Ok(())
}

fn logger(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let logger = LOGGER
        .get_or_try_init(py, || py.import("logging")?.call_method1("getLogger", ("codat_keys",)).map(Bound::unbind))?;
    Ok(logger.bind(py))
}

/// The tracing subscriber of one call. It stores only one HTTP request, because a call sends its HTTP requests one
/// after the other.
struct Listener<F> {
    send: F,
    request: Mutex<Line>,
}

impl<F> Listener<F> {
    fn request(&self) -> MutexGuard<'_, Line> {
        self.request.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Fn(Line) + Send + Sync + 'static> Subscriber for Listener<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("codat_keys") && *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line::default();
        span.record(&mut line);
        *self.request() = line;
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = self.request().clone();
        event.record(&mut line);
        (self.send)(line);
    }

    // Ignores the fields that a span records after its creation, because the events contain the same fields.
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "method" => self.method = format!("{value:?}"),
            "path" => self.path = format!("{value:?}"),
            "message" => self.text = format!("{value:?}{}", self.text),
            name => drop(write!(self.text, ", {name}={value:?}")),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
