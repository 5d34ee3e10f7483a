//! A client that blocks the calling thread, for programs without an async runtime.
//!
//! The operations, options, errors and retries are the same as in the asynchronous [`Client`](crate::Client), which the
//! blocking client runs internally. Methods without options return their result directly. Methods with options return a
//! builder, whose `send` performs the operation:
//!
//! ```
//! # let emulator = codat_keys_emulator::Emulator::start().unwrap();
//! # let base_url = emulator.base_url();
//! # let key = codat_keys::ApiKey::parse(emulator.api_key())?;
//! use codat_keys::{Client, KeyName, Method};
//!
//! let client = Client::builder().base_url(base_url).api_key(key).build_blocking()?;
//! let made = client.keys().create(&KeyName::parse("invoice-processor")?).send()?;
//! assert_eq!(client.keys().list()?.len(), 2);
//!
//! let profile = client.request(Method::GET, "/profile").send()?;
//! assert_eq!(profile.status(), 200);
//! for page in client.pages("/companies") {
//!     println!("{} companies", page?.results.len());
//! }
//! client.keys().delete(&made.key.id).send()?;
//! # Ok::<(), codat_keys::Error>(())
//! ```

mod pool;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;

use http::Method;

use crate::builder::ClientBuilder;
use crate::domain::{ApiKeyDetails, AuthorizationHeader, BaseUrl, KeyId};
use crate::environment::process_environment;
use crate::error::{Error, ErrorKind};
use crate::fork;
use crate::handle::ClientConfig;
use crate::keys::create::Creation;
use crate::pages::Page;
use crate::response::Response;
use crate::wire::RateLimit;
use pool::Pool;

/// The operations on the API keys of a Codat client, returned by [`Client::keys`].
pub type Keys<'a> = crate::keys::Keys<'a, Client>;
/// A request to create a key, returned by [`Keys::create`].
pub type Create<'a> = crate::keys::Create<'a, Client>;
/// A request to delete a key, returned by [`Keys::delete`].
pub type Delete<'a> = crate::keys::Delete<'a, Client>;
/// A request to any path of Codat's API, returned by [`Client::request`].
pub type Request<'a> = crate::request::Request<'a, Client>;
/// An iterator over the pages of a paginated resource, returned by [`Client::pages`].
pub type Pages<'a> = crate::pages::Pages<'a, Client>;

/// A client for Codat's API that blocks the calling thread. Clones are cheap and share their connections. Threads can
/// share a client: concurrent requests use separate connections, and later requests reuse them.
///
/// Methods called inside a future that tokio polls return `InvalidInput`, because they would block the runtime. Use
/// `tokio::task::spawn_blocking` there. A future under `tokio::task::unconstrained` cannot be detected: there, the
/// methods block the runtime.
///
/// After a fork, the child process opens its own connections, and [`rate_limit`](Client::rate_limit) is `None` until
/// the child receives its first response.
///
/// ```
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let base_url = emulator.base_url();
/// # let key = codat_keys::ApiKey::parse(emulator.api_key())?;
/// let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build_blocking()?;
/// assert_eq!(client.whoami()?.name, None); // the first key of a Codat client has no name
/// # Ok::<(), codat_keys::Error>(())
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    pool: Pool,
    base_url: BaseUrl,
}

impl ClientBuilder {
    /// Builds a client that blocks the calling thread instead of returning futures. Sends nothing.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn build_blocking(self) -> Result<Client, Error> {
        Client::new(self.config(&process_environment)?)
    }
}

