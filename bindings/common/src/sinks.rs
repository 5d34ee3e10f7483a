//! Sinks whose functions are written in Python or JavaScript.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use codat_keys::{ApiKey, Credential};
use codat_keys_rotate::{Content, Sink, SinkError, SinkFuture, Verification};
use tokio::sync::Mutex;

use crate::functions::{Ask, Function, FunctionError, FunctionRequest, Reply, Returned, RotationRequest};

/// The lock that a running function of a sink holds.
pub(crate) type Turn = Arc<Mutex<()>>;

/// A sink that consists of Python or JavaScript functions. The native module of the language runs the functions.
pub(crate) struct FunctionSink {
    /// The index of the sink in the rotation.
    pub(crate) index: usize,
    pub(crate) name: String,
    /// Whether the sink has the function `confirm` instead of `read`.
    pub(crate) confirms: bool,
    pub(crate) timeout: Duration,
    pub(crate) turn: Turn,
    pub(crate) ask: Ask,
}

impl FunctionSink {
    /// Waits until no function of this sink runs. Then requests a run of `function`, and waits for the result.
    async fn run(&self, function: Function) -> Result<Returned, SinkError> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let (reply, result) = Reply::new(&self.ask, Some(turn));
        (self.ask)(RotationRequest::Run(FunctionRequest { sink: Some(self.index), function, reply }));
        match result.await {
            Ok(result) => result.map_err(sink_error),
            // The function was interrupted. The rotation that waits for this future is about to be cancelled.
            Err(_) => pending().await,
        }
    }
}

impl Sink for FunctionSink {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        Box::pin(async { content(self.run(Function::Read).await?) })
    }

    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
        Box::pin(async { self.run(Function::Deliver(key.clone())).await.map(drop) })
    }

    fn verification(&self) -> Verification {
        if self.confirms { Verification::Confirm } else { Verification::ReadBack }
    }

    fn confirm<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, bool> {
        Box::pin(async {
            match self.run(Function::Confirm(key.clone())).await? {
                Returned::Yes(has_key) => Ok(has_key),
                _ => Err(sink_error(FunctionError::wrong_value())),
            }
        })
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }
}

/// Returns the content that the function `read` returned. A text that consists only of white space means that the sink
/// is empty.
fn content(returned: Returned) -> Result<Content, SinkError> {
    match returned {
        Returned::Nothing => Ok(Content::Nothing),
        Returned::Credential(credential) => Ok(Content::Credential(credential)),
        Returned::Text(text) if text.trim_ascii().is_empty() => Ok(Content::Nothing),
        Returned::Text(text) => {
            Ok(Credential::parse_line(&text).map_or_else(|_| Content::Other(text), Content::Credential))
        }
        _ => Err(sink_error(FunctionError::wrong_value())),
    }
}

/// Converts the error of a function to the error of a sink. If the function raised an exception, the error is
/// temporary. After a temporary error, the rotation calls the function again. It makes at most four calls.
fn sink_error(error: FunctionError) -> SinkError {
    match error.source {
        Some(source) => SinkError::temporary(error.text).with_source(source),
        None => SinkError::permanent(error.text),
    }
}
