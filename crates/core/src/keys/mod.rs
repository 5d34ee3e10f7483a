//! The verbs on keys.

pub mod create;
pub mod delete;

use std::fmt;
use std::future::{Future, IntoFuture};

use crate::cancel::Cancellation;
use crate::domain::{ApiKeyDetails, KeyId, KeyName, rules};
use crate::error::Error;
use crate::handle::{Handle, Pending};
use create::Order;

pub use create::{Creation, How};

/// The keys of a Codat client: [`Client::keys`](crate::Client::keys).
///
/// Every call below may also end with `Unauthorized`, `PaymentRequired`, `Forbidden`, `RateLimited`, `Server`,
/// `Connect`, `Timeout`, `BadResponse` or `TooLarge`. A lost connection, 408, 429, 500, 502, 503 and 504 are retried: at
/// most 4 attempts, after a random wait of up to 250 ms, 500 ms, then 1 s, or after what `Retry-After` asks for. Where
/// that exceeds the time that remains, the error comes at once and carries the wait.
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
    /// All keys, at most ten, in Codat's order. Each holds its secret: Codat's list does.
    ///
    /// # Errors
    /// Those named at [`Keys`].
    pub async fn list(&self) -> Result<Vec<ApiKeyDetails>, Error> {
        self.client.list_keys(self.client.read_deadline()).await
    }

    /// The key of this id. Codat has no such call: it is taken from the list.
    ///
    /// # Errors
    /// `NotFound`, and those named at [`Keys`].
    pub async fn get(&self, id: &KeyId) -> Result<ApiKeyDetails, Error> {
        rules::find(&self.list().await?, id).cloned()
    }

    /// All keys of exactly this name, which may be none or several: names are not unique.
    ///
    /// # Errors
    /// Those named at [`Keys`].
    pub async fn find(&self, name: &str) -> Result<Vec<ApiKeyDetails>, Error> {
        let mut keys = self.list().await?;
        keys.retain(|key| key.is_named(name));
        Ok(keys)
    }
}

impl<'a, C> Keys<'a, C> {
    /// Makes exactly one key of this name; await what this returns, or `send` it with a blocking client. The keys are
    /// listed first: with ten of them nothing is sent. Then one request, repeated under one `Idempotency-Key` (a UUID of
    /// version 7) until its answer is conclusive: at most 4 attempts, 15 s each, 60 s in all.
    ///
    /// # Errors
    /// `KeyLimitReached`; `OutcomeUnknown` where an attempt may have made a key and nothing proves that it did or did
    /// not: [`Error::outcome`] has the idempotency key to resume with, and the candidates. And those named at [`Keys`],
    /// which all mean that nothing was made.
    ///
    /// That Codat honours the idempotency key for this operation is assumed, so that after a doubt the keys are listed
    /// as well. One hole remains, which only Codat could close: a 429 that comes while the first attempt is still
    /// running, and releases the idempotency key.
    pub fn create(&self, name: &KeyName) -> Create<'a, C> {
        let order = Order { name: name.clone(), adopt: false, idempotency_key: None };
        Create { client: self.client, order, stop: None }
    }

    /// Deletes the key of this id, for good; await what this returns, or `send` it with a blocking client. The keys are
    /// listed first, and the last key and the key in use are kept. After an answer that is lost they are listed again: a
    /// key that is gone was deleted. At most 4 attempts, 10 s each, 30 s in all.
    ///
    /// The guard cannot see what another process deletes between the list and the deletion: two clients may each delete
    /// the other's key where the server allows it. Codat's Portal can then make a new one.
    ///
    /// # Errors
    /// `NotFound`, `LastKey`, `KeyInUse` (also where the key in use is not in the list): nothing was sent.
    /// `OutcomeUnknown` where an attempt may have deleted the key and nothing proves it. And those named at [`Keys`],
    /// which all mean that nothing was deleted.
    pub fn delete(&self, id: &KeyId) -> Delete<'a, C> {
        Delete { client: self.client, id: id.clone(), allow_key_in_use: false, stop: None }
    }
}

/// A key about to be made: [`Keys::create`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// use codat_keys::{How, KeyName};
///
/// // Nobody else makes keys of this name. `stop` may be any future, like that of Ctrl-C.
/// let (name, stop) = (KeyName::parse("invoice-processor")?, std::future::pending());
/// let made = client.keys().create(&name).adopt(true).until(stop).await?;
/// assert_eq!(made.how, How::Created);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until it is awaited or sent"]
pub struct Create<'a, C = Handle> {
    pub(crate) client: &'a C,
    pub(crate) order: Order,
    pub(crate) stop: Option<Cancellation<'a>>,
}

impl<'a, C> Create<'a, C> {
    /// Says that nobody else creates keys of this name, so that after a doubt the one new key of the name must be the
    /// one asked for, and is returned. On a resume, keys of the name from up to 5 minutes before the idempotency key, and
    /// undated ones, count as new: say it only if you made none of these. Default: it is a candidate, and the call ends with `OutcomeUnknown`.
    pub fn adopt(mut self, sole_creator: bool) -> Self {
        self.order.adopt = sole_creator;
        self
    }

    /// Resumes a call that ended with `OutcomeUnknown`, with the same name: that makes at most one key in both.
    /// Default: a new idempotency key.
    ///
    /// # Errors
    /// `InvalidInput` unless it is a UUID of version 7. One that is older than 85 minutes is not sent: the keys are
    /// listed, and the call ends with `OutcomeUnknown` and the candidates.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.order.idempotency_key = Some(key.into());
        self
    }

    /// Stops the call once `stop` is done: with `Cancelled`, or, where a key may have been made, with `OutcomeUnknown`
    /// and the way to resume. (Dropping the call stops it as well, but then nobody is told.) Default: nothing stops it.
    pub fn until(mut self, stop: impl Future<Output = ()> + Send + 'a) -> Self {
        self.stop = Some(Box::pin(stop));
        self
    }
}

impl<'a> IntoFuture for Create<'a> {
    type Output = Result<Creation, Error>;
    type IntoFuture = Pending<'a, Creation>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(create::create(self.client, self.order, self.stop))
    }
}

impl<C: fmt::Debug> fmt::Debug for Create<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Create").field("client", self.client).field("order", &self.order).finish_non_exhaustive()
    }
}

/// A key about to be deleted: [`Keys::delete`].
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
    pub(crate) stop: Option<Cancellation<'a>>,
}

impl<'a, C> Delete<'a, C> {
    /// Also deletes the key that makes this very call, after which the client has no access. Default: `KeyInUse`.
    pub fn allow_key_in_use(mut self) -> Self {
        self.allow_key_in_use = true;
        self
    }

    /// Stops the call once `stop` is done: with `Cancelled`, or, where the key may have been deleted, with
    /// `OutcomeUnknown`. Default: nothing stops it.
    pub fn until(mut self, stop: impl Future<Output = ()> + Send + 'a) -> Self {
        self.stop = Some(Box::pin(stop));
        self
    }
}

impl<'a> IntoFuture for Delete<'a> {
    type Output = Result<(), Error>;
    type IntoFuture = Pending<'a, ()>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(delete::delete(self.client, self.id, self.allow_key_in_use, self.stop))
    }
}

impl<C: fmt::Debug> fmt::Debug for Delete<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delete").field("client", self.client).field("id", &self.id).finish_non_exhaustive()
    }
}
