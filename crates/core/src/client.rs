//! The client: the pieces below, put together.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use crate::api;
use crate::base_url::BaseUrl;
use crate::config::{ClientBuilder, Limits};
use crate::error::Error;
use crate::key::ApiKeyDetails;
use crate::keys::Keys;
use crate::secret::ApiKey;
use crate::transport::{Budget, Transport};

/// A client of Codat's API. Cheap to clone: clones share their connections. It needs a tokio runtime with its time and
/// I/O drivers.
///
/// ```no_run
/// # async fn example() -> Result<(), codat_keys::Error> {
/// let client = codat_keys::Client::from_env()?;
/// for key in client.keys().list().await? {
///     println!("{} {}", key.id, key.name.as_deref().unwrap_or("(no name)"));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    transport: Transport,
    base_url: BaseUrl,
    limits: Limits,
}

impl Client {
    /// A client with the key from the environment and every default.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// To set up a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// The keys of this Codat client.
    pub fn keys(&self) -> Keys<'_> {
        Keys::new(self)
    }

    /// Reads any resource of Codat's API, `/companies?page=2`. Retried as the verbs of [`Keys`]; in at most 30 s by
    /// default. An answer of any 2xx status is returned whole.
    ///
    /// # Errors
    /// `InvalidInput`, with nothing sent, for a path that could leave the base URL (`//other`, `/../x`); else one kind
    /// for each HTTP status, as for the verbs of [`Keys`].
    pub async fn get(&self, path: &str) -> Result<Response<Bytes>, Error> {
        let request = api::get_request(self.base(), path)?;
        self.transport().send(request, self.budget_to_read(), api::parse_any).await
    }

    /// Where this client's requests go, without a slash at the end.
    pub fn base_url(&self) -> &str {
        self.0.base_url.as_str()
    }

    /// Whether this client authenticates with that key. Compared in constant time.
    pub fn uses(&self, key: &ApiKeyDetails) -> bool {
        key.api_key == *self.key()
    }

    pub(crate) fn new(transport: Transport, base_url: BaseUrl, limits: Limits) -> Self {
        Self(Arc::new(Inner { transport, base_url, limits }))
    }

    pub(crate) async fn list_keys(&self, budget: Budget) -> Result<Vec<ApiKeyDetails>, Error> {
        let request = api::list_request(self.base())?;
        self.transport().send(request, budget, api::parse_list).await
    }

    pub(crate) fn budget_to_read(&self) -> Budget {
        self.0.transport.budget(self.0.limits.read)
    }

    pub(crate) fn budget_to_delete(&self) -> Budget {
        self.0.transport.budget(self.0.limits.delete)
    }

    pub(crate) fn budget_to_create(&self) -> Budget {
        self.0.transport.budget(self.0.limits.create)
    }

    pub(crate) fn base(&self) -> &BaseUrl {
        &self.0.base_url
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.0.transport
    }

    pub(crate) fn key(&self) -> &ApiKey {
        &self.0.transport.key
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.base_url()).field("key", self.key()).finish_non_exhaustive()
    }
}
