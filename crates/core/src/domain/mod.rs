//! Types for API keys, credentials and URLs, and the rules about them. The types contain only valid values. This module
//! performs no I/O.

mod api_key;
mod authorization;
pub(crate) mod base_url;
mod container;
mod credential;
mod from_text;
mod key;
mod known_keys;
mod misplaced;
mod mistake;
mod outcome;
mod path;
pub(crate) mod reference;
pub(crate) mod rules;
mod untrusted;

pub use api_key::ApiKey;
pub use authorization::AuthorizationHeader;
pub(crate) use base_url::BaseUrl;
pub use credential::Credential;
pub use key::{ApiKeyDetails, KeyId, KeyName, key_id_in_path};
pub(crate) use key::{CLOCK_SKEW, NOT_IN_A_SEGMENT};
pub(crate) use known_keys::{KnownKeys, MOST_LISTED};
pub(crate) use misplaced::mask_values;
pub use misplaced::{holds_credential, mask_credentials, mask_key};
pub(crate) use mistake::Mistake;
pub use outcome::Outcome;
pub(crate) use path::has_dot_segment;
pub use rules::{MAX_KEYS, count_keys};
pub use untrusted::Untrusted;
