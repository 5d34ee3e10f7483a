//! The result of creating a key.

use std::borrow::Cow;

use crate::domain::{ApiKeyDetails, Outcome};
use crate::error::{Error, ErrorKind};

/// A created key, and how this library identified the key.
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
    /// The details of the created key, including the API key itself.
    pub key: ApiKeyDetails,
    /// How this library identified the created key.
    pub how: How,
    /// The new keys with the requested name, except `key`. Earlier attempts may have created these keys. An empty list
    /// if no earlier attempt can have created a key. `None` if Codat's list of keys could not be read.
    pub extras: Option<Vec<ApiKeyDetails>>,
}

impl Creation {
    /// Creates a result. `listed` contains the new keys with the requested name, including `key`. `listed` is `None`
    /// if the keys could not be listed.
    pub(super) fn new(key: ApiKeyDetails, how: How, listed: Option<Vec<ApiKeyDetails>>) -> Self {
        let extras = listed.map(|keys| keys.into_iter().filter(|extra| extra.id != key.id).collect());
        Self { key, how, extras }
    }
}

/// How this library identified the key of a [`Creation`].
///
/// The enum is exhaustive, so that the compiler reports each `match` that does not handle a new variant.
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
    /// The response contained the key. No earlier attempt can have created a key.
    Created,
    /// The response to a repeated request contained the key. An earlier attempt with the same idempotency key may have
    /// created it.
    Replayed,
    /// The response was lost. A list of the keys then contained exactly one new key with the requested name. The
    /// operation returned this key, because the caller set [`adopt`](crate::Create::adopt). With `adopt`, the caller
    /// states that no other program creates keys with this name.
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
pub(super) fn outcome_unknown(cause: Error, outcome: Outcome) -> Error {
    let hint = match &outcome.idempotency_key {
        Some(key) if outcome.can_resume => format!(
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

/// Returns the error for an operation that ended before its first attempt. Either the idempotency key was too old, or
/// no time was left for an attempt.
pub(super) fn not_sent(is_key_too_old: bool) -> Error {
    if is_key_too_old {
        let text = "the idempotency key is older than 85 minutes, and Codat forgets it after 90";
        return Error::new(ErrorKind::InvalidInput, text);
    }
    Error::new(ErrorKind::Timeout, "no time was left to ask for the key; nothing was sent")
}
