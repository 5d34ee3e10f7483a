//! The same client for programs without a runtime: every call blocks its thread until the result is there.
//!
//! The verbs, their options, errors and retries are those of the asynchronous [`Client`](crate::Client), and so is the
//! code behind them. What is awaited there is returned here at once, or, where it takes options, `send` ends them:
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

/// The keys of a Codat client: [`Client::keys`].
pub type Keys<'a> = crate::keys::Keys<'a, Client>;
/// A key about to be made: [`Keys::create`].
pub type Create<'a> = crate::keys::Create<'a, Client>;
/// A key about to be deleted: [`Keys::delete`].
pub type Delete<'a> = crate::keys::Delete<'a, Client>;
/// A call about to be made: [`Client::request`].
pub type Request<'a> = crate::request::Request<'a, Client>;
/// The pages of a resource, an iterator: [`Client::pages`].
pub type Pages<'a> = crate::pages::Pages<'a, Client>;

/// A client of Codat's API that blocks the calling thread. Cheap to clone, and safe to share between threads: as many
/// calls run at once as threads make them, each on a connection of its own, which later calls use again.
///
/// Inside a future that tokio polls a call is refused with `InvalidInput`, since it would block the runtime;
/// `tokio::task::spawn_blocking` is the place for it. (One under `tokio::task::unconstrained` cannot be told apart, and
/// blocks.) After a fork the child opens connections of its own, and begins
/// with no quota in [`rate_limit`](Client::rate_limit).
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
    /// Makes a client that blocks the calling thread instead of returning futures. Nothing is sent.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn build_blocking(self) -> Result<Client, Error> {
        Client::new(self.config(&process_environment)?)
    }
}

impl Client {
    /// As [`crate::Client::from_env`].
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

