//! Sinks that are pairs of Python or JavaScript functions. When a rotation needs such a function, it passes a
//! [`SinkReply`] to the native module of the Python or Node package. The native module runs the function, and passes
//! the result to the [`SinkReply`].

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use codat_keys::{ApiKey, Credential};
use codat_keys_rotate::{Content, Sink, SinkError, SinkFuture};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::errors::CallbackError;

/// A function that passes a request to the native module.
pub(crate) type Ask = Arc<dyn Fn(RotationRequest) + Send + Sync>;

tokio::task_local! {
    /// The function that passes requests of the running rotation to the native module. Each call sets this task-local
    /// value for its own future.
    static ASK: Ask;
}

/// Runs the future of a call. A run of a rotation calls `ask` to run the functions of its sinks, and to report its
/// events. `ask` is `None` for every other call.
pub async fn with_sinks<T>(
    ask: Option<impl Fn(RotationRequest) + Send + Sync + 'static>,
    work: impl Future<Output = T>,
) -> T {
    match ask {
        Some(ask) => ASK.scope(Arc::new(ask), work).await,
        None => work.await,
    }
}

/// What a rotation asks the native module.
pub enum RotationRequest {
    /// Run a function of the sink with this index.
    Sink(usize, SinkRequest),
    /// Pass this event to the event handler of the rotation. The event is JSON.
    Event(String),
}

/// A request to run a function of a sink.
pub struct SinkRequest {
    /// The key to deliver. `None` if the sink is to be read.
    pub key: Option<ApiKey>,
    /// Receives the result of the function.
    pub reply: SinkReply,
}

/// Returns the function that passes requests of the running call to the native module.
pub(crate) fn current_ask() -> Ask {
    ASK.try_with(Arc::clone).unwrap_or_else(|_| Arc::new(drop))
}

/// A sink whose functions the native module runs.
pub(crate) struct FunctionSink {
    /// The index of the sink in the rotation.
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) timeout: Duration,
    /// The lock that a running function of the sink holds.
    pub(crate) turn: Arc<Mutex<()>>,
    pub(crate) ask: Ask,
}

impl FunctionSink {
    /// Waits until no function of the sink is running. Then requests a run of a function, and waits for the result.
    fn call(&self, key: Option<&ApiKey>) -> SinkFuture<'_, Content> {
        let key = key.cloned();
        Box::pin(async move {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let (tx, rx) = oneshot::channel();
            (self.ask)(RotationRequest::Sink(self.index, SinkRequest { key, reply: SinkReply { tx, _turn: turn } }));
            match rx.await {
                Ok(result) => result,
                // The function was interrupted, and the run that waits for this future is about to be cancelled.
                Err(_) => pending().await,
            }
        })
    }
}

impl Sink for FunctionSink {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        self.call(None)
    }

    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
        Box::pin(async move { self.call(Some(key)).await.map(drop) })
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }
}

/// Receives the result of one run of the function of a sink. Has no effect if the rotation does not wait for the result
/// any more. Until the reply is sent or dropped, no other function of the sink runs.
pub struct SinkReply {
    tx: oneshot::Sender<Result<Content, SinkError>>,
    _turn: OwnedMutexGuard<()>,
}

impl SinkReply {
    /// The function succeeded. `credential` is the content of the sink. It is `None` if the sink is empty, or if the
    /// function has delivered a key to the sink.
    pub fn returned(self, credential: Option<Credential>) {
        self.send(Ok(credential.map_or(Content::Nothing, Content::Credential)));
    }

    /// The function that reads the sink returned a text: an API key, the value of an `Authorization` header, or any
    /// other content. White space alone means that the sink is empty.
    pub fn returned_text(self, text: &str) {
        self.send(Ok(match text.trim_ascii().is_empty() {
            true => Content::Nothing,
            false => Credential::parse_line(text).map_or_else(|_| Content::Other(text.into()), Content::Credential),
        }));
    }

    /// The function returned a value of a wrong type. `why` is the message of the error.
    pub fn failed(self, why: String) {
        self.send(Err(SinkError::permanent(why)));
    }

    /// The function raised the exception that `raised` represents. `text` describes the error, without the message of
    /// the exception. The rotation runs the function up to four times, because the cause may be temporary.
    pub fn raised<R: Send + Sync + 'static>(self, text: String, raised: R) {
        let source = CallbackError { text: text.clone(), raised };
        self.send(Err(SinkError::temporary(text).with_source(source)));
    }

    fn send(self, result: Result<Content, SinkError>) {
        // Sending fails if the rotation has stopped to wait.
        drop(self.tx.send(result));
    }
}
