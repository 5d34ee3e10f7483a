//! A function of JavaScript's as a source of keys. The call that needs a key asks in the environment that waits for it.

use std::fmt;
use std::future::pending;

use codat_keys::{Credential, KeyProvider, Reading};
use tokio::sync::oneshot;

const SOURCE: &str = "the function given as `apiKey`";

pub(crate) type Answer = Result<Credential, Box<dyn std::error::Error + Send + Sync>>;
/// Passes on who waits for an answer.
pub(crate) type Ask = Box<dyn Fn(oneshot::Sender<Answer>) + Send + Sync>;

tokio::task_local! {
    /// The way of the call that is polled.
    pub(crate) static ASK: Ask;
}

/// The function, which stands in `node/src/asking.ts`.
pub(crate) struct KeyFunction;

impl KeyProvider for KeyFunction {
    fn source(&self) -> &str {
        SOURCE
    }

    fn read(&self) -> Reading<'_> {
        let (answer, answered) = oneshot::channel();
        Box::pin(async move {
            let _ = ASK.try_with(|ask| ask(answer));
            match answered.await {
                Ok(answer) => answer,
                // Its environment is gone, and takes the call along.
                Err(_) => pending().await,
            }
        })
    }
}

/// What the function returned.
pub(crate) fn returned(text: &str) -> Answer {
    Ok(Credential::parse_from(&format!("what {SOURCE} returned"), text)?)
}

/// Why it did not. What it threw is kept under the number of the question, in `node/src/thrown.ts`.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    pub(crate) question: i64,
    pub(crate) text: String,
}

impl std::error::Error for NoAnswer {}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