    /// The keys of this Codat client.
    pub fn keys(&self) -> Keys<'_> {
        Keys { client: self }
    }

    /// Makes any call to Codat's API: `send` what this returns. As [`crate::Client::request`].
    pub fn request(&self, method: Method, path: &str) -> Request<'_> {
        Request::new(self, method, path)
    }

    /// The pages of a paged resource, `/companies`: an iterator. As [`crate::Client::pages`].
    pub fn pages(&self, path: &str) -> Pages<'_> {
        Pages::new(self, path)
    }

    /// What the latest answer said of the day's quota; `None` before the first, and where Codat says nothing.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.0.pool.rate_limit()
    }

    /// Which key this client authenticates with. As [`crate::Client::whoami`].
    ///
    /// # Errors
    /// As [`crate::Client::whoami`].
    pub fn whoami(&self) -> Result<ApiKeyDetails, Error> {
        self.run(async |client| client.whoami().await)
    }

    /// Returns the header for another HTTP library, as [`crate::Client::authorize`]. Blocks while the key is read.
    ///
    /// # Errors
    /// As [`crate::Client::authorize`].
    pub fn authorization_for(&self, url: &str) -> Result<AuthorizationHeader, Error> {
        match self.cached_authorization(url)? {
            Some(header) => Ok(header),
            None => self.run(async |client| client.authorize(url).await),
        }
    }

    /// Returns the header if it is known without waiting, as [`crate::Client::cached_authorization`].
    ///
    /// # Errors
    /// As [`crate::Client::cached_authorization`].
    pub fn cached_authorization(&self, url: &str) -> Result<Option<AuthorizationHeader>, Error> {
        self.0.pool.check_open()?;
        self.0.base_url.check_own(url)?;
        Ok(self.0.pool.credentials().ready().map(|held| AuthorizationHeader::from(&held.key)))
    }

    /// Checks the server to which another HTTP library connects, as [`crate::Client::check_next_hop`].
    ///
    /// # Errors
    /// As [`crate::Client::check_next_hop`].
    pub fn check_next_hop(&self, url: &str) -> Result<(), Error> {
        self.0.base_url.check_next_hop(url)
    }

    /// Returns the header for sending a request once more after a 401 or 403, as [`crate::Client::reauthorize`].
    ///
    /// # Errors
    /// As [`crate::Client::reauthorize`].
    pub fn reauthorize(&self, url: &str, rejected: &AuthorizationHeader) -> Result<Option<AuthorizationHeader>, Error> {
        self.run(async |client| client.reauthorize(url, rejected).await)
    }

    /// Reads the key from its source again. As [`crate::Client::reload_key`].
    ///
    /// # Errors
    /// As [`crate::Client::reload_key`].
    pub fn reload_key(&self) -> Result<bool, Error> {
        self.run(async |client| client.reload_key().await)
    }

    /// Closes this client and its clones, and their idle connections: every later call ends with `Closed`. What is under
    /// way in other threads goes on to its answer.
    pub fn close(&self) {
        self.0.pool.close();
    }

    /// Where this client's requests go, without a slash at the end.
    pub fn base_url(&self) -> &str {
        self.0.base_url.as_str()
    }

    /// The base URL for people: a key that was put there by mistake is masked.
    #[doc(hidden)]
    pub fn shown_base_url(&self) -> String {
        self.0.pool.credentials().known.mask_misplaced(self.base_url())
    }

    /// Whether this client authenticates with that key. Compared in constant time.
    pub fn uses(&self, key: &ApiKeyDetails) -> bool {
        self.0.pool.credentials().now().is_some_and(|held| held.key == key.api_key)
    }

    /// Makes calls of the asynchronous client, and blocks until they are done: for what needs more than one at a time,
    /// or a time-out around several.
    ///
    /// # Errors
    /// Those of the calls; `InvalidInput` inside an asynchronous context, with nothing sent; `Closed` after
    /// [`close`](Client::close).
    pub fn run<T: Send>(&self, call: impl AsyncFnOnce(&crate::Client) -> Result<T, Error> + Send) -> Result<T, Error> {
        let place = place();
        if place == Place::Polled {
            return Err(refused());
        }
        let pair = self.0.pool.take()?;
        if place == Place::OfItsOwn {
            return pair.block_on(call);
        }
        // Here tokio panics rather than drive a second runtime, so that another thread does.
        thread::scope(|scope| {
            let thread = thread::Builder::new().spawn_scoped(scope, || pair.block_on(call));
            let thread = thread.map_err(|source| {
                Error::new(ErrorKind::Connect, format!("no thread could be started: {source}"))
                    .with_hint("check the timeouts of the process; nothing was sent")
            })?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Keys<'_> {
    /// All keys, at most ten, in Codat's order. As [`list`](crate::Keys::list).
    ///
    /// # Errors
    /// Those named at [`Keys`](crate::Keys).
    pub fn list(&self) -> Result<Vec<ApiKeyDetails>, Error> {
        self.client.run(async |client| client.keys().list().await)
    }

    /// The key of this id. As [`get`](crate::Keys::get).
    ///
    /// # Errors
    /// `NotFound`, and those named at [`Keys`](crate::Keys).
    pub fn get(&self, id: &KeyId) -> Result<ApiKeyDetails, Error> {
        self.client.run(async |client| client.keys().get(id).await)
    }

    /// All keys of exactly this name. As [`find`](crate::Keys::find).
    ///
    /// # Errors
    /// Those named at [`Keys`](crate::Keys).
    pub fn find(&self, name: &str) -> Result<Vec<ApiKeyDetails>, Error> {
        self.client.run(async |client| client.keys().find(name).await)
    }
}

impl Create<'_> {
    /// Makes the key.
    ///
    /// # Errors
    /// As [`Keys::create`](crate::Keys::create).
    pub fn send(self) -> Result<Creation, Error> {
        let Self { client, order, stop } = self;
        client.run(async |client| crate::keys::Create { client: client.handle(), order, stop }.await)
    }
}

impl Delete<'_> {
    /// Deletes the key.
    ///
    /// # Errors
    /// As [`Keys::delete`](crate::Keys::delete).
    pub fn send(self) -> Result<(), Error> {
        let Self { client, id, allow_key_in_use, stop } = self;
        client.run(async |client| crate::keys::Delete { client: client.handle(), id, allow_key_in_use, stop }.await)
    }
}

impl Request<'_> {
    /// Makes the call.
    ///
    /// # Errors
    /// As [`Client::request`](crate::Client::request).
    pub fn send(self) -> Result<Response, Error> {
        let Self { client, order } = self;
        client.run(async |client| order.perform(client.handle()).await)
    }
}

/// As [`next`](crate::Pages::next), but an error is the end: after it there is no page.
impl Iterator for Pages<'_> {
    type Item = Result<Page, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { client, walk } = self;
        let page = client.run(async |client| walk.next(client).await);
        if page.is_err() {
            walk.end();
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

/// Where a call is made from.
#[derive(PartialEq)]
enum Place {
    /// A thread that no runtime knows.
    OfItsOwn,
    /// A thread of a runtime, in a place where it may block; or one that is about to end.
    Lent,
    /// A future that is polled: to block here would block the runtime.
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

/// Tokio gives a budget to what it polls, and none to what may block on one of its threads. It cannot be asked for one,
/// so it is used up: at most, whoever polls us yields a little earlier.
fn has_budget() -> bool {
    let mut context = Context::from_waker(Waker::noop());
    (0..=u8::MAX).any(|_| pin!(tokio::task::consume_budget()).poll(&mut context).is_pending())
}

fn refused() -> Error {
    Error::new(ErrorKind::InvalidInput, "a blocking client was called in an asynchronous context")
        .with_hint("use codat_keys::Client there, or call it within tokio::task::spawn_blocking; nothing was sent")
}
