//! Keys, credentials and URLs as types that hold only valid values, and the rules about them. Nothing here does I/O.

mod api_key;
mod authorization;
pub(crate) mod base_url;
mod container;
mod credential;
mod key;
mod known_keys;
mod mistake;
pub mod reference;
pub(crate) mod rules;
mod untrusted;

pub use api_key::ApiKey;
pub(crate) use api_key::MASK;
pub use authorization::AuthorizationHeader;
pub(crate) use base_url::BaseUrl;
pub use credential::Credential;
pub(crate) use credential::{STANDARD_ANY_PADDING, USUAL_KEY_LENGTH};
pub use key::{ApiKeyDetails, KeyId, KeyName};
pub(crate) use key::{CLOCK_SKEW, NOT_IN_A_SEGMENT, WireKey};
pub(crate) use known_keys::KnownKeys;
pub(crate) use mistake::Mistake;
pub use rules::MAX_KEYS;
pub use untrusted::Untrusted;
