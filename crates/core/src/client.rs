//! The client: the pieces below, put together.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;

use crate::domain::{ApiKeyDetails, AuthorizationHeader, KeyId, Untrusted, rules};
use crate::error::{Error, ErrorKind};
use crate::handle::Handle;
use crate::keys::Keys;
use crate::pages::{Page, Pages, Walk};
use crate::request::Request;
use crate::timeouts::OperationTimeouts;
use crate::wire::RateLimit;

/// A client of Codat's API. Cheap to clone: clones share their connections. It needs a tokio runtime with its time and
/// I/O drivers.
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
    /// The keys of this Codat client.
    pub fn keys(&self) -> Keys<'_> {
        Keys { client: &self.0 }
    }

    /// Makes any call to Codat's API: await what this returns. The path begins with a slash and may have a query. POST
    /// and PATCH carry one `Idempotency-Key` a call, the same in every attempt (Codat honours it on these two). Retried as
    /// the verbs of [`Keys`], unless the method is neither idempotent nor one of these two.
    ///
    /// # Errors
    /// `InvalidInput`, with nothing sent, for a path that could leave the base URL (`//other`, `/../x`); else one kind for
    /// each HTTP status, as for the verbs of [`Keys`]. For any method but GET, HEAD, OPTIONS and TRACE: `OutcomeUnknown`
    /// where an attempt may have taken effect and no answer proves that it did or did not.
    pub fn request(&self, method: Method, path: &str) -> Request<'_> {
        Request::new(&self.0, method, path)
    }

    /// The pages of a paged resource, `/companies`.
    pub fn pages(&self, path: &str) -> Pages<'_> {
        Pages::new(&self.0, path)
    }

    /// What the latest answer said of the day's quota; `None` before the first, and where Codat says nothing.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.0.transport().rate_limit()
    }

    /// Which key this client authenticates with: its id, name and age. Codat has no such call: it is taken from the list.
    ///
    /// # Errors
    /// `NotFound` where the list does not hold it (it may be stale), and those named at [`Keys`].
    pub async fn whoami(&self) -> Result<ApiKeyDetails, Error> {
        let keys = self.keys().list().await?;
        keys.into_iter().find(|key| self.uses(key)).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "the key that makes the call is not in the list of keys")
                .with_hint("the list may be stale: try again in a minute")
        })
    }

    /// Returns the header for another HTTP library, if the URL belongs to this client's own origin, so that the key goes
    /// nowhere else. This function never waits. It checks a key file at most once a second, and reads it again if it has
    /// changed. It does not run a command or a provider of your own, and uses the latest key that it returned. Prefer
    /// [`authorize`](Self::authorize) in code that can wait.
    ///
    /// # Errors
    /// `InvalidInput` for a URL of another origin, or none at all; `NoCredential` before a command or a provider of your own
    /// has been read for the first time; `Closed`.
    pub fn authorization_for(&self, url: &str) -> Result<AuthorizationHeader, Error> {
        let cached = match self.cached_authorization(url)? {
            None => self.0.credential().map(|held| AuthorizationHeader::from(&held.key)),
            cached => cached,
        };
        cached.ok_or_else(|| {
            Error::new(ErrorKind::NoCredential, "the key has not been read from its source yet")
                .with_hint("await `authorize`, which reads it; or make a call first")
        })
    }

    /// Returns the same header if it is known without waiting, and `None` if [`authorize`](Self::authorize) would run a
    /// command or a provider of your own.
    ///
    /// # Errors
    /// `InvalidInput` for a URL of another origin, or none at all; `Closed`.
    pub fn cached_authorization(&self, url: &str) -> Result<Option<AuthorizationHeader>, Error> {
        self.check_own(url)?;
        Ok(self.0.transport().credentials().ready().map(|held| AuthorizationHeader::from(&held.key)))
    }

    /// Returns the header for another HTTP library, if the URL belongs to this client's own origin. The key is read from
    /// its source if that has not happened yet, or if the source may have changed. Concurrent calls share one read. Nothing
    /// is sent to Codat, and a failed read is not retried.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), codat_keys::Error> {
    /// let command = ["echo", "ExampleKeyForTheDocs0000000000000000000A"];
    /// # #[cfg(unix)] {
    /// let client = codat_keys::Client::builder().api_key_command(command).build()?;
    /// let header = client.authorize("https://api.codat.io/companies").await?;
    /// // After a 401 or 403: another header, if the source has another key by now.
    /// assert!(client.reauthorize("https://api.codat.io/companies", &header).await?.is_none());
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` for a URL of another origin, or an invalid URL; `Closed`. If no key has been read before, also the
    /// errors of the source, as in [`ClientBuilder::build`](crate::ClientBuilder::build), and `Timeout` if it takes longer than a call may.
    pub async fn authorize(&self, url: &str) -> Result<AuthorizationHeader, Error> {
        self.check_own(url)?;
        let held = self.0.transport().key_to_use(self.0.read_deadline()).await?;
        Ok(AuthorizationHeader::from(&held.key))
    }

    /// Returns the header for sending a request once more after this client's own origin answered 401 or 403 to
    /// `rejected`, or `None` if the source has no other key. Concurrent calls share one read of the source. Calls of this
    /// client do this automatically; use it for requests that another library sends.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize), and the errors of the source in any case. The key in use is then kept.
    pub async fn reauthorize(
        &self,
        url: &str,
        rejected: &AuthorizationHeader,
    ) -> Result<Option<AuthorizationHeader>, Error> {
        self.check_own(url)?;
        let another = self.0.transport().key_after_rejection(rejected.api_key(), self.0.read_deadline()).await?;
        Ok(another.map(|held| AuthorizationHeader::from(&held.key)))
    }

    /// Checks where another HTTP library sends the header over an unencrypted connection. `url` is the URL of the proxy, or of
    /// the request if there is no proxy. An `https` request through a proxy needs no check: the proxy cannot read the tunnel.
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
    /// `InvalidInput` if it is not this client's own origin.
    pub fn check_next_hop(&self, url: &str) -> Result<(), Error> {
        self.0.base_url().check_next_hop(url)
    }

    /// Reads the key from its source again, and tells whether it is another one now. Every call does so by itself when Codat
    /// refuses the key. A key that was given as a value does not change.
    ///
    /// # Errors
    /// Those of the source, as [`ClientBuilder::build`](crate::ClientBuilder::build), and `Timeout` where it takes longer than a call may; the key in use
    /// goes on.
    pub async fn reload_key(&self) -> Result<bool, Error> {
        let before = self.0.credential();
        self.0.transport().reload_key(self.0.read_deadline()).await?;
        Ok(self.0.credential().map(|held| held.key.clone()) != before.map(|held| held.key.clone()))
    }

    /// The same client, with its connections, and another time for each call: see [`ClientBuilder::timeout`](crate::ClientBuilder::timeout).
    ///
    /// # Errors
    /// `InvalidInput` for a time of zero.
    pub fn with_timeout(&self, time: Duration) -> Result<Self, Error> {
        Ok(Self(self.0.with_timeouts(OperationTimeouts::given(Some(time))?)))
    }

    /// The same client with connections and locks of its own, for the child of a fork: those of this one belong to its
    /// parent, and what the child drops of them would reach into it. It begins with the key in use, and follows its source.
    ///
    /// # Errors
    /// `Internal` where the system does not allow it.
    pub fn anew(&self) -> Result<Self, Error> {
        self.0.for_this_process().map(Self)
    }

    /// Closes this client and its clones: every later attempt ends with `Closed`, and idle connections end with the last
    /// clone. What is under way goes on to its answer.
    pub fn close(&self) {
        self.0.transport().config.closed.store(true, Ordering::Relaxed);
    }

    /// Masks every key that this client has used or listed in a text that somebody else wrote, for a terminal or a log, in
    /// the forms that [`ApiKey::redact`](crate::ApiKey::redact) names.
    pub fn redact(&self, text: &str) -> String {
        self.0.known_keys().redact(text)
    }

    /// A text of an answer, such as a header's value.
    #[doc(hidden)]
    pub fn untrusted(&self, text: &str) -> Untrusted {
        Untrusted::new(text, self.0.known_keys())
    }

    /// The proxy that requests go through, and what named it, without a password; `None` without one.
    pub fn proxy(&self) -> Option<&str> {
        self.0.transport().config.proxy.as_ref().map(|proxy| proxy.shown.as_str())
    }

    /// Where this client's requests go, without a slash at the end.
    pub fn base_url(&self) -> &str {
        self.0.base_url().as_str()
    }

    /// The base URL for people: a key that was put there by mistake is masked.
    #[doc(hidden)]
    pub fn shown_base_url(&self) -> String {
        self.0.known_keys().mask_misplaced(self.base_url())
    }

    /// Whether this client authenticates with that key. Compared in constant time.
    pub fn uses(&self, key: &ApiKeyDetails) -> bool {
        self.0.credential().is_some_and(|held| held.key == key.api_key)
    }

    /// Why `delete` would keep this key, going by a list of all keys: for whoever wants to say so before. Nothing is sent.
    /// `KeyInUse` is what [`allow_key_in_use`](crate::Delete::allow_key_in_use) allows.
    pub fn keeps(&self, keys: &[ApiKeyDetails], id: &KeyId) -> Option<ErrorKind> {
        let in_use = self.0.credential();
        rules::may_delete(keys, id, in_use.as_ref().map(|held| &held.key), false).err().map(|refused| refused.kind())
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

impl Walk {
    /// As [`Pages::next`].
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
