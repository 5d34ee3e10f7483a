//! Converts the tracing events of a call to log records. Most log records report the result of an HTTP request.

use std::fmt::{Debug, Write as _};
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// A log record of a call. Most records report the end of an HTTP request. Such a record contains the duration of the
/// request, and the HTTP status or an error code. The other records report that the API key has changed, or that the
/// API key could not be read. Each record contains a message. If the call has started an HTTP request, the record also
/// contains the method and the path of the current or latest request.
#[derive(Clone, Default)]
pub struct Line {
    /// The HTTP method.
    pub method: String,
    /// The path of the request.
    pub path: String,
    /// What happened.
    pub text: String,
    /// The number of the HTTP request within its call. The first request has the number 1.
    pub attempt: u32,
    /// The duration of an attempt that ended.
    pub milliseconds: Option<u64>,
    /// The HTTP status of the response.
    pub status: Option<u64>,
    /// The correlation id of an error response.
    pub correlation_id: Option<String>,
    /// The error code. `None` if Codat responded.
    pub code: Option<String>,
    /// Whether Codat may have received the request. `None` if Codat responded.
    pub sent: Option<bool>,
}

/// Runs the future of a call, and passes the log records of the call to `listener`. If `listener` is `None`, no log
/// record is created.
pub async fn with_listener<T>(
    work: impl Future<Output = T>,
    listener: Option<impl Fn(Line) + Send + Sync + 'static>,
) -> T {
    match listener {
        Some(send) => work.with_subscriber(Listener { send, requests: Mutex::default() }).await,
        None => work.await,
    }
}

/// The tracing subscriber of one call.
struct Listener<F> {
    send: F,
    requests: Mutex<Requests>,
}

/// The HTTP requests of a call. Each request has a tracing span. The id of the span is the number of the request within
/// the call.
#[derive(Default)]
struct Requests {
    all: Vec<Line>,
    /// The number of the request whose future is being polled. `None` if no such future is being polled. A call that
    /// requests several pages at the same time polls the futures of these requests in turn.
    current: Option<usize>,
}

impl Requests {
    /// Returns the request whose future is being polled. If no such future is being polled, returns the latest request.
    fn current(&self) -> Line {
        self.current.map_or(self.all.last(), |number| self.all.get(number - 1)).cloned().unwrap_or_default()
    }
}

impl<F> Listener<F> {
    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Fn(Line) + Send + Sync + 'static> Subscriber for Listener<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("codat_keys") && *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut requests = self.requests();
        let number = requests.all.len() + 1;
        let mut request = Line { attempt: number as u32, ..Line::default() };
        span.record(&mut request);
        requests.all.push(request);
        Id::from_u64(number as u64)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = self.requests().current();
        event.record(&mut line);
        (self.send)(line);
    }

    // Ignores the fields that a span records after its creation, because the events contain the same fields.
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, span: &Id) {
        self.requests().current = usize::try_from(span.into_u64()).ok();
    }

    fn exit(&self, _: &Id) {
        self.requests().current = None;
    }
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
        match field.name() {
            "correlation_id" => self.correlation_id = Some(value.to_owned()),
            "code" => self.code = Some(value.to_owned()),
            _ => {}
        }
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "milliseconds" => self.milliseconds = Some(value),
            "status" => self.status = Some(value),
            _ => {}
        }
        self.record_debug(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "sent" {
            self.sent = Some(value);
        }
        self.record_debug(field, &value);
    }
}