impl Client {
    /// Builds a blocking client as [`crate::Client::from_env`] builds an asynchronous one: with the key from the
    /// environment and default settings.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::default().build_blocking()
    }

    pub(crate) fn new(config: ClientConfig) -> Result<Self, Error> {
        fork::watch()?;
        let pool = Pool::new(&config);
        Ok(Self(Arc::new(Inner { pool, base_url: config.transport.base_url })))
    }

    /// Returns the operations on the API keys of this Codat client.
    pub fn keys(&self) -> Keys<'_> {
        Keys { client: self }
    }

    /// Builds a request to any path of Codat's API. Call `send` on the result. See [`crate::Client::request`].
    pub fn request(&self, method: Method, path: &str) -> Request<'_> {
        Request::new(self, method, path)
    }

    /// Returns an iterator over the pages of a paginated resource, such as `/companies`. See [`crate::Client::pages`].
    pub fn pages(&self, path: &str) -> Pages<'_> {
        Pages::new(self, path)
    }

    /// Returns the daily quota from the latest response. Returns `None` before the first response, and if Codat
    /// reported no quota.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.0.pool.rate_limit()
    }

    /// Returns the details of the key that this client authenticates with. See [`crate::Client::whoami`].
    ///
    /// # Errors
    /// As [`crate::Client::whoami`].
    pub fn whoami(&self) -> Result<ApiKeyDetails, Error> {
        self.run(async |client| client.whoami().await)
    }

    /// Returns the `Authorization` header for a request that another HTTP library sends. Blocks while the credential is
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

    /// Returns the cached `Authorization` header for a request that another HTTP library sends, or `None` if a new one
    /// would require running a command or a custom provider. See [`crate::Client::cached_authorization`].
    ///
    /// # Errors
    /// As [`crate::Client::cached_authorization`].
    pub fn cached_authorization(&self, url: &str) -> Result<Option<AuthorizationHeader>, Error> {
        self.0.pool.check_open()?;
        self.0.base_url.check_own(url)?;
        Ok(self.0.pool.credentials().cached().map(|credential| AuthorizationHeader::from(&credential.key)))
    }

    /// Checks that another HTTP library may send the header to the server at `url` over an unencrypted connection. See
    /// [`crate::Client::check_next_hop`].
    ///
    /// # Errors
    /// As [`crate::Client::check_next_hop`].
    pub fn check_next_hop(&self, url: &str) -> Result<(), Error> {
        self.0.base_url.check_next_hop(url)
    }

    /// Returns another header, with which to repeat a request that Codat rejected with 401 or 403. See
    /// [`crate::Client::reauthorize`].
    ///
    /// # Errors
    /// As [`crate::Client::reauthorize`].
    pub fn reauthorize(&self, url: &str, rejected: &AuthorizationHeader) -> Result<Option<AuthorizationHeader>, Error> {
        self.run(async |client| client.reauthorize(url, rejected).await)
    }

    /// Reads the credential from its source again. See [`crate::Client::reload_key`].
    ///
    /// # Errors
    /// As [`crate::Client::reload_key`].
    pub fn reload_key(&self) -> Result<bool, Error> {
        self.run(async |client| client.reload_key().await)
    }

    /// Closes this client, its clones and their idle connections. Every later operation returns `Closed`. Calls in
    /// progress on other threads complete.
    pub fn close(&self) {
        self.0.pool.close();
    }

    /// Returns the base URL, without a trailing slash.
    pub fn base_url(&self) -> &str {
        self.0.base_url.as_str()
    }

    /// Returns the base URL for messages. Masks a key that the URL contains by mistake.
    #[doc(hidden)]
    pub fn shown_base_url(&self) -> String {
        self.0.pool.credentials().known.mask_misplaced(self.base_url())
    }

    /// Returns whether this client authenticates with `key`. The comparison takes constant time.
    pub fn uses(&self, key: &ApiKeyDetails) -> bool {
        self.0.pool.credentials().stored().is_some_and(|credential| credential.key == key.api_key)
    }

    /// Runs methods of the asynchronous client and blocks until they complete. Use this method to send requests
    /// concurrently, or to set one timeout for several requests.
    ///
    /// # Errors
    /// The errors of the methods that `call` uses. `InvalidInput` in an asynchronous context, with nothing sent.
    /// `Closed` after [`close`](Client::close).
    pub fn run<T: Send>(&self, call: impl AsyncFnOnce(&crate::Client) -> Result<T, Error> + Send) -> Result<T, Error> {
        let place = place();
        if place == Place::Polled {
            return Err(refused());
        }
        let pair = self.0.pool.take()?;
        if place == Place::OfItsOwn {
            return pair.block_on(call);
        }
        // On a thread of a tokio runtime, blocking on a second runtime panics. Another thread blocks instead.
        thread::scope(|scope| {
            let thread = thread::Builder::new().spawn_scoped(scope, || pair.block_on(call));
            let thread = thread.map_err(|source| {
                Error::new(ErrorKind::Connect, format!("no thread could be started: {source}"))
                    .with_hint("check the limits of the process; nothing was sent")
            })?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Keys<'_> {
    /// Returns all keys, at most ten, in Codat's order. See [`list`](crate::Keys::list).
    ///
    /// # Errors
    /// The errors listed at [`Keys`](crate::Keys).
    pub fn list(&self) -> Result<Vec<ApiKeyDetails>, Error> {
        self.client.run(async |client| client.keys().list().await)
    }

    /// Returns the key with this id. See [`get`](crate::Keys::get).
    ///
    /// # Errors
    /// `NotFound`, and the errors listed at [`Keys`](crate::Keys).
    pub fn get(&self, id: &KeyId) -> Result<ApiKeyDetails, Error> {
        self.client.run(async |client| client.keys().get(id).await)
    }

    /// Returns all keys with exactly this name. See [`find`](crate::Keys::find).
    ///
    /// # Errors
    /// The errors listed at [`Keys`](crate::Keys).
    pub fn find(&self, name: &str) -> Result<Vec<ApiKeyDetails>, Error> {
        self.client.run(async |client| client.keys().find(name).await)
    }
}

impl Create<'_> {
    /// Creates the key.
    ///
    /// # Errors
    /// As [`Keys::create`](crate::Keys::create).
    pub fn send(self) -> Result<Creation, Error> {
        let Self { client, options, cancellation } = self;
        client.run(async |client| crate::keys::Create { client: client.handle(), options, cancellation }.await)
    }
}

impl Delete<'_> {
    /// Deletes the key.
    ///
    /// # Errors
    /// As [`Keys::delete`](crate::Keys::delete).
    pub fn send(self) -> Result<(), Error> {
        let Self { client, id, allow_key_in_use, cancellation } = self;
        client.run(async |client| {
            crate::keys::Delete { client: client.handle(), id, allow_key_in_use, cancellation }.await
        })
    }
}

