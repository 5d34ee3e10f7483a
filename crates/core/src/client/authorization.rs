//! `Authorization` headers for requests that another HTTP library sends.

use super::Client;
use crate::domain::AuthorizationHeader;
use crate::error::{Error, ErrorKind};

impl Client {
    /// Returns the `Authorization` header for a request that another HTTP library sends. `url` is the URL of the
    /// request. Returns an error unless `url` has the origin of the base URL, so that the API key is sent only to
    /// Codat.
    ///
    /// This method does not run a key command or a custom provider. It uses the latest key that the command or provider
    /// returned. It checks a key file at most once a second, and reads the file again if the file has changed. In
    /// asynchronous code, prefer [`authorize`](Self::authorize).
    ///
    /// # Errors
    /// `InvalidInput` for an invalid URL, or a URL of another origin. `NoCredential` if the key command or the custom
    /// provider has not returned a key yet. `Closed` after [`close`](Self::close).
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
    /// key file again if the file has changed. Returns `None` if the key must first be read from a command or a custom
    /// provider. In this case, call [`authorize`](Self::authorize), which reads the key from its source.
    ///
    /// # Errors
    /// `InvalidInput` for an invalid URL, or a URL of another origin. `Closed` after [`close`](Self::close).
    pub fn cached_authorization(&self, url: &str) -> Result<Option<AuthorizationHeader>, Error> {
        self.check_own(url)?;
        Ok(self.0.transport().credentials().cached().map(|credential| AuthorizationHeader::from(&credential.key)))
    }

    /// Returns the `Authorization` header for a request that another HTTP library sends. `url` is the URL of the
    /// request. Returns an error unless `url` has the origin of the base URL. Reads the API key from its source before
    /// the first use, and again if the source may have changed. Concurrent calls share one read. A failed read is not
    /// retried. This method sends no request to Codat.
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
    /// `InvalidInput` for an invalid URL, or a URL of another origin. `Closed` after [`close`](Self::close). If no key
    /// has been read yet, also the errors of [`ClientBuilder::build`](crate::ClientBuilder::build) for a key that
    /// cannot be read, and `Timeout` if the read takes longer than the timeout of an operation.
    pub async fn authorize(&self, url: &str) -> Result<AuthorizationHeader, Error> {
        self.check_own(url)?;
        let credential = self.0.transport().key_to_use(self.0.read_deadline()).await?;
        Ok(AuthorizationHeader::from(&credential.key))
    }

    /// Returns a header with another API key, to repeat a request that Codat rejected with 401 or 403. `rejected` is
    /// the header of that request. Returns `None` if the source has no other key. Concurrent calls share one read of
    /// the source. Use this method only for requests that another HTTP library sends: the client refreshes its key for
    /// its own requests.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize). Also the errors of the source, if the key cannot be read again. The client
    /// then keeps its cached key.
    pub async fn reauthorize(
        &self,
        url: &str,
        rejected: &AuthorizationHeader,
    ) -> Result<Option<AuthorizationHeader>, Error> {
        self.check_own(url)?;
        let another = self.0.transport().key_after_rejection(rejected.api_key(), self.0.read_deadline()).await?;
        Ok(another.map(|credential| AuthorizationHeader::from(&credential.key)))
    }

    /// Checks whether another HTTP library may send the `Authorization` header to `url` over an unencrypted connection.
    /// If the request uses a proxy, `url` is the URL of the proxy, because a proxy could read the API key in the
    /// header. Otherwise, `url` is the URL of the request. An `https` request needs no check.
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

    /// Reads the API key from its source again, and returns whether the key has changed. The client does this
    /// automatically after Codat rejects the key. Returns false if the key was given as a value.
    ///
    /// # Errors
    /// The errors of [`ClientBuilder::build`](crate::ClientBuilder::build) for a key that cannot be read. `Timeout` if
    /// the read takes longer than the timeout of an operation. After an error, the client keeps its cached key.
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
