//! The requests that the probes send.

use codat_keys::{Bytes, Client, HeaderMap, HeaderName, HeaderValue, Method};

/// The path of the API keys in Codat's API.
pub(super) const KEYS: &str = "/apiKeys";

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request to the API. By default, the API key in use authenticates the request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The client whose API key authenticates the request. If `None`, the key in use
    /// authenticates the request, which is the key that the user has given to the command.
    pub(super) client: Option<Client>,
    /// Whether the response can be a copy of an earlier response.
    pub(super) is_repeat: bool,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, headers: HeaderMap::new(), body: Bytes::new(), client: None, is_repeat: false }
    }

    pub(super) fn get(path: &'a str) -> Self {
        Self::new(Method::GET, path)
    }

    /// Authenticates the request with the API key of `client`.
    pub(super) fn with(mut self, client: &Client) -> Self {
        self.client = Some(client.clone());
        self
    }

    /// Sends `value` as the value of the `Authorization` header.
    pub(super) fn authorization(mut self, value: &str) -> Self {
        let mut value = HeaderValue::from_str(value).expect("an API key is visible ASCII");
        value.set_sensitive(true);
        self.headers.insert(HeaderName::from_static("authorization"), value);
        self
    }

    /// Returns the request for a [`Creation`].
    pub(super) fn creation(creation: Creation<'_>) -> Self {
        let mut call = Self::new(Method::POST, KEYS).idempotency_key(creation.idempotency_key);
        call.headers.insert(HeaderName::from_static("content-type"), HeaderValue::from_static("application/json"));
        call.body = creation.body.to_owned().into();
        (call.client, call.is_repeat) = (creation.client.cloned(), creation.is_repeat);
        call
    }

    pub(super) fn idempotency_key(mut self, key: &str) -> Self {
        self.headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_str(key).expect("a name or a UUID is visible ASCII"));
        self
    }
}

/// A request to create a key. Codat should refuse some of these requests.
#[derive(Clone, Copy)]
pub(super) struct Creation<'a> {
    /// The name that the key would have.
    pub(super) name: &'a str,
    pub(super) body: &'a str,
    pub(super) idempotency_key: &'a str,
    /// The client whose API key authenticates the request. If `None`, the key in use
    /// authenticates the request, which is the key that the user has given to the command.
    pub(super) client: Option<&'a Client>,
    /// Whether an earlier request had the same idempotency key.
    pub(super) is_repeat: bool,
}
