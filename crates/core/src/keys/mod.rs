//! The operations on API keys: list, get, find, create and delete.

pub(crate) mod create;
pub(crate) mod delete;
mod lookup;
mod operation;
mod requests;
pub mod state_machines;

#[cfg(test)]
mod machine_tests;

use crate::domain::{ApiKeyDetails, KeyId, rules};
use crate::handle::Handle;

pub use create::{Creation, How};
pub use lookup::Lookup;
pub(crate) use lookup::look_up;
pub use requests::{Create, Delete};

/// The operations on API keys, returned by [`Client::keys`](crate::Client::keys).
///
/// Each operation returns a request. Await the request to send it, or call its method `send`. A request of a blocking
/// client is sent only by `send`.
///
/// In addition to the errors in its own documentation, every operation can return `Unauthorized`, `PaymentRequired`,
/// `Forbidden`, `RateLimited`, `Server`, `Connect`, `Timeout`, `BadResponse` or `TooLarge`.
///
/// A request is retried after a lost connection and after the statuses 408, 429, 500, 502, 503 and 504. An operation
/// makes at most 4 attempts. Before the three retries, it waits for random times of at most 250 ms, 500 ms and 1 s. If
/// a `Retry-After` header asks for a longer wait, the operation waits that long. If the wait would exceed the timeout
/// of the operation, the operation returns the error immediately, and [`Error::retry_after`](crate::Error::retry_after)
/// returns the wait.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// let keys = client.keys();
/// let made = keys.create("invoice-processor").await?;
/// assert_eq!(keys.get(&made.key.id).await?, made.key);
/// assert_eq!(keys.find("invoice-processor").await?.len(), 1);
///
/// // A request owns its client, so that another task can send it.
/// let listed = tokio::spawn(keys.list().send()).await.expect("the task does not panic")?;
/// assert_eq!(listed.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Keys<C = Handle> {
    client: C,
}

impl<C: Clone> Keys<C> {
    pub(crate) fn new(client: &C) -> Self {
        Self { client: client.clone() }
    }

    /// Returns all keys of the account, in Codat's order. Codat allows at most ten keys. Each [`ApiKeyDetails`]
    /// includes the API key itself.
    ///
    /// # Errors
    /// The errors listed at [`Keys`].
    pub fn list(&self) -> Lookup<Vec<ApiKeyDetails>, C> {
        Lookup::new(&self.client, |_, keys| Ok(keys))
    }

    /// Returns the key with this id. The operation lists the keys and searches the list, because Codat's API has no
    /// request for a single key.
    ///
    /// # Errors
    /// `NotFound`, and the errors listed at [`Keys`].
    pub fn get(&self, id: &KeyId) -> Lookup<ApiKeyDetails, C> {
        let id = id.clone();
        Lookup::new(&self.client, move |_, keys| rules::find(&keys, &id).cloned())
    }

    /// Returns all keys with exactly this name. Several keys can have the same name. The name can be any text, even a
    /// name that [`create`](Self::create) rejects.
    ///
    /// # Errors
    /// The errors listed at [`Keys`].
    pub fn find(&self, name: impl AsRef<str>) -> Lookup<Vec<ApiKeyDetails>, C> {
        let name = name.as_ref().to_owned();
        Lookup::new(&self.client, move |_, mut keys| {
            keys.retain(|key| key.is_named(&name));
            Ok(keys)
        })
    }

    /// Creates exactly one key with this name. The name is a text such as `"invoice-processor"`, or a
    /// [`KeyName`](crate::KeyName).
    ///
    /// The operation lists the keys first. If ten keys exist (Codat's limit), the operation returns `KeyLimitReached`.
    /// Otherwise, it sends the create request with an `Idempotency-Key` header, which contains a UUID of version 7. It
    /// repeats this request with the same idempotency key until a response is conclusive. The operation makes at most 4
    /// attempts, each of at most 15 s, and takes at most 60 s in total.
    ///
    /// # Errors
    /// `InvalidInput`, with nothing sent, for a name that [`KeyName::parse`](crate::KeyName::parse) rejects, or that
    /// contains a known API key. `KeyLimitReached`. Also the errors listed at [`Keys`]. All these errors mean that
    /// nothing was created.
    ///
    /// `OutcomeUnknown` if it is unknown whether a key was created. [`Error::outcome`](crate::Error::outcome) then
    /// returns the keys that may have been created, and the idempotency key to resume the operation.
    ///
    /// This library assumes that Codat honours the idempotency key for this operation. As a second check, the operation
    /// lists the keys after an ambiguous response. The operation can create two keys in only one case: Codat sends a
    /// 429 and forgets the idempotency key while it is still processing the first attempt.
    pub fn create(&self, name: impl AsRef<str>) -> Create<C> {
        Create::new(&self.client, name.as_ref())
    }

    /// Deletes the key with this id permanently.
    ///
    /// The operation lists the keys first. It does not delete the last key. Without
    /// [`allow_key_in_use`](Delete::allow_key_in_use), it also does not delete the key that the client authenticates
    /// with. If a response is lost, the operation lists the keys again to see whether the key still exists. The
    /// operation makes at most 4 attempts, each of at most 10 s, and takes at most 30 s in total.
    ///
    /// The operation cannot detect that another program deletes keys between the listing and the deletion. Two clients
    /// can therefore delete each other's key. If no key is left, a new key can be created in Codat's Portal.
    ///
    /// # Errors
    /// `NotFound`, `LastKey` and `KeyInUse`. `KeyInUse` is also returned if Codat does not list the key that the client
    /// authenticates with. Also the errors listed at [`Keys`]. All these errors mean that nothing was deleted.
    /// `OutcomeUnknown` if it is unknown whether the key was deleted.
    pub fn delete(&self, id: &KeyId) -> Delete<C> {
        Delete::new(&self.client, id)
    }
}
