//! A JavaScript function as a credential provider. The function runs in the environment of the call that needs the key.

use std::future::pending;

use codat_keys::{Credential, KeyProvider, Reading};
use tokio::sync::oneshot;

const SOURCE: &str = "the function given as `apiKey`";

pub(crate) type CallbackResult = Result<Credential, Box<dyn std::error::Error + Send + Sync>>;
/// Sends a request for the key to the environment of a call. The argument receives the result.
pub(crate) type SendRequest = Box<dyn Fn(oneshot::Sender<CallbackResult>) + Send + Sync>;

tokio::task_local! {
    /// Requests the key for the call that is being polled.
    pub(crate) static SEND_REQUEST: SendRequest;
}

/// The credential provider. `node/src/key-callback.ts` holds the function itself.
pub(crate) struct KeyFunction;

impl KeyProvider for KeyFunction {
    fn source(&self) -> &str {
        SOURCE
    }

    fn read(&self) -> Reading<'_> {
        let (tx, rx) = oneshot::channel();
        Box::pin(async move {
            let _ = SEND_REQUEST.try_with(|send| send(tx));
            match rx.await {
                Ok(result) => result,
                // The environment is gone, and its calls are dropped.
                Err(_) => pending().await,
            }
        })
    }
}

/// Parses the text that the function returned.
pub(crate) fn returned(text: &str) -> CallbackResult {
    Ok(Credential::parse_from(&format!("what {SOURCE} returned"), text)?)
}
