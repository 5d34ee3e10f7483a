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
/// Each operation returns a request, which is sent when you await it or call its `send`. A request of a blocking client
/// is sent only by `send`.
///
/// Every operation can also return `Unauthorized`, `PaymentRequired`, `Forbidden`, `RateLimited`, `Server`, `Connect`,
/// `Timeout`, `BadResponse` or `TooLarge`.
///
/// A request is retried after a lost connection and after the statuses 408, 429, 500, 502, 503 and 504. An operation
/// makes at most 4 attempts. Before a retry, it waits for a random time of up to 250 ms, 500 ms and 1 s, or for the
/// time that `Retry-After` asks for. If that time exceeds the remaining time, the operation returns the error
/// immediately, and [`Error::retry_after`](crate::Error::retry_after) returns the time.
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

    /// Returns all keys in Codat's order. Codat allows at most ten keys. Each entry includes the key itself, because
    /// Codat's response contains it.
    ///
    /// # Errors
    /// The errors listed at [`Keys`].
    pub fn list(&self) -> Lookup<Vec<ApiKeyDetails>, C> {
        Lookup::new(&self.client, |_, keys| Ok(keys))
    }

    /// Returns the key with this id. Codat has no such operation, so this method lists the keys and searches the list.
    ///
    /// # Errors
    /// `NotFound`, and the errors listed at [`Keys`].
    pub fn get(&self, id: &KeyId) -> Lookup<ApiKeyDetails, C> {
        let id = id.clone();
        Lookup::new(&self.client, move |_, keys| rules::find(&keys, &id).cloned())
    }

    /// Returns all keys with exactly this name. Several keys can have the same name. The name can be any text, because
    /// keys that this library did not create can have names that [`create`](Self::create) rejects.
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
    /// [`KeyName`](crate::KeyName), which is already checked.
    ///
    /// The operation lists the keys first. If there are already ten, it does not send the request. Otherwise it sends
    /// the request with an `Idempotency-Key` (a UUID of version 7). It repeats the request with the same idempotency
    /// key until a response is conclusive. It makes at most 4 attempts, each of at most 15 s, and takes at most 60 s in
    /// total.
    ///
    /// # Errors
    /// `InvalidInput`, with nothing sent, for a name that [`KeyName::parse`](crate::KeyName::parse) rejects, or that
    /// contains a key of the client. `KeyLimitReached`. `OutcomeUnknown` if an attempt may have created a key and no
    /// response or listing shows whether it did: [`Error::outcome`](crate::Error::outcome) returns the keys that may
    /// have been created, and the idempotency key with which the operation can be resumed. Also the errors listed at
    /// [`Keys`], which all mean that nothing was created.
    ///
    /// This library assumes that Codat honours the idempotency key for this operation. As a second check, it lists the
    /// keys after an ambiguous response. In one case, which only Codat could prevent, the operation can create two
    /// keys: Codat forgets the idempotency key after a 429, while the first attempt is still running.
    pub fn create(&self, name: impl AsRef<str>) -> Create<C> {
        Create::new(&self.client, name.as_ref())
    }

    /// Deletes the key with this id permanently.
    ///
    /// The operation lists the keys first. It does not delete the last key or the key in use. If a response is lost,
    /// the operation lists the keys again: a key that is no longer listed was deleted. It makes at most 4 attempts,
    /// each of at most 10 s, and takes at most 30 s in total.
    ///
    /// The operation cannot detect that another process deletes keys between the listing and the deletion. Two clients
    /// can each delete the key of the other, if the server allows it. A new key can then be created in Codat's Portal.
    ///
    /// # Errors
    /// `NotFound`, `LastKey` and `KeyInUse` (also if the key in use is not listed). `OutcomeUnknown` if an attempt may
    /// have deleted the key and no response or listing shows whether it did. Also the errors listed at [`Keys`]. Every
    /// error except `OutcomeUnknown` means that nothing was deleted.
    pub fn delete(&self, id: &KeyId) -> Delete<C> {
        Delete::new(&self.client, id)
    }
}
