//! The protocol of the key callback. The key callback is a Python or JavaScript function that returns the API key. When
//! a call needs the API key, it passes a [`KeyReply`] to the native module of the Python or Node package. The native
//! module runs the function, and passes the result to the [`KeyReply`]. The call then receives the result.

use std::future::{Future, pending};

use codat_keys::{Credential, CredentialFuture, KeyProvider};
use tokio::sync::oneshot;

use crate::errors::CallbackError;

type CallbackResult = Result<Credential, Box<dyn std::error::Error + Send + Sync>>;
/// A function that requests a run of the key callback. The [`KeyReply`] receives the result.
type Ask = Box<dyn Fn(KeyReply) + Send + Sync>;

tokio::task_local! {
    /// The function that requests a run of the key callback for the running call. Each call sets this task-local value
    /// for its own future.
    static ASK: Ask;
}

/// Runs the future of a call. When the call needs the API key, it calls `ask` to request a run of the key callback.
/// `ask` is `None` if the client has no key callback.
pub async fn with_key_callback<T>(
    ask: Option<impl Fn(KeyReply) + Send + Sync + 'static>,
    work: impl Future<Output = T>,
) -> T {
    match ask {
        Some(ask) => ASK.scope(Box::new(ask), work).await,
        None => work.await,
    }
}

/// The source of the API key for a client with a key callback. The source does not contain the callback. Otherwise, the
/// garbage collector of Python or JavaScript could not free a client and a callback that refer to each other.
#[derive(Clone)]
pub struct KeyCallback(String);

impl KeyCallback {
    /// Creates the source. `option` is the name of the client option for the key callback. Error messages contain this
    /// name.
    pub fn new(option: &str) -> Self {
        Self(format!("the function given as `{option}`"))
    }
}

impl KeyProvider for KeyCallback {
    fn source(&self) -> &str {
        &self.0
    }

    /// Requests a run of the key callback, and waits for the result. If the call that needs the API key is cancelled,
    /// the returned future is dropped.
    fn read(&self) -> CredentialFuture<'_> {
        let (tx, rx) = oneshot::channel();
        let reply = KeyReply { place: format!("what {} returned", self.0), tx };
        // `unconstrained` removes tokio's task budget. The callback can make blocking calls of another client, which
        // the core rejects in a task with a budget.
        Box::pin(tokio::task::unconstrained(async move {
            let _ = ASK.try_with(|ask| ask(reply));
            match rx.await {
                Ok(result) => result,
                // The caller has ended, and the call that waits for this future is about to be dropped.
                Err(_) => pending().await,
            }
        }))
    }
}

/// Sends the result of one run of the key callback to the call that needs the API key. Has no effect if that call no
/// longer waits for the result.
pub struct KeyReply {
    place: String,
    tx: oneshot::Sender<CallbackResult>,
}

impl KeyReply {
    /// Sends the credential that the callback returned.
    pub fn returned(self, credential: Credential) {
        self.send(Ok(credential));
    }

    /// Sends the text that the callback returned: an API key or the value of an `Authorization` header.
    pub fn returned_text(self, text: &str) {
        let credential = Credential::parse_from(&self.place, text).map_err(Into::into);
        self.send(credential);
    }

    /// Sends an error, because the callback returned no credential. `why` is the message of the error.
    pub fn failed(self, why: String) {
        self.send(Err(why.into()));
    }

    /// Sends an error, because the callback raised an exception. `raised` represents the exception. `text` is the
    /// message of the error, and does not contain the message of the exception.
    pub fn raised<R: Send + Sync + 'static>(self, text: String, raised: R) {
        self.send(Err(Box::new(CallbackError { text, raised })));
    }

    /// Returns whether the call that needs the API key no longer waits for the result.
    pub fn is_abandoned(&self) -> bool {
        self.tx.is_closed()
    }

    fn send(self, result: CallbackResult) {
        // Sending fails if the call was cancelled.
        drop(self.tx.send(result));
    }
}
