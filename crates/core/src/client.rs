//! The asynchronous client.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;

use crate::domain::{ApiKeyDetails, AuthorizationHeader, KeyId, Untrusted, rules};
use crate::error::{Error, ErrorKind};
use crate::handle::Handle;
use crate::keys::Keys;
use crate::pages::{Page, PageCursor, Pages};
use crate::request::Request;
use crate::timeouts::OperationTimeouts;
use crate::wire::RateLimit;

/// An asynchronous client for Codat's API. Clones are cheap and share their connections. The client needs a tokio
/// runtime with the time and I/O drivers enabled.
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
    /// Returns the operations on the API keys of this Codat client.
    pub fn keys(&self) -> Keys<'_> {
        Keys { client: &self.0 }
    }

    /// Builds a request to any path of Codat's API. Await the result to send the request. The path begins with a slash
    /// and may have a query.
    ///
    /// POST and PATCH requests carry an `Idempotency-Key`, which is the same in every attempt. Codat honours the key
    /// for these two methods. Retries work as for [`Keys`], except that a request with a method that is not idempotent
    /// is retried only for POST and PATCH.
    ///
    /// # Errors
    /// `InvalidInput`, with nothing sent, for a path that could leave the base URL (`//other`, `/../x`). Otherwise one
    /// kind for each HTTP status, as for [`Keys`]. For any method except GET, HEAD, OPTIONS and TRACE: `OutcomeUnknown`
    /// if an attempt may have taken effect and no response determines whether it did.
    pub fn request(&self, method: Method, path: &str) -> Request<'_> {
        Request::new(&self.0, method, path)
    }

    /// Returns the pages of a paginated resource, such as `/companies`. Sends nothing before [`Pages::next`].
    pub fn pages(&self, path: &str) -> Pages<'_> {
        Pages::new(&self.0, path)
    }

    /// Returns the daily quota from the latest response. Returns `None` before the first response, and if Codat
    /// reported no quota.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.0.transport().rate_limit()
    }

    /// Returns the details of the key that this client authenticates with. Codat has no such operation, so this method
    /// lists the keys and searches the list.
    ///
    /// # Errors
    /// `NotFound` if the list does not contain the key, which can happen if the list is stale. Also the errors listed
    /// at [`Keys`].
    pub async fn whoami(&self) -> Result<ApiKeyDetails, Error> {
        let keys = self.keys().list().await?;
        keys.into_iter().find(|key| self.uses(key)).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "the key that makes the call is not in the list of keys")
                .with_hint("the list may be stale: try again in a minute")
        })
    }

    /// Returns the `Authorization` header for a request that another HTTP library sends, if the URL belongs to the
    /// origin of the base URL. For any other URL, returns an error, so that the key is sent nowhere else.
    ///
    /// This method never waits. It checks a key file at most once a second, and reads the file again if it changed. It
    /// does not run a command or a custom provider, but uses the latest key that the command or provider returned.
    /// Prefer [`authorize`](Self::authorize) in code that can wait.
    ///
    /// # Errors
    /// `InvalidInput` for a URL of another origin, or an invalid URL. `NoCredential` if a command or a custom provider
    /// has not been read yet. `Closed` after [`close`](Self::close).
    pub fn authorization_for(&self, url: &str) -> Result<AuthorizationHeader, Error> {
        let cached = match self.cached_authorization(url)? {
            None => self.0.credential().map(|credential| AuthorizationHeader::from(&credential.key)),
            cached => cached,
        };
        cached.ok_or_else(|| {
            Error::new(ErrorKind::NoCredential, "the key has not been read from its source yet")
                .with_hint("await `authorize`, which reads it; or make a call first")
        })
    }

    /// Returns the cached `Authorization` header for a request that another HTTP library sends. Returns `None` if
    /// [`authorize`](Self::authorize) would run a command or a custom provider.
    ///
    /// # Errors
    /// `InvalidInput` for a URL of another origin, or an invalid URL. `Closed` after [`close`](Self::close).
    pub fn cached_authorization(&self, url: &str) -> Result<Option<AuthorizationHeader>, Error> {
        self.check_own(url)?;
        Ok(self.0.transport().credentials().cached().map(|credential| AuthorizationHeader::from(&credential.key)))
    }

    /// Returns the `Authorization` header for a request that another HTTP library sends, if the URL belongs to the
    /// origin of the base URL. Reads the credential from its source before its first use, and again if the source may
    /// have changed. Concurrent calls share one read. This method sends nothing to Codat, and does not retry a failed
    /// read.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), codat_keys::Error> {
    /// let command = ["echo", "ExampleKeyForTheDocs0000000000000000000A"];
    /// # #[cfg(unix)] {
    /// let client = codat_keys::Client::builder().api_key_command(command).build()?;
    /// let header = client.authorize("https://api.codat.io/companies").await?;
    /// // After a 401 or 403: a new header, if the source has another key.
    /// assert!(client.reauthorize("https://api.codat.io/companies", &header).await?.is_none());
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` for a URL of another origin, or an invalid URL. `Closed` after [`close`](Self::close). If no
    /// credential has been read before, also the errors of the source, as in
    /// [`ClientBuilder::build`](crate::ClientBuilder::build), and `Timeout` if the read takes longer than the timeout
    /// of an operation.
    pub async fn authorize(&self, url: &str) -> Result<AuthorizationHeader, Error> {
        self.check_own(url)?;
        let credential = self.0.transport().key_to_use(self.0.read_deadline()).await?;
        Ok(AuthorizationHeader::from(&credential.key))
    }

    /// Returns another header, with which to repeat a request after the server responded with 401 or 403 to the header
    /// `rejected`. Returns `None` if the credential source has no other key. Concurrent calls share one read of the
    /// source. The client does this automatically for its own requests. Use this method for requests that another
    /// library sends.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize), but also the errors of the source if a credential has been read before. The
    /// client keeps its cached credential after such an error.
    pub async fn reauthorize(
        &self,
        url: &str,
        rejected: &AuthorizationHeader,
    ) -> Result<Option<AuthorizationHeader>, Error> {
        self.check_own(url)?;
        let another = self.0.transport().key_after_rejection(rejected.api_key(), self.0.read_deadline()).await?;
        Ok(another.map(|credential| AuthorizationHeader::from(&credential.key)))
    }

    /// Checks that another HTTP library may send the header to a server over an unencrypted connection. `url` is the
    /// URL of the proxy, or of the request if there is no proxy. An `https` request through a proxy needs no check,
    /// because the proxy cannot read the tunnel.
    ///
    /// ```
    /// # fn main() -> Result<(), codat_keys::Error> {
    /// # let key = codat_keys::ApiKey::parse("ExampleKeyForTheDocs0000000000000000000A")?;
    /// let client = codat_keys::Client::builder().base_url("http://127.0.0.1:4010").api_key(key).build()?;
    /// assert!(client.check_next_hop("http://127.0.0.1:4010").is_ok());
    /// assert!(client.check_next_hop("http://proxy.example:8080").is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` if `url` does not have the origin of the base URL.
    pub fn check_next_hop(&self, url: &str) -> Result<(), Error> {
        self.0.base_url().check_next_hop(url)
    }

    /// Reads the credential from its source again. Returns whether the key changed. The client does this automatically
    /// after Codat rejects the key. A key that was given as a value does not change.
    ///
    /// # Errors
    /// The errors of the source, as in [`ClientBuilder::build`](crate::ClientBuilder::build), and `Timeout` if the read
    /// takes longer than the timeout of an operation. The client keeps its cached credential after an error.
    pub async fn reload_key(&self) -> Result<bool, Error> {
        let before = self.0.credential();
        self.0.transport().reload_key(self.0.read_deadline()).await?;
        Ok(self.0.credential().map(|credential| credential.key.clone())
            != before.map(|credential| credential.key.clone()))
    }

    /// Returns a client with the same connections and another timeout for each operation. See
    /// [`ClientBuilder::timeout`](crate::ClientBuilder::timeout).
    ///
    /// # Errors
    /// `InvalidInput` for a timeout of zero.
    pub fn with_timeout(&self, time: Duration) -> Result<Self, Error> {
        Ok(Self(self.0.with_timeouts(OperationTimeouts::given(Some(time))?)))
    }

    /// Returns a client with separate connections and locks, for the child process after a fork. The existing
    /// connections belong to the parent process, and closing them in the child would affect the parent. The new client
    /// starts with the cached credential and refreshes it from the same source.
    ///
    /// # Errors
    /// `Internal` if the HTTP client cannot be built.
    pub fn anew(&self) -> Result<Self, Error> {
        self.0.for_this_process().map(Self)
    }

    /// Closes this client and its clones. Every later request returns `Closed`, and idle connections close with the
    /// last clone. Requests in progress complete.
    pub fn close(&self) {
        self.0.transport().config.closed.store(true, Ordering::Relaxed);
    }

    /// Redacts every key that this client has used or listed from untrusted text, for a terminal or a log.
    /// [`ApiKey::redact`](crate::ApiKey::redact) lists the forms of a key that are recognized.
    pub fn redact(&self, text: &str) -> String {
        self.0.known_keys().redact(text)
    }

    /// Wraps text from a response, such as a header value, in a type that redacts known keys.
    #[doc(hidden)]
    pub fn untrusted(&self, text: &str) -> Untrusted {
        Untrusted::new(text, self.0.known_keys())
    }

    /// Returns the origin of the proxy in use, without a password, and the setting that configured the proxy. Returns
    /// `None` if no proxy is used.
    pub fn proxy(&self) -> Option<&str> {
        self.0.transport().config.proxy.as_ref().map(|proxy| proxy.shown.as_str())
    }

    /// Returns the base URL, without a trailing slash.
    pub fn base_url(&self) -> &str {
        self.0.base_url().as_str()
    }

    /// Returns the base URL for messages. Masks a key that the URL contains by mistake.
    #[doc(hidden)]
    pub fn shown_base_url(&self) -> String {
        self.0.known_keys().mask_misplaced(self.base_url())
    }

    /// Returns whether this client authenticates with `key`. The comparison takes constant time.
    pub fn uses(&self, key: &ApiKeyDetails) -> bool {
        self.0.credential().is_some_and(|credential| credential.key == key.api_key)
    }

    /// Returns the reason why `delete` would refuse to delete the key `id`, given a list of all keys: `NotFound`,
    /// `LastKey` or `KeyInUse`. Returns `None` if `delete` would delete the key. Sends nothing.
    /// [`allow_key_in_use`](crate::Delete::allow_key_in_use) permits the deletion in the case of `KeyInUse`.
    pub fn keeps(&self, keys: &[ApiKeyDetails], id: &KeyId) -> Option<ErrorKind> {
        let in_use = self.0.credential();
        rules::may_delete(keys, id, in_use.as_ref().map(|credential| &credential.key), false)
            .err()
            .map(|refused| refused.kind())
    }

    pub(crate) fn new(handle: Handle) -> Self {
        Self(handle)
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.0
    }

    fn check_own(&self, url: &str) -> Result<(), Error> {
        self.0.transport().config.check_open()?;
        self.0.base_url().check_own(url)
    }
}

impl PageCursor {
    /// Requests the next page with `client`, as [`Pages::next`] does.
    ///
    /// # Errors
    /// As [`Pages::next`].
    pub async fn next(&mut self, client: &Client) -> Result<Option<Page>, Error> {
        self.next_page(&client.0).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
