//! Use and manage the API keys of [Codat](https://codat.io): authenticate any call, and list, create and delete keys
//! without a lock-out and without a leak.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), codat_keys::Error> {
//! # let emulator = codat_keys_emulator::Emulator::start().unwrap();
//! # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
//! use codat_keys::{Client, KeyName};
//!
//! // Or `Client::from_env()`, which reads CODAT_API_KEY, CODAT_AUTH_HEADER or CODAT_API_KEY_FILE.
//! let client = Client::builder().base_url(base_url).api_key(key).build()?;
//!
//! let made = client.keys().create(&KeyName::parse("invoice-processor")?).await?;
//! for key in client.keys().list().await? {
//!     println!("{} {:?} {:?}", key.id, key.name, key.api_key); // no key is shown
//! }
//! client.keys().delete(&made.key.id).await?;
//! # Ok(())
//! # }
//! ```
//!
//! To send the header with an HTTP client of your own, [`AuthorizationHeader`] is all you need.

#![cfg_attr(not(test), deny(clippy::non_ascii_literal, reason = "what is shown can be encoded anywhere"))]

mod api;
mod auth;
mod base_url;
pub mod blocking;
mod blueprint;
mod call;
mod client;
mod config;
mod connect_error;
mod container;
#[doc(hidden)]
pub mod create;
mod credential;
mod credentials;
mod date;
#[doc(hidden)]
pub mod delete;
mod error;
mod escapes;
mod follow;
mod fork;
#[cfg(fuzzing)]
pub mod fuzzing;
mod key;
mod keys;
mod known_keys;
mod limits;
mod lookalikes;
mod mistake;
mod needles;
mod pages;
mod plain;
#[cfg(test)]
mod property_tests;
mod proxy;
mod rate_limit;
mod redact;
#[doc(hidden)]
pub mod reference;
mod refusal;
mod request;
mod response;
#[doc(hidden)]
pub mod retry;
mod rules;
mod secret;
mod send_error;
#[cfg(test)]
#[path = "../../../tests/support/stand_in.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod stand_in;
mod stop;
mod text;
mod tls;
mod transport;
mod trust;
#[cfg(test)]
mod unit_cases;
mod untrusted;

pub use auth::AuthorizationHeader;
pub use client::Client;
pub use config::ClientBuilder;
pub use create::{Creation, How};
pub use credential::Credential;
#[doc(hidden)]
pub use credentials::{CREDENTIAL_VARIABLES, is_readable_by_all, without_credentials};
pub use credentials::{Found, KeyCommand, KeyProvider, Reading, Source, sources};
pub use error::{Error, ErrorKind, Outcome};
pub use key::{ApiKeyDetails, KeyId, KeyName};
pub use keys::{Create, Delete, Keys};
#[doc(hidden)]
pub use limits::seconds;
#[doc(hidden)]
pub use lookalikes::mask_credentials;
#[doc(hidden)]
pub use pages::Walk;
pub use pages::{Page, Pages};
#[doc(hidden)]
pub use plain::{escape_json, plain};
pub use rate_limit::RateLimit;
pub use request::Request;
pub use response::Response;
pub use rules::MAX_KEYS;
pub use secret::ApiKey;
#[doc(hidden)]
pub use text::{NotText, decode};
#[doc(hidden)]
pub use trust::{OpenError, check_trusted_folder, open_trusted};
pub use untrusted::Untrusted;

pub use bytes::Bytes;
pub use http::Method;
pub use http::header::{HeaderMap, HeaderName, HeaderValue};
pub use jiff::Timestamp;
