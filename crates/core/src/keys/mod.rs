//! The operations on API keys: list, get, find, create and delete.

pub(crate) mod create;
mod delete;
mod operation;
pub mod state_machines;

use std::fmt;
use std::future::{Future, IntoFuture};

use crate::cancel::Cancellation;
use crate::domain::{ApiKeyDetails, KeyId, KeyName, rules};
use crate::error::Error;
use crate::handle::{Handle, Pending};
use create::CreateOptions;

pub use create::{Creation, How};

/// The operations on the API keys of a Codat client, returned by [`Client::keys`](crate::Client::keys).
///
/// Every operation can also return `Unauthorized`, `PaymentRequired`, `Forbidden`, `RateLimited`, `Server`, `Connect`,
/// `Timeout`, `BadResponse` or `TooLarge`.
///
/// A request is retried after a lost connection and after the statuses 408, 429, 500, 502, 503 and 504. An operation
/// makes at most 4 attempts. Before a retry, it waits for a random time of up to 250 ms, 500 ms and 1 s, or for the
/// time that `Retry-After` asks for. If that time exceeds the remaining time, the operation returns the error
/// immediately, and [`Error::retry_after`] returns the time.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// use codat_keys::KeyName;
///
/// let keys = client.keys();
/// let made = keys.create(&KeyName::parse("invoice-processor")?).await?;
/// assert_eq!(keys.get(&made.key.id).await?, made.key);
/// assert_eq!(keys.find("invoice-processor").await?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Keys<'a, C = Handle> {
    pub(crate) client: &'a C,
}

impl<C> Clone for Keys<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Keys<'_, C> {}

impl Keys<'_> {
    /// Returns all keys, at most ten, in Codat's order. Each entry includes the key itself, because Codat's response
    /// contains it.
    ///
    /// # Errors
    /// The errors listed at [`Keys`].
    pub async fn list(&self) -> Result<Vec<ApiKeyDetails>, Error> {
        self.client.list_keys(self.client.read_deadline()).await
    }

    /// Returns the key with this id. Codat has no such operation, so this method lists the keys and searches the list.
    ///
    /// # Errors
    /// `NotFound`, and the errors listed at [`Keys`].
    pub async fn get(&self, id: &KeyId) -> Result<ApiKeyDetails, Error> {
        rules::find(&self.list().await?, id).cloned()
    }

    /// Returns all keys with exactly this name. Several keys can have the same name.
    ///
    /// # Errors
    /// The errors listed at [`Keys`].
    pub async fn find(&self, name: &str) -> Result<Vec<ApiKeyDetails>, Error> {
        let mut keys = self.list().await?;
        keys.retain(|key| key.is_named(name));
        Ok(keys)
    }
}

impl<'a, C> Keys<'a, C> {
    /// Creates exactly one key with this name. Await the result. With a blocking client, call `send` on the result.
    ///
    /// The operation lists the keys first. If there are already ten, it does not send the request. Otherwise it sends
    /// the request with an `Idempotency-Key` (a UUID of version 7). It repeats the request with the same idempotency
    /// key until a response is conclusive: at most 4 attempts of 15 s each, 60 s in total.
    ///
    /// # Errors
    /// `KeyLimitReached`. `OutcomeUnknown` if an attempt may have created a key and no response or listing shows
    /// whether it did: [`Error::outcome`] returns the candidates, and the idempotency key with which the operation can
    /// be resumed. Also the errors listed at [`Keys`], which all mean that nothing was created.
    ///
    /// This library assumes that Codat honours the idempotency key for this operation. As a second check, it lists the
    /// keys after an ambiguous response. In one case, which only Codat could prevent, the operation can create two
    /// keys: a 429 releases the idempotency key while the first attempt is still running.
    pub fn create(&self, name: &KeyName) -> Create<'a, C> {
        let options = CreateOptions { name: name.clone(), adopt: false, idempotency_key: None };
        Create { client: self.client, options, cancellation: None }
    }

    /// Deletes the key with this id permanently. Await the result. With a blocking client, call `send` on the result.
    ///
    /// The operation lists the keys first. It does not delete the last key or the key in use. If a response is lost,
    /// the operation lists the keys again: a key that is no longer listed was deleted. It makes at most 4 attempts of
    /// 10 s each, 30 s in total.
    ///
    /// The check cannot detect that another process deletes keys between the listing and the deletion. Two clients can
    /// each delete the key of the other, if the server allows it. A new key can then be created in Codat's Portal.
    ///
    /// # Errors
    /// `NotFound`, `LastKey` and `KeyInUse` (also if the key in use is not listed). `OutcomeUnknown` if an attempt may
    /// have deleted the key and no response or listing shows whether it did. Also the errors listed at [`Keys`]. Every
    /// error except `OutcomeUnknown` means that nothing was deleted.
    pub fn delete(&self, id: &KeyId) -> Delete<'a, C> {
        Delete { client: self.client, id: id.clone(), allow_key_in_use: false, cancellation: None }
    }
}

