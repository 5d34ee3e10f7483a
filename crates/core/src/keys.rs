//! The verbs on keys.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use crate::client::Client;
use crate::create;
use crate::error::{Error, ErrorKind, Outcome};
use crate::key::{ApiKeyDetails, KeyId, KeyName};
use crate::transport::Failure;
use crate::{api, rules};

type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// The keys of a Codat client: [`Client::keys`].
///
/// Every call below may also end with `Unauthorized`, `PaymentRequired`, `Forbidden`, `RateLimited`, `Server`,
/// `Connect`, `Timeout`, `BadResponse` or `TooLarge`. Nothing is retried yet: one attempt, one answer.
///
/// ```no_run
/// # async fn example() -> Result<(), codat_keys::Error> {
/// use codat_keys::{Client, KeyName};
///
/// let client = Client::from_env()?;
/// let key = client.keys().create(&KeyName::parse("invoice-processor")?).await?;
/// println!("made {} ({:?})", key.id, key.api_key);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    client: &'a Client,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// All keys, at most ten, in Codat's order. Each holds its secret: Codat's list does.
    ///
    /// # Errors
    /// Those named at [`Keys`].
    pub async fn list(&self) -> Result<Vec<ApiKeyDetails>, Error> {
        self.client.list_keys(self.client.budget_to_read()).await
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
        keys.retain(|key| key.name.as_deref() == Some(name));
        Ok(keys)
    }

    /// Makes a key of this name; await what this returns. The keys are listed first: with ten of them nothing is sent.
    ///
    /// # Errors
    /// `KeyLimitReached`; `OutcomeUnknown` where the request may have reached Codat and no conclusive answer came back
    /// (a lost or unreadable answer, a time-out, 408, 5xx, a conflict): a key may exist, and
    /// [`Error::outcome`] lists the candidates. And those named at [`Keys`], which all mean that nothing was made.
    pub fn create(&self, name: &KeyName) -> Create<'a> {
        Create { client: self.client, name: name.clone() }
    }

    /// Deletes the key of this id, for good; await what this returns. The keys are listed first, and the last key and
    /// the key in use are kept.
    ///
    /// The guard cannot see what another process deletes between the list and the deletion: two clients may each delete
    /// the other's key where the server allows it. Codat's Portal can then make a new one.
    ///
    /// # Errors
    /// `NotFound`, `LastKey`, `KeyInUse` (also where the key in use is not in the list): nothing was sent.
    /// `OutcomeUnknown` where the request may have reached Codat and no conclusive answer came back. And those named at
    /// [`Keys`], which all mean that nothing was deleted.
    pub fn delete(&self, id: &KeyId) -> Delete<'a> {
        Delete { client: self.client, id: id.clone(), allow_key_in_use: false }
    }
}

/// A key about to be made: [`Keys::create`].
#[must_use = "nothing is sent until it is awaited"]
#[derive(Debug)]
pub struct Create<'a> {
    client: &'a Client,
    name: KeyName,
}

impl<'a> IntoFuture for Create<'a> {
    type Output = Result<ApiKeyDetails, Error>;
    type IntoFuture = Pending<'a, ApiKeyDetails>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { create::create(self.client, &self.name).await })
    }
}

/// A key about to be deleted: [`Keys::delete`].
#[must_use = "nothing is sent until it is awaited"]
#[derive(Debug)]
pub struct Delete<'a> {
    client: &'a Client,
    id: KeyId,
    allow_key_in_use: bool,
}

impl<'a> Delete<'a> {
    /// Also deletes the key that makes this very call, after which the client has no access. Default: `KeyInUse`.
    pub fn allow_key_in_use(mut self) -> Self {
        self.allow_key_in_use = true;
        self
    }

    async fn perform(self) -> Result<(), Error> {
        let (client, budget) = (self.client, self.client.budget_to_read());
        let keys = client.list_keys(budget).await?;
        rules::may_delete(&keys, &self.id, client.key(), self.allow_key_in_use)?;

        let request = api::delete_request(client.base(), &self.id)?;
        let doubt = match client.transport().send(request, budget).await {
            Err(Failure { error, sent: false }) => return Err(error),
            Err(Failure { error, sent: true }) => error,
            Ok(response) => match api::parse_delete(&response) {
                Err(error) if response.status().is_success() || in_doubt(error.kind()) => error,
                conclusive => return conclusive,
            },
        };
        Err(doubt.into_outcome_unknown(Outcome { idempotency_key: None, candidates: None }))
    }
}

fn in_doubt(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Timeout | ErrorKind::Server)
}

impl<'a> IntoFuture for Delete<'a> {
    type Output = Result<(), Error>;
    type IntoFuture = Pending<'a, ()>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.perform())
    }
}
