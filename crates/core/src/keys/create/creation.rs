//! What comes of a creation.

use crate::domain::ApiKeyDetails;

/// A key that was created, and how we know that it is the one.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// let made = client.keys().create(&codat_keys::KeyName::parse("invoice-processor")?).await?;
/// println!("{} is {:?}", made.key.id, made.key.api_key); // ApiKey(****kGHd)
/// assert!(made.extras.is_some_and(|extras| extras.is_empty()));
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Creation {
    /// The key. Its secret is in it.
    pub key: ApiKeyDetails,
    /// How it came about.
    pub how: How,
    /// Keys of the same name that are new besides this one. After a smooth creation nobody looks and it is empty;
    /// `None` where looking failed, which is not the same.
    pub extras: Option<Vec<ApiKeyDetails>>,
}

/// How a [`Creation`] came about.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// use codat_keys::{How, KeyName};
///
/// # emulator.set_faults(r#"{"faults":[{"method":"POST","fault":"drop-after"}]}"#).unwrap();
/// // Here the first answer was lost.
/// let made = client.keys().create(&KeyName::parse("invoice-processor")?).await?;
/// assert_eq!((made.how, made.how.code()), (How::Replayed, "replayed"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The first answer held the key.
    Created,
    /// An earlier attempt may have made it; a later answer to the same idempotency key held it.
    Replayed,
    /// No answer held it; it is the one new key of this name, and the caller is the sole creator.
    Adopted,
}

impl How {
    /// As a stable identifier: `created`, `replayed`, `adopted`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replayed => "replayed",
            Self::Adopted => "adopted",
        }
    }
}
