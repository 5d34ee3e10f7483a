//! The requests that create and delete a key, with their options.

use std::fmt;
use std::future::{Future, IntoFuture};

use super::create::{self, CreateOptions, Creation, IdempotencyKey};
use super::delete;
use crate::cancel::Cancellation;
use crate::domain::{KeyId, KeyName};
use crate::error::Error;
use crate::handle::{Handle, Pending};

/// A request to create a key, returned by [`Keys::create`](crate::Keys::create).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// // No other program creates keys with this name. `cancelled` can be any future, such as that of Ctrl-C.
/// let cancelled = std::future::pending();
/// let made = client.keys().create("invoice-processor").adopt(true).cancel_on(cancelled).await?;
/// assert_eq!(made.how, codat_keys::How::Created);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until it is awaited or sent"]
pub struct Create<C = Handle> {
    pub(crate) client: C,
    /// The options of the request, or the error for an invalid name. [`send`](Self::send) returns this error.
    pub(crate) options: Result<CreateOptions, Error>,
    pub(crate) cancellation: Option<Cancellation>,
}

impl<C> Create<C> {
    /// Sets whether the caller is the sole creator of keys with this name. Default: `false`.
    ///
    /// This setting matters if the response is lost and exactly one new key has the name. With `true`, the operation
    /// returns this key. With `false`, the operation returns `OutcomeUnknown` with this key in
    /// [`candidates`](crate::Outcome::candidates), because another program may have created it.
    ///
    /// A resumed operation recognizes new keys by their dates. A key counts as new if it has no date, or if it is at
    /// most 5 minutes older than the idempotency key. Resume with `true` only if the caller has created no other key
    /// with this name that counts as new.
    pub fn adopt(mut self, is_sole_creator: bool) -> Self {
        if let Ok(options) = &mut self.options {
            options.adopt = is_sole_creator;
        }
        self
    }

    /// Resumes an earlier `create` request that returned `OutcomeUnknown`. `key` is the idempotency key of the earlier
    /// request. The name must be the same as in the earlier request. The two requests together create at most one API
    /// key. Default: a new operation with a new idempotency key.
    ///
    /// # Errors
    /// `InvalidInput` unless `key` is a UUID of version 7. If the idempotency key is older than 85 minutes, nothing is
    /// sent except a request that lists the keys. The operation then returns `OutcomeUnknown` with the keys that may
    /// have been created.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        if let Ok(options) = &mut self.options {
            options.idempotency_key = IdempotencyKey::Resumed(key.into());
        }
        self
    }

    /// Sets the idempotency key of a new operation. Use this method to store the idempotency key before the first
    /// request. After a crash, another process can then resume the operation with
    /// [`idempotency_key`](Self::idempotency_key). Pass an idempotency key that no earlier operation has used. Default:
    /// a generated UUID.
    ///
    /// # Errors
    /// `InvalidInput`, with nothing sent, unless `key` is a UUID of version 7 that is less than 85 minutes old.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), codat_keys::Error> {
    /// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
    /// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
    /// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
    /// let key = uuid::Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext)).to_string();
    /// // Store `key` here. After a crash: `client.keys().create("ci").idempotency_key(key)`.
    /// let made = client.keys().create("ci").new_idempotency_key(key).await?;
    /// assert_eq!(made.how, codat_keys::How::Created);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new_idempotency_key(mut self, key: impl Into<String>) -> Self {
        if let Ok(options) = &mut self.options {
            options.idempotency_key = IdempotencyKey::New(key.into());
        }
        self
    }

    /// Cancels the operation when the future `cancelled` completes. A cancelled operation returns `Cancelled`, or
    /// `OutcomeUnknown` if a key may have been created. The `OutcomeUnknown` error contains the idempotency key to
    /// resume the operation. Default: the operation is not cancelled.
    pub fn cancel_on(mut self, cancelled: impl Future<Output = ()> + Send + 'static) -> Self {
        self.cancellation = Some(Box::pin(cancelled));
        self
    }
}

impl<C: Clone> Create<C> {
    pub(super) fn new(client: &C, name: &str) -> Self {
        let options = KeyName::parse(name).map(|name| CreateOptions {
            name,
            adopt: false,
            idempotency_key: IdempotencyKey::Generated,
        });
        Self { client: client.clone(), options, cancellation: None }
    }
}

impl Create {
    /// Creates the key. Awaiting the request does the same.
    ///
    /// # Errors
    /// As [`Keys::create`](crate::Keys::create).
    pub async fn send(self) -> Result<Creation, Error> {
        create::create(&self.client, self.options?, self.cancellation).await
    }
}

impl IntoFuture for Create {
    type Output = Result<Creation, Error>;
    type IntoFuture = Pending<Creation>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<C: fmt::Debug> fmt::Debug for Create<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Create").field("client", &self.client).field("options", &self.options).finish_non_exhaustive()
    }
}

/// A request to delete a key, returned by [`Keys::delete`](crate::Keys::delete).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// client.keys().create("the other one").await?;
/// let own = client.whoami().await?.id;
/// let refused = client.keys().delete(&own).await.unwrap_err();
/// assert_eq!(refused.kind(), codat_keys::ErrorKind::KeyInUse);
/// client.keys().delete(&own).allow_key_in_use(true).await?; // this client has no access any more
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until it is awaited or sent"]
pub struct Delete<C = Handle> {
    pub(crate) client: C,
    pub(crate) id: KeyId,
    pub(crate) allow_key_in_use: bool,
    pub(crate) cancellation: Option<Cancellation>,
}

impl<C> Delete<C> {
    /// Sets whether the operation can delete the key that this client authenticates with. With `true`, the client can
    /// lose its access. With `false`, the operation returns `KeyInUse` for this key. Default: `false`.
    pub fn allow_key_in_use(mut self, allow: bool) -> Self {
        self.allow_key_in_use = allow;
        self
    }

    /// Cancels the operation when the future `cancelled` completes. A cancelled operation returns `Cancelled`, or
    /// `OutcomeUnknown` if the key may have been deleted. Default: the operation is not cancelled.
    pub fn cancel_on(mut self, cancelled: impl Future<Output = ()> + Send + 'static) -> Self {
        self.cancellation = Some(Box::pin(cancelled));
        self
    }
}

impl<C: Clone> Delete<C> {
    pub(super) fn new(client: &C, id: &KeyId) -> Self {
        Self { client: client.clone(), id: id.clone(), allow_key_in_use: false, cancellation: None }
    }
}

impl Delete {
    /// Deletes the key. Awaiting the request does the same.
    ///
    /// # Errors
    /// As [`Keys::delete`](crate::Keys::delete).
    pub async fn send(self) -> Result<(), Error> {
        delete::delete(&self.client, self.id, self.allow_key_in_use, self.cancellation).await
    }
}

impl IntoFuture for Delete {
    type Output = Result<(), Error>;
    type IntoFuture = Pending<()>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<C: fmt::Debug> fmt::Debug for Delete<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delete").field("client", &self.client).field("id", &self.id).finish_non_exhaustive()
    }
}
