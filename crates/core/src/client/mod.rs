//! The asynchronous client.

mod authorization;
mod send_once;

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;
use serde::de::IgnoredAny;

use crate::domain::{ApiKey, ApiKeyDetails, KeyId, rules};
use crate::error::Error;
use crate::handle::Handle;
use crate::keys::{Keys, Lookup};
use crate::pages::{Next, Page, PageCursor, Pages};
use crate::request::Request;
use crate::response::Response;
use crate::timeouts::OperationTimeouts;
use crate::wire::RateLimit;
pub use send_once::{generate_idempotency_key, send_once};

/// An asynchronous client for Codat's API. Clones are cheap and share their connections. The client needs a tokio
/// runtime with time and I/O enabled.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?; // or Client::from_env()
/// for key in client.keys().list().await? {
///     println!("{} {:?}", key.id, key.name);
/// }
/// assert_eq!(client.whoami().await?.name, None); // the first key of a Codat client has no name
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(Handle);

impl Client {
    /// Returns the operations that list, create and delete API keys.
    pub fn keys(&self) -> Keys {
        Keys::new(&self.0)
    }

    /// Builds a request to any path of Codat's API. The path begins with a slash and can contain a query. Await the
    /// request to send it.
    ///
    /// POST and PATCH requests contain an `Idempotency-Key` header with the same value in every attempt. Codat honours
    /// this header only for these two methods. Only requests with POST, PATCH or an idempotent method are retried, as
    /// documented at [`Keys`]. A DELETE request for a key is sent without the checks of [`Keys::delete`].
    ///
    /// # Errors
    /// `InvalidInput`, with nothing sent, for a path that could leave the base URL (`//other`, `/../x`, `/..;x`). Also
    /// `InvalidInput` for a DELETE request with a path below `/apiKeys` that does not name exactly one key, because
    /// Codat has no such operation. Otherwise an error kind for the HTTP status, as for [`Keys`]. For a method that
    /// changes data, `OutcomeUnknown` if it is unknown whether the request took effect.
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request::new(self.0.clone(), method, path)
    }

    /// Returns the pages of a paginated list, such as `/companies`. Each result on a page is parsed as a `T`, such as
    /// [`serde_json::Value`]. Sends nothing until a page is requested.
    pub fn pages<T>(&self, path: &str) -> Pages<T> {
        Pages::new(self.0.clone(), path)
    }

    /// Returns the daily request quota from the latest response that reported it. Returns `None` if no response has
    /// reported it yet.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.0.transport().rate_limit()
    }

    /// Returns the details of the API key that this client authenticates with. The operation lists the keys and
    /// searches the list, because Codat's API has no operation that returns only this key.
    ///
    /// # Errors
    /// `NotFound` if the list does not contain the key. This can happen if the list is stale. Also the errors listed at
    /// [`Keys`].
    pub fn whoami(&self) -> Lookup<ApiKeyDetails> {
        Lookup::of_key_in_use(&self.0)
    }

    /// Returns a client that shares the connections of this client. The operations of the new client have the timeout
    /// `time`. See [`ClientBuilder::timeout`](crate::ClientBuilder::timeout).
    ///
    /// # Errors
    /// `InvalidInput` for a timeout of zero.
    pub fn with_timeout(&self, time: Duration) -> Result<Self, Error> {
        Ok(Self(self.0.with_timeouts(OperationTimeouts::given(Some(time))?)))
    }

    /// Returns a client that authenticates with `key`. The new client shares the connections, the settings and the
    /// redacted keys of this client. The new client never reads a key from the source of this client. Use the new
    /// client to try a new key before your programs use this key.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), codat_keys::Error> {
    /// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
    /// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
    /// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
    /// let made = client.keys().create("invoice-processor").await?;
    /// assert_eq!(client.with_api_key(&made.key.api_key).whoami().await?, made.key);
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_api_key(&self, key: &ApiKey) -> Self {
        Self(self.0.with_api_key(key.clone()))
    }

    /// Returns a client for the child process after a fork, with new connections and locks. The child process must not
    /// use the connections of its parent process. The new client starts with the cached key and reads further keys from
    /// the same source.
    ///
    /// # Errors
    /// `Internal` if the HTTP client cannot be built.
    pub fn after_fork(&self) -> Result<Self, Error> {
        self.0.for_this_process().map(Self)
    }

    /// Closes this client and its clones. Every later request returns `Closed`. Requests in progress complete. Idle
    /// connections close when the last clone is dropped.
    pub fn close(&self) {
        self.0.transport().config.closed.store(true, Ordering::Relaxed);
    }

    /// Masks the API keys in `text`, and returns the result. Recognizes every key that this client has used or listed.
    /// Use this method before you write text to a terminal or a log. [`ApiKey::redact`](crate::ApiKey::redact) lists
    /// the forms of a key that are recognized.
    pub fn redact(&self, text: &str) -> String {
        self.0.known_keys().redact(text)
    }

    /// Describes the configured proxy, such as `http://proxy.example:8080 (HTTPS_PROXY)`. The text contains no user
    /// name and no password. Returns `None` if no proxy is configured, or if
    /// [`ClientBuilder::http_client`](crate::ClientBuilder::http_client) is set.
    pub fn proxy(&self) -> Option<&str> {
        self.0.transport().config.http.proxy().map(|proxy| proxy.shown.as_str())
    }

    /// Returns the base URL, without a trailing slash.
    pub fn base_url(&self) -> &str {
        self.0.base_url().as_str()
    }

    /// Returns whether this client authenticates with `key`. The comparison takes constant time.
    pub fn uses(&self, key: &ApiKeyDetails) -> bool {
        self.0.uses(key)
    }

    /// Checks whether `delete` would delete the key with this id. `keys` is the list of all keys. Sends nothing.
    ///
    /// # Errors
    /// `NotFound`, `LastKey` and `KeyInUse`, as for `delete`. With
    /// [`allow_key_in_use`](crate::Delete::allow_key_in_use), the key is deleted despite `KeyInUse`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), codat_keys::Error> {
    /// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
    /// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
    /// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
    /// let keys = client.keys().list().await?;
    /// let refused = client.check_delete(&keys, &keys[0].id).unwrap_err();
    /// assert_eq!(refused.kind(), codat_keys::ErrorKind::LastKey);
    /// # Ok(())
    /// # }
    /// ```
    pub fn check_delete(&self, keys: &[ApiKeyDetails], id: &KeyId) -> Result<(), Error> {
        let in_use = self.0.credential();
        rules::may_delete(keys, id, in_use.as_ref().map(|credential| &credential.key), false)
    }

    pub(crate) fn new(handle: Handle) -> Self {
        Self(handle)
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.0
    }
}

