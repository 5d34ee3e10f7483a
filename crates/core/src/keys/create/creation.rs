//! The result of creating a key: the key, and whether a response or a list of the keys identified it.

use std::borrow::Cow;

use crate::domain::{ApiKeyDetails, Outcome};
use crate::error::{Error, ErrorKind};

/// A created key, and whether a response or a list of the keys identified it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// let made = client.keys().create("invoice-processor").await?;
/// println!("{} is {:?}", made.key.id, made.key.api_key); // ApiKey(****kGHd)
/// assert!(made.extras.is_some_and(|extras| extras.is_empty()));
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Creation {
    /// The details of the key, including the key itself.
    pub key: ApiKeyDetails,
    /// How this library identified the key.
    pub how: How,
    /// The other keys with the same name that have appeared since the operation began. Empty if no earlier attempt can
    /// have created a key, because the keys are then not listed after the response. `None` if the keys could not be
    /// listed.
    pub extras: Option<Vec<ApiKeyDetails>>,
}

impl Creation {
    /// Creates a result. `listed` contains the keys with the requested name that have appeared since the operation
    /// began, which may include `key`. `None` if the keys could not be listed.
    pub(super) fn new(key: ApiKeyDetails, how: How, listed: Option<Vec<ApiKeyDetails>>) -> Self {
        let extras = listed.map(|keys| keys.into_iter().filter(|extra| extra.id != key.id).collect());
        Self { key, how, extras }
    }
}

/// How this library identified the key of a [`Creation`].
///
/// The enum is exhaustive: a further variant would change what a caller must check, which is a breaking change.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// use codat_keys::How;
///
/// # emulator.set_faults(r#"{"faults":[{"method":"POST","fault":"drop-after"}]}"#).unwrap();
/// // In this example, the first response is lost.
/// let made = client.keys().create("invoice-processor").await?;
/// assert_eq!((made.how, made.how.code()), (How::Replayed, "replayed"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The response contained the key, and no earlier attempt can have created a key.
    Created,
    /// An earlier attempt may have created the key. A later response to a request with the same idempotency key
    /// contained the key.
    Replayed,
    /// No response contained the key, but exactly one new key has the requested name. The caller is the sole creator of
    /// keys with this name (see [`adopt`](crate::Create::adopt)), so this must be the created key.
    Adopted,
}

impl How {
    /// Returns a stable identifier: `created`, `replayed` or `adopted`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replayed => "replayed",
            Self::Adopted => "adopted",
        }
    }
}

/// Returns the error for an operation that may have created a key.
pub(super) fn outcome_unknown(cause: Error, outcome: Outcome, can_resume: bool) -> Error {
    let hint = match &outcome.idempotency_key {
        Some(key) if can_resume => format!(
            "create again with the same name and the idempotency key {key} within 85 minutes of its first use: that makes \
             at most one key; or list the keys and delete what should not be there"
        )
        .into(),
        _ => Cow::Borrowed(
            "list the keys: delete a new one that you did not ask for, or, where there is none, create again with a new \
             idempotency key",
        ),
    };
    cause.into_outcome_unknown(outcome).with_hint(hint)
}

/// Returns the error for an operation that ended before its first attempt, because the idempotency key was too old or
/// no time was left.
pub(super) fn not_sent(is_key_too_old: bool) -> Error {
    if is_key_too_old {
        let text = "the idempotency key is older than 85 minutes, and Codat forgets it after 90";
        return Error::new(ErrorKind::InvalidInput, text);
    }
    Error::new(ErrorKind::Timeout, "no time was left to ask for the key; nothing was sent")
}
