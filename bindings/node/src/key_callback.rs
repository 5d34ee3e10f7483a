//! The key callback: a JavaScript function that provides the API key. The callback runs in the JavaScript environment
//! of the call that needs the key, which is the main thread or a worker.

use std::future::pending;

use codat_keys::{Credential, CredentialFuture, KeyProvider};
use tokio::sync::oneshot;

const SOURCE: &str = "the function given as `apiKey`";

pub(crate) type CallbackResult = Result<Credential, Box<dyn std::error::Error + Send + Sync>>;
/// A function that asks JavaScript to run the key callback. The argument of the function is the channel for the result
/// of the callback.
pub(crate) type SendRequest = Box<dyn Fn(oneshot::Sender<CallbackResult>) + Send + Sync>;

tokio::task_local! {
    /// Asks JavaScript to run the key callback. Each running call sets this task-local function for its own future.
    pub(crate) static SEND_REQUEST: SendRequest;
}

/// Reads the API key of a client by running its key callback in JavaScript. `node/src/key-callback.ts` contains the
/// JavaScript part.
pub(crate) struct KeyFunction;

impl KeyProvider for KeyFunction {
    fn source(&self) -> &str {
        SOURCE
    }

    fn read(&self) -> CredentialFuture<'_> {
        let (tx, rx) = oneshot::channel();
        Box::pin(async move {
            let _ = SEND_REQUEST.try_with(|send| send(tx));
            match rx.await {
                Ok(result) => result,
                // The JavaScript environment has ended, and the call that waits for this future is about to be dropped.
                Err(_) => pending().await,
            }
        })
    }
}

/// Parses the text that the key callback returned.
pub(crate) fn returned(text: &str) -> CallbackResult {
    Ok(Credential::parse_from(&format!("what {SOURCE} returned"), text)?)
}
