//! The authorization of requests that another HTTP library sends.

use super::Client;
use crate::domain::AuthorizationHeader;
use crate::error::{Error, ErrorKind};

impl Client {
    /// Returns the `Authorization` header for a request that another HTTP library sends, if the URL belongs to the
    /// origin of the base URL. For any other URL, returns an error, so that the key is sent nowhere else.
    ///
    /// This method does not run a command or a custom provider, but uses the latest key that the command or provider
    /// returned. It checks a key file at most once a second, and reads the file again if it has changed. Prefer
    /// [`authorize`](Self::authorize) in asynchronous code.
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

    /// Returns the `Authorization` header with the cached key, for a request that another HTTP library sends. Reads a
    /// key file again if it has changed. Returns `None` if [`authorize`](Self::authorize) would run a command or a
    /// custom provider.
    ///
    /// # Errors
    /// `InvalidInput` for a URL of another origin, or an invalid URL. `Closed` after [`close`](Self::close).
    pub fn cached_authorization(&self, url: &str) -> Result<Option<AuthorizationHeader>, Error> {
        self.check_own(url)?;
        Ok(self.0.transport().credentials().cached().map(|credential| AuthorizationHeader::from(&credential.key)))
    }

    /// Returns the `Authorization` header for a request that another HTTP library sends, if the URL belongs to the
    /// origin of the base URL. Reads the credential from its source before its first use, and again if the source may
    /// have changed. Concurrent calls of this method share one read. This method sends nothing to Codat, and does not
    /// retry a failed read.
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

    /// Returns a header with another key, to repeat a request after the server responded with 401 or 403 to the header
    /// `rejected`. Returns `None` if the credential source has no other key. Concurrent calls of this method share one
    /// read of the source. The client does this automatically for its own requests. Use this method for requests that
    /// another library sends.
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

    /// Checks that an unencrypted request of another HTTP library connects to the origin of the base URL. A proxy could
    /// read the key in such a request. `url` is the URL of the proxy, or of the request if there is no proxy. An
    /// `https` request needs no check, because a proxy cannot read it.
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

    fn check_own(&self, url: &str) -> Result<(), Error> {
        self.0.transport().config.check_open()?;
        self.0.base_url().check_own(url)
    }
}
