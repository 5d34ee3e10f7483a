//! The data of an error whose change has an unknown outcome.

use std::fmt;

use super::key::ApiKeyDetails;
use super::misplaced::mask_credentials;
use crate::error::{Error, ErrorKind};

/// What is known about a change whose outcome is not ([`ErrorKind::OutcomeUnknown`]).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// use codat_keys::KeyName;
///
/// # emulator.set_faults(r#"{"faults":[{"method":"POST","fault":"drop-after","count":4}]}"#).unwrap();
/// // Here every answer was lost, and one key was made.
/// let name = KeyName::parse("invoice-processor")?;
/// let error = client.keys().create(&name).await.unwrap_err();
/// let known = error.outcome().expect("the outcome is unknown");
/// assert_eq!(known.candidates.as_ref().map(Vec::len), Some(1));
///
/// let key = known.idempotency_key.as_deref().expect("a create has one");
/// client.keys().create(&name).idempotency_key(key).await?; // resumes it
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone)]
pub struct Outcome {
    /// The `Idempotency-Key` under which a key was requested. `None` for a deletion.
    pub idempotency_key: Option<String>,
    /// The keys that may be the requested one: those of its name that are new since the call began. `None` if the keys
    /// could not be listed, which differs from an empty list.
    pub candidates: Option<Vec<ApiKeyDetails>>,
}

impl Error {
    /// For [`ErrorKind::OutcomeUnknown`]: what is known about the change. The error's `source` is its cause.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.detail()
    }

    /// Wraps the error of an attempt that may have taken effect. Such an error is never returned as itself.
    pub(crate) fn into_outcome_unknown(self, outcome: Outcome) -> Self {
        self.into_kind(ErrorKind::OutcomeUnknown).with_detail(outcome)
    }
}

impl fmt::Debug for Outcome {
    /// An idempotency key that the caller chose may be a credential by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("idempotency_key", &self.idempotency_key.as_deref().map(mask_credentials))
            .field("candidates", &self.candidates)
            .finish()
    }
}
