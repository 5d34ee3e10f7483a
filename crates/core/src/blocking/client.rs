//! The client that blocks the calling thread.

use std::fmt;
use std::sync::Arc;

use http::Method;

use super::context::in_blocking_context;
use super::pool::Pool;
use super::response_stream::ResponseStream;
use crate::builder::ClientBuilder;
use crate::domain::{ApiKeyDetails, AuthorizationHeader, BaseUrl};
use crate::error::Error;
use crate::fork;
use crate::handle::ClientConfig;
use crate::keys::{Keys, Lookup};
use crate::pages::Pages;
use crate::request::Request;
use crate::wire::RateLimit;

/// A client for Codat's API that blocks the calling thread. Clones are cheap and share their connections. Several
/// threads can use a client at the same time.
///
/// In a future that tokio polls, methods that send requests return `InvalidInput`, because they would block the
/// runtime. Call these methods in `tokio::task::spawn_blocking` instead. A future under `tokio::task::unconstrained` is
/// not detected: in such a future, the methods block the runtime.
///
/// After a fork, the child process opens its own connections. In the child process, [`rate_limit`](Client::rate_limit)
/// returns `None` until a response has arrived.
///
/// ```
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let base_url = emulator.base_url();
/// # let key = codat_keys::ApiKey::parse(emulator.api_key())?;
/// let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build_blocking()?;
/// assert_eq!(client.whoami().send()?.name, None); // the first key of a Codat client has no name
/// # Ok::<(), codat_keys::Error>(())
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    pool: Arc<Pool>,
    base_url: BaseUrl,
}

impl Client {
    /// Builds a blocking client with default settings and with the API key from the environment.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::default().build_blocking()
    }

    pub(crate) fn new(config: ClientConfig) -> Result<Self, Error> {
        fork::watch()?;
        let pool = Arc::new(Pool::new(&config));
        Ok(Self(Arc::new(Inner { pool, base_url: config.transport.base_url })))
    }

    /// Returns the operations that list, create and delete API keys.
    pub fn keys(&self) -> Keys<Self> {
        Keys::new(self)
    }

    /// Builds a request to any path of Codat's API. The method `send` sends it. See [`crate::Client::request`].
    pub fn request(&self, method: Method, path: &str) -> Request<Self> {
        Request::new(self.clone(), method, path)
    }

    /// Returns an iterator over the pages of a paginated list, such as `/companies`. See [`crate::Client::pages`].
    pub fn pages<T>(&self, path: &str) -> Pages<T, Self> {
        Pages::new(self.clone(), path)
    }

    /// Returns the daily request quota from the latest response that reported it. Returns `None` if no response has
    /// reported it yet.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.0.pool.rate_limit()
    }

    /// Returns the details of the API key that this client authenticates with. See [`crate::Client::whoami`].
    pub fn whoami(&self) -> Lookup<ApiKeyDetails, Self> {
        Lookup::of_key_in_use(self)
    }

    /// Returns the `Authorization` header for a request that another HTTP library sends. Blocks while the API key is
    /// read from its source. See [`crate::Client::authorize`].
    ///
    /// # Errors
    /// As [`crate::Client::authorize`].
    pub fn authorization_for(&self, url: &str) -> Result<AuthorizationHeader, Error> {
        match self.cached_authorization(url)? {
            Some(header) => Ok(header),
            None => self.run(async |client| client.authorize(url).await),
        }
    }

    /// Returns the `Authorization` header with the cached key, for a request that another HTTP library sends. Returns
    /// `None` if the key must first be read from a command or a custom provider. See
    /// [`crate::Client::cached_authorization`].
    ///
    /// # Errors
    /// As [`crate::Client::cached_authorization`].
    pub fn cached_authorization(&self, url: &str) -> Result<Option<AuthorizationHeader>, Error> {
        self.0.pool.check_open()?;
        self.0.base_url.check_own(url)?;
        Ok(self.0.pool.credentials().cached().map(|credential| AuthorizationHeader::from(&credential.key)))
    }

    /// Checks whether another HTTP library may send the `Authorization` header to `url` over an unencrypted connection.
    /// See [`crate::Client::check_next_hop`].
    ///
    /// # Errors
    /// As [`crate::Client::check_next_hop`].
    pub fn check_next_hop(&self, url: &str) -> Result<(), Error> {
        self.0.base_url.check_next_hop(url)
    }

    /// Returns a header with another API key, to repeat a request that Codat rejected with 401 or 403. See
    /// [`crate::Client::reauthorize`].
    ///
    /// # Errors
    /// As [`crate::Client::reauthorize`].
    pub fn reauthorize(&self, url: &str, rejected: &AuthorizationHeader) -> Result<Option<AuthorizationHeader>, Error> {
        self.run(async |client| client.reauthorize(url, rejected).await)
    }

    /// Reads the API key from its source again, and returns whether the key has changed. See
    /// [`crate::Client::reload_key`].
    ///
    /// # Errors
    /// As [`crate::Client::reload_key`].
    pub fn reload_key(&self) -> Result<bool, Error> {
        self.run(async |client| client.reload_key().await)
    }

    /// Closes this client and its clones, with their idle connections. Every later operation returns `Closed`.
    /// Operations in progress on other threads complete.
    pub fn close(&self) {
        self.0.pool.close();
    }

    /// Returns the base URL, without a trailing slash.
    pub fn base_url(&self) -> &str {
        self.0.base_url.as_str()
    }

    /// Masks the API keys in `text`, and returns the result. Recognizes every key that this client has used or listed.
    /// See [`crate::Client::redact`].
    pub fn redact(&self, text: &str) -> String {
        self.0.pool.credentials().known.redact(text)
    }

    /// Returns whether this client authenticates with `key`. The comparison takes constant time.
    pub fn uses(&self, key: &ApiKeyDetails) -> bool {
        self.0.pool.credentials().stored().is_some_and(|credential| credential.key == key.api_key)
    }

    /// Runs an asynchronous function with the asynchronous client, and blocks until the function returns. Use this
    /// method to send several requests at the same time, or with a common timeout.
    ///
    /// # Errors
    /// The errors that `call` returns. `InvalidInput`, with nothing sent, in a future that tokio polls. `Closed` after
    /// [`close`](Client::close).
    pub fn run<T: Send>(&self, call: impl AsyncFnOnce(&crate::Client) -> Result<T, Error> + Send) -> Result<T, Error> {
        in_blocking_context(|| {
            let pair = self.0.pool.take()?;
            let result = pair.run(call);
            self.0.pool.put(pair);
            result
        })
    }

    /// Runs an asynchronous function that returns a [`ResponseStream`](crate::ResponseStream), and blocks until the
    /// function returns. See [`run`](Self::run).
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_streaming(
        &self,
        call: impl AsyncFnOnce(&crate::Client) -> Result<crate::ResponseStream, Error> + Send,
    ) -> Result<ResponseStream, Error> {
        in_blocking_context(|| {
            let pair = self.0.pool.take()?;
            match pair.run(call) {
                Ok(stream) => Ok(ResponseStream::new(Arc::clone(&self.0.pool), pair, stream)),
                Err(error) => {
                    self.0.pool.put(pair);
                    Err(error)
                }
            }
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.0.pool.credentials().known.mask_misplaced(self.base_url()))
            .field("key", self.0.pool.credentials())
            .finish_non_exhaustive()
    }
}
