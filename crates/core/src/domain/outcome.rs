//! The data of an error for a request that may have taken effect.

use std::fmt;

use super::key::ApiKeyDetails;
use super::misplaced::mask_credentials;
use crate::error::{Error, ErrorKind};

/// What is known about a request that may have taken effect, such as a creation whose response was lost. Errors of the
/// kind [`ErrorKind::OutcomeUnknown`] contain this value.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// # emulator.set_faults(r#"{"faults":[{"method":"POST","fault":"drop-after","count":4}]}"#).unwrap();
/// // In this example, every response is lost, and one key is created.
/// let name = "invoice-processor";
/// let error = client.keys().create(name).await.unwrap_err();
/// let known = error.outcome().expect("the outcome is unknown");
/// assert_eq!(known.candidates.as_ref().map(Vec::len), Some(1));
///
/// let key = known.idempotency_key.as_deref().expect("a creation has one");
/// client.keys().create(name).idempotency_key(key).await?; // resumes it
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone)]
pub struct Outcome {
    /// The idempotency key of the request. `None` for a request without an idempotency key, such as a deletion.
    pub idempotency_key: Option<String>,
    /// The keys that the request may have created: new keys with the requested name. `None` if the keys could not be
    /// listed.
    pub candidates: Option<Vec<ApiKeyDetails>>,
    /// Whether the request can be resumed with the idempotency key. False if there is no idempotency key, or if the
    /// idempotency key is older than 85 minutes. Also false if Codat has stored an error response for the idempotency
    /// key, because Codat would return this response again.
    pub can_resume: bool,
}

impl Error {
    /// Returns what is known about a request that may have taken effect. Returns `None` for an error of another kind
    /// than [`ErrorKind::OutcomeUnknown`]. The method `source` of the error returns its cause, such as the error of the
    /// last attempt.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.detail()
    }

    /// Wraps the error of an attempt in an `OutcomeUnknown` error. Used if it is unknown whether the attempt took
    /// effect.
    pub(crate) fn into_outcome_unknown(self, outcome: Outcome) -> Self {
        self.into_kind(ErrorKind::OutcomeUnknown).with_detail(outcome)
    }
}

impl fmt::Debug for Outcome {
    /// Masks the idempotency key if it looks like a credential: a program can pass a credential as the idempotency key
    /// by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("idempotency_key", &self.idempotency_key.as_deref().map(mask_credentials))
            .field("candidates", &self.candidates)
            .field("can_resume", &self.can_resume)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_that_is_a_key_is_masked() {
        let key = "MadeUpKeyForTheTests0123456789abcdefGhIj";
        let outcome = Outcome { idempotency_key: Some(key.into()), candidates: None, can_resume: true };
        let error = Error::of(ErrorKind::Timeout).into_outcome_unknown(outcome);
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        let outcome = error.outcome().expect("an outcome");
        assert_eq!(outcome.idempotency_key.as_deref(), Some(key));
        let shown = "Outcome { idempotency_key: Some(\"****\"), candidates: None, can_resume: true }";
        assert_eq!(format!("{outcome:?}"), shown);
        assert!(Error::of(ErrorKind::Timeout).outcome().is_none());
    }
}
