//! A client for the API of [Codat](https://codat.io). The client authenticates requests with an API key. It also lists,
//! creates and deletes API keys. It never deletes the last key, and no log or error message contains a key.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), codat_keys::Error> {
//! # let emulator = codat_keys_emulator::Emulator::start().unwrap();
//! # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
//! use codat_keys::Client;
//!
//! // Or `Client::from_env()`, which reads CODAT_API_KEY, CODAT_AUTH_HEADER or CODAT_API_KEY_FILE.
//! let client = Client::builder().base_url(base_url).api_key(key).build()?;
//!
//! let made = client.keys().create("invoice-processor").await?;
//! for key in client.keys().list().await? {
//!     println!("{} {:?} {:?}", key.id, key.name, key.api_key); // no key is shown
//! }
//! client.keys().delete(&made.key.id).await?;
//! # Ok(())
//! # }
//! ```
//!
//! For requests with another HTTP library, [`AuthorizationHeader`] is sufficient.
//!
//! # Cargo features
//!
//! This crate sends requests with reqwest. Cargo enables the features of reqwest for the whole application, so the TLS
//! features of this crate also affect the reqwest clients of the application:
//!
//! - `rustls` (default): TLS with rustls, aws-lc and bundled root certificates. Enables the feature `rustls` of
//!   reqwest. The reqwest clients of the application then also have TLS. They keep the TLS backend and the rustls
//!   provider that the application has chosen.
//! - `ring`: TLS with rustls, ring and bundled root certificates. Smaller, because aws-lc is not built. Enables the
//!   feature `rustls-no-provider` of reqwest. An application that uses reqwest itself must then install a rustls
//!   provider, or `reqwest::Client::builder().build()` panics. If both features are enabled, this crate uses ring.
//!
//! If neither feature is enabled, this crate enables no feature of reqwest. [`ClientBuilder::build`] then rejects an
//! `https` base URL, unless [`ClientBuilder::http_client`] is set.

#![cfg_attr(not(test), deny(clippy::non_ascii_literal, reason = "ASCII can be printed in every encoding"))]

// The modules are in the order of their layers, from top to bottom. A module uses only modules of its own layer and of
// lower layers.
pub mod blocking;
mod builder;
mod client;
#[doc(hidden)]
pub mod internal;

mod keys;
mod pages;
mod request;
mod response;
mod response_stream;

mod handle;

mod retry;

mod transport;

mod profiles;

mod credentials;
mod redact;
mod wire;

mod domain;

mod environment;
mod error;
mod fork;
mod timeouts;

mod cancel;
mod encoding;
mod escapes;
mod lookalikes;
mod needles;
mod sanitize;
mod text;
mod trusted_file;

#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
#[path = "../../../tests/support/raw_server.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod raw_server;
#[cfg(test)]
mod unit_cases;

pub use builder::ClientBuilder;
pub use client::Client;
pub use credentials::{AbortHandle, CredentialFuture, CredentialSource, KeyCommand, KeyProvider, credential_chain};
pub use domain::{
    ApiKey, ApiKeyDetails, AuthorizationHeader, Credential, KeyId, KeyName, MAX_KEYS, Outcome, Untrusted,
};
pub use error::{Error, ErrorKind};
pub use keys::{Create, Creation, Delete, How, Keys, Lookup};
pub use pages::{Items, Page, Pages};
pub use request::Request;
pub use response::Response;
pub use response_stream::ResponseStream;
pub use wire::RateLimit;

pub use bytes::Bytes;
pub use http::header::{HeaderMap, HeaderName, HeaderValue};
pub use http::{Method, StatusCode};
pub use jiff::Timestamp;