/// A request to create a key, returned by [`Keys::create`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// use codat_keys::{How, KeyName};
///
/// // No other program creates keys with this name. `cancelled` can be any future, such as that of Ctrl-C.
/// let (name, cancelled) = (KeyName::parse("invoice-processor")?, std::future::pending());
/// let made = client.keys().create(&name).adopt(true).cancel_on(cancelled).await?;
/// assert_eq!(made.how, How::Created);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until it is awaited or sent"]
pub struct Create<'a, C = Handle> {
    pub(crate) client: &'a C,
    pub(crate) options: CreateOptions,
    pub(crate) cancellation: Option<Cancellation<'a>>,
}

impl<'a, C> Create<'a, C> {
    /// Sets whether the caller is the sole creator of keys with this name. If so, and a response is ambiguous, the only
    /// new key with the name must be the created one, and the operation returns this key. Default: `false`. The new key
    /// is then only a candidate, and the operation returns `OutcomeUnknown`.
    ///
    /// When an operation is resumed, a key with the name also counts as new if it has no date, or if its date is at
    /// most 5 minutes before the time of the idempotency key. Set this option only if the caller created none of these
    /// keys.
    pub fn adopt(mut self, sole_creator: bool) -> Self {
        self.options.adopt = sole_creator;
        self
    }

    /// Resumes an operation with the same name that returned `OutcomeUnknown`. Both operations together create at most
    /// one key. Default: a new idempotency key.
    ///
    /// # Errors
    /// `InvalidInput` unless `key` is a UUID of version 7. An idempotency key older than 85 minutes is not sent: the
    /// operation lists the keys and returns `OutcomeUnknown` with the candidates.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.options.idempotency_key = Some(key.into());
        self
    }

    /// Cancels the operation when `cancelled` completes. The operation then returns `Cancelled`. If a key may have been
    /// created, it returns `OutcomeUnknown` with the data to resume the operation. (Dropping the future also cancels
    /// the operation, but returns nothing.) Default: the operation is not cancelled.
    pub fn cancel_on(mut self, cancelled: impl Future<Output = ()> + Send + 'a) -> Self {
        self.cancellation = Some(Box::pin(cancelled));
        self
    }
}

impl<'a> IntoFuture for Create<'a> {
    type Output = Result<Creation, Error>;
    type IntoFuture = Pending<'a, Creation>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(create::create(self.client, self.options, self.cancellation))
    }
}

impl<C: fmt::Debug> fmt::Debug for Create<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Create").field("client", self.client).field("options", &self.options).finish_non_exhaustive()
    }
}

/// A request to delete a key, returned by [`Keys::delete`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// use codat_keys::{ErrorKind, KeyName};
///
/// client.keys().create(&KeyName::parse("the other one")?).await?;
/// let own = client.whoami().await?.id;
/// let refused = client.keys().delete(&own).await.unwrap_err();
/// assert_eq!(refused.kind(), ErrorKind::KeyInUse);
/// client.keys().delete(&own).allow_key_in_use().await?; // this client has no access any more
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until it is awaited or sent"]
pub struct Delete<'a, C = Handle> {
    pub(crate) client: &'a C,
    pub(crate) id: KeyId,
    pub(crate) allow_key_in_use: bool,
    pub(crate) cancellation: Option<Cancellation<'a>>,
}

impl<'a, C> Delete<'a, C> {
    /// Permits the deletion of the key that this client authenticates with. The client then loses its access. Default:
    /// the operation returns `KeyInUse` for this key.
    pub fn allow_key_in_use(mut self) -> Self {
        self.allow_key_in_use = true;
        self
    }

    /// Cancels the operation when `cancelled` completes. The operation then returns `Cancelled`. If the key may have
    /// been deleted, it returns `OutcomeUnknown`. Default: the operation is not cancelled.
    pub fn cancel_on(mut self, cancelled: impl Future<Output = ()> + Send + 'a) -> Self {
        self.cancellation = Some(Box::pin(cancelled));
        self
    }
}

impl<'a> IntoFuture for Delete<'a> {
    type Output = Result<(), Error>;
    type IntoFuture = Pending<'a, ()>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(delete::delete(self.client, self.id, self.allow_key_in_use, self.cancellation))
    }
}

impl<C: fmt::Debug> fmt::Debug for Delete<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delete").field("client", self.client).field("id", &self.id).finish_non_exhaustive()
    }
}