/// Replaces the API key of a client and its clones with `new`. Does nothing if the client uses another key than `old`,
/// or if it reads its key from a source, such as a file. Called when a key is rotated.
pub fn replace_key(client: &Client, old: &ApiKey, new: &ApiKey) {
    client.0.transport().credentials().replace(old, new);
}

impl PageCursor {
    /// Returns the next page. If the page has not arrived yet, requests the page with `client`. The returned page
    /// contains the response and the number of results, but not the results.
    ///
    /// With [`Pages::concurrency`], this function requests several pages and returns when all have arrived. No request
    /// is under way between two calls, so each call can use another runtime. If the future is dropped, its requests are
    /// cancelled, and the pages that have arrived are kept.
    ///
    /// # Errors
    /// As [`Pages::next`].
    pub async fn next(&mut self, client: &Client) -> Result<Option<Page<IgnoredAny>>, Error> {
        loop {
            match self.take()? {
                Next::Page(page) => return Ok(Some(page)),
                Next::End => return Ok(None),
                Next::Missing | Next::Outdated => self.request_pages(client.handle()).await?,
            }
        }
    }

    /// Requests the next page, and returns the unparsed response. The caller then calls [`accept`](Self::accept) or
    /// [`reject`](Self::reject). Returns `None` after the last page.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn next_response(&mut self, client: &Client) -> Result<Option<Response>, Error> {
        loop {
            match self.take_response()? {
                Some(response) => return Ok(Some(response)),
                None if self.is_finished() => return Ok(None),
                None => self.request_pages(client.handle()).await?,
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
