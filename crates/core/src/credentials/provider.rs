//! The trait of credential providers.

use std::future::Future;
use std::pin::Pin;

use crate::domain::Credential;

/// The future that [`KeyProvider::read`] returns. If the future fails with an [`Error`](crate::Error) of this library,
/// the client returns this error. The client wraps any other error in an `InvalidCredential` error, whose `source`
/// returns the original error. The text of the original error must not contain secrets, because the message of the
/// `InvalidCredential` error contains this text. The `Debug` form of the original error may contain secrets, because
/// the `InvalidCredential` error does not show this form.
pub type CredentialFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Credential, Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>>;

/// A source of credentials for [`ClientBuilder::api_key_from`]. The client reads the source before its first request,
/// after Codat rejects the key with 401 or 403, and when [`may_have_changed`](Self::may_have_changed) returns true.
/// Concurrent requests share one read.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// use codat_keys::{ApiKey, Client, Credential, KeyProvider, CredentialFuture};
///
/// struct Vault(ApiKey); // in a real program, a client of the vault
///
/// impl KeyProvider for Vault {
///     fn source(&self) -> &str {
///         "the vault"
///     }
///
///     fn read(&self) -> CredentialFuture<'_> {
///         Box::pin(async {
///             // A real provider awaits a request to the vault here.
///             Ok(Credential::ApiKey(self.0.clone()))
///         })
///     }
/// }
///
/// let client = Client::builder().base_url(base_url).api_key_from(Vault(key)).build()?;
/// assert_eq!(client.keys().list().await?.len(), 1);
/// # Ok(())
/// # }
/// ```
///
/// [`ClientBuilder::api_key_from`]: crate::ClientBuilder::api_key_from
pub trait KeyProvider: Send + Sync {
    /// Returns the name of the source for errors and logs, such as `the vault`. The name must not contain secrets.
    fn source(&self) -> &str;

    /// Reads the credential. The request that needs the credential awaits the future. If the deadline of the request
    /// passes, the future is dropped, and another request can start a new read.
    fn read(&self) -> CredentialFuture<'_>;

    /// Returns whether the credential may have changed since the last read. Called before every request, and must
    /// return immediately. If this method returns true, one request reads the source, and concurrent requests use the
    /// cached credential. If the read fails, the cached credential stays in use. Default: `false`.
    fn may_have_changed(&self) -> bool {
        false
    }
}
