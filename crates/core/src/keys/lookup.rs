//! Requests that list the keys and return all of them or a selection.

use std::fmt;
use std::future::IntoFuture;

use crate::domain::ApiKeyDetails;
use crate::error::{Error, ErrorKind};
use crate::handle::{Handle, Pending};

/// A function that selects the result of a [`Lookup`] from the list of all keys.
pub(crate) type Select<T> = Box<dyn FnOnce(&Handle, Vec<ApiKeyDetails>) -> Result<T, Error> + Send>;

/// A request that lists the keys and returns all of them or a selection. Returned by [`Keys::list`](crate::Keys::list),
/// [`Keys::get`](crate::Keys::get), [`Keys::find`](crate::Keys::find) and [`Client::whoami`](crate::Client::whoami).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// let own = client.whoami().await?; // as `client.whoami().send().await?`
/// assert_eq!(client.keys().list().await?, [own]);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until it is awaited or sent"]
pub struct Lookup<T, C = Handle> {
    pub(crate) client: C,
    pub(crate) select: Select<T>,
}

impl<T, C: Clone> Lookup<T, C> {
    pub(crate) fn new(
        client: &C,
        select: impl FnOnce(&Handle, Vec<ApiKeyDetails>) -> Result<T, Error> + Send + 'static,
    ) -> Self {
        Self { client: client.clone(), select: Box::new(select) }
    }
}

impl<C: Clone> Lookup<ApiKeyDetails, C> {
    pub(crate) fn of_key_in_use(client: &C) -> Self {
        Self::new(client, |client, keys| {
            keys.into_iter().find(|key| client.uses(key)).ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "the key that makes the call is not in the list of keys")
                    .with_hint("the list may be stale: try again in a minute")
            })
        })
    }
}

impl<T> Lookup<T> {
    /// Sends the request. Awaiting the request does the same.
    ///
    /// # Errors
    /// The same errors as the method that returned the request.
    pub async fn send(self) -> Result<T, Error> {
        look_up(&self.client, self.select).await
    }
}

pub(crate) async fn look_up<T>(client: &Handle, select: Select<T>) -> Result<T, Error> {
    select(client, client.list_keys(client.read_deadline()).await?)
}

impl<T: 'static> IntoFuture for Lookup<T> {
    type Output = Result<T, Error>;
    type IntoFuture = Pending<T>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<T, C: fmt::Debug> fmt::Debug for Lookup<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("client", &self.client).finish_non_exhaustive()
    }
}
