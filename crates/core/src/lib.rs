//! Use and manage the API keys of [Codat](https://codat.io): authenticate any call, and list, create and delete keys
//! without a lock-out and without a leak.
//!
//! ```no_run
//! # async fn example() -> Result<(), codat_keys::Error> {
//! use codat_keys::Client;
//!
//! let client = Client::from_env()?; // CODAT_API_KEY, CODAT_AUTH_HEADER or CODAT_API_KEY_FILE
//! for key in client.keys().list().await? {
//!     println!("{} {:?} {:?}", key.id, key.name, key.api_key); // the key itself is redacted
//! }
//! # Ok(())
//! # }
//! ```
//!
//! To send the header with an HTTP client of your own, [`AuthorizationHeader`] is all you need.

mod api;
mod auth;
mod base_url;
pub mod blocking;
mod blueprint;
mod call;
mod client;
mod config;
#[doc(hidden)]
pub mod create;
mod credential;
mod credentials;
mod date;
#[doc(hidden)]
pub mod delete;
mod error;
mod fork;
mod key;
mod keys;
mod pages;
#[cfg(test)]
mod property_tests;
mod proxy;
mod rate_limit;
mod redact;
mod request;
#[doc(hidden)]
pub mod retry;
mod rules;
mod secret;
#[cfg(test)]
#[path = "../../../tests/support/stand_in.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod stand_in;
mod stop;
mod tls;
mod transport;
#[cfg(test)]
mod unit_cases;

pub use auth::AuthorizationHeader;
pub use client::Client;
pub use config::ClientBuilder;
pub use create::{Creation, How};
pub use credential::Credential;
pub use credentials::{Found, Source, sources};
pub use error::{Error, ErrorKind, Outcome};
pub use key::{ApiKeyDetails, KeyId, KeyName};
pub use keys::{Create, Delete, Keys};
pub use pages::{Page, Pages};
pub use rate_limit::RateLimit;
pub use request::{Request, Response};
pub use rules::MAX_KEYS;
pub use secret::ApiKey;

pub use bytes::Bytes;
pub use http::Method;
pub use http::header::{HeaderMap, HeaderName, HeaderValue};
pub use jiff::Timestamp;

/// The examples of the README, compiled and run as its readers would.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
