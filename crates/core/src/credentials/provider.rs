//! What a source of keys is.

use std::future::Future;
use std::pin::Pin;

use crate::domain::Credential;

/// A key that is being read. An [`Error`](crate::Error) of this library is told as it is; any other is told as
/// `InvalidCredential`, with its text and as its cause, so that it should hold no secret.
pub type Reading<'a> =
    Pin<Box<dyn Future<Output = Result<Credential, Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>>;

/// Where a client's key comes from, and where the next one will: [`ClientBuilder::api_key_from`]. It is read with the first
/// call, when it may have changed, and once more when Codat refuses its key with 401 or 403; calls that need it at the same
/// time share one reading.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// use codat_keys::{ApiKey, Client, Credential, KeyProvider, Reading};
///
/// struct Vault(ApiKey); // here a client of your own
///
/// impl KeyProvider for Vault {
///     fn source(&self) -> &str {
///         "the vault"
///     }
///
///     fn read(&self) -> Reading<'_> {
///         Box::pin(async {
///             // Asks the vault, and awaits its answer.
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
    /// Where the key comes from, for people: `the vault`. It stands in errors and logs, and holds no secret.
    fn source(&self) -> &str;

    /// Reads the key now. The call that needs it awaits this, on its own runtime and within its own time; if that ends
    /// before, the future is dropped, and another call may begin anew.
    fn read(&self) -> Reading<'_>;

    /// Whether the key may have changed since it was last asked for. Called before every request, so that it must return
    /// at once. If it may have, one call reads it, while the others go on with the key in use; as that one does if it cannot
    /// be read. Default: it has not, until Codat refuses it.
    fn may_have_changed(&self) -> bool {
        false
    }
}