impl Request<'_> {
    /// Sends the request.
    ///
    /// # Errors
    /// As [`Client::request`](crate::Client::request).
    pub fn send(self) -> Result<Response, Error> {
        let Self { client, options } = self;
        client.run(async |client| options.perform(client.handle()).await)
    }
}

/// Iterates over the pages as [`next`](crate::Pages::next) does, but ends after the first error.
impl Iterator for Pages<'_> {
    type Item = Result<Page, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { client, cursor } = self;
        let page = client.run(async |client| cursor.next(client).await);
        if page.is_err() {
            cursor.end();
        }
        page.transpose()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.shown_base_url())
            .field("key", self.0.pool.credentials())
            .finish_non_exhaustive()
    }
}

/// The kind of thread or future from which a method of the blocking client is called.
#[derive(PartialEq)]
enum Place {
    /// A thread outside any runtime.
    OfItsOwn,
    /// A thread of a runtime where blocking is allowed, or a thread that is being destroyed.
    Lent,
    /// A future that tokio is polling. Blocking here would block the runtime.
    Polled,
}

fn place() -> Place {
    match tokio::runtime::Handle::try_current() {
        Ok(_) if has_budget() => Place::Polled,
        Ok(_) => Place::Lent,
        Err(error) if error.is_thread_local_destroyed() => Place::Lent,
        Err(_) => Place::OfItsOwn,
    }
}

/// Returns whether the caller runs in a task that tokio polls. Tokio gives such tasks a budget, and code that is
/// allowed to block has none. The budget cannot be queried, so this function consumes one unit. As a result, the
/// polling task may yield a little earlier.
fn has_budget() -> bool {
    let mut context = Context::from_waker(Waker::noop());
    (0..=u8::MAX).any(|_| pin!(tokio::task::consume_budget()).poll(&mut context).is_pending())
}

fn refused() -> Error {
    Error::new(ErrorKind::InvalidInput, "a blocking client was called in an asynchronous context")
        .with_hint("use codat_keys::Client there, or call it within tokio::task::spawn_blocking; nothing was sent")
}
