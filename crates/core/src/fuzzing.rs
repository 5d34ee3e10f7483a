//! Functions for the fuzz targets in the directory `fuzz`. This module exists only with `--cfg fuzzing`.

use bytes::Bytes;
use http::{Method, StatusCode};

use crate::domain::{ApiKey, ApiKeyDetails, BaseUrl, KeyId, KnownKeys};
use crate::error::Error;
use crate::response::Response;
use crate::wire::{self, Attempt};

/// A response that a client received.
pub struct Received(Attempt);

impl Received {
    /// Creates a response with this status and body. `key` is the API key of the client that received the response.
    pub fn new(status: StatusCode, body: &[u8], key: &ApiKey) -> Self {
        let known = KnownKeys::new();
        known.add_used(key);
        let mut response = http::Response::new(Bytes::copy_from_slice(body));
        *response.status_mut() = status;
        Self(Attempt::new(response, known))
    }

    /// Parses the response to a request that lists the keys.
    ///
    /// # Errors
    /// As [`Keys::list`](crate::Keys::list).
    pub fn list(&self) -> Result<Vec<ApiKeyDetails>, Error> {
        wire::parse_list(&self.0)
    }

    /// Parses the response to a request that creates a key.
    ///
    /// # Errors
    /// As [`Keys::create`](crate::Keys::create).
    pub fn create(&self) -> Result<ApiKeyDetails, Error> {
        wire::parse_create(&self.0)
    }

    /// Parses the response to a request that deletes a key.
    ///
    /// # Errors
    /// As [`Keys::delete`](crate::Keys::delete).
    pub fn delete(&self) -> Result<(), Error> {
        wire::parse_delete(&self.0)
    }

    /// Parses the response to a [`Request`](crate::Request).
    ///
    /// # Errors
    /// As [`Client::request`](crate::Client::request).
    pub fn any(&self) -> Result<Response, Error> {
        wire::parse_any(self.0.clone(), false).map(Response)
    }
}

/// Returns the URL of a GET request with this path and one query parameter. `parameter` is both the name and the value
/// of the query parameter.
///
/// # Errors
/// As [`ClientBuilder::build`](crate::ClientBuilder::build) for the base URL, and
/// [`Client::request`](crate::Client::request) for the path.
pub fn request_url(base_url: &str, path: &str, parameter: &str) -> Result<String, Error> {
    let base = BaseUrl::parse(base_url, "the base URL", false)?;
    let query = [(parameter.to_owned(), parameter.to_owned())];
    Ok(wire::any_request(Method::GET, &base, path, &query, Bytes::new())?.uri().to_string())
}

/// Returns the URL of a request that deletes a key.
///
/// # Errors
/// As [`ClientBuilder::build`](crate::ClientBuilder::build) for the base URL.
pub fn key_url(base_url: &str, id: &KeyId) -> Result<String, Error> {
    let base = BaseUrl::parse(base_url, "the base URL", false)?;
    Ok(wire::delete_request(&base, id)?.uri().to_string())
}
