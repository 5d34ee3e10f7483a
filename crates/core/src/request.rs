//! Requests to any path of Codat's API, for operations that this library does not cover.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderName,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderValue, Method};
use serde::Serialize;

use crate::cancel::{Cancellation, or_cancelled};
use crate::domain::{KnownKeys, mask_credentials};
use crate::error::{Error, ErrorKind};
use crate::handle::{Handle, Pending};
use crate::response::Response;
use crate::retry::Execution;
use crate::wire::{self, idempotency_key};

/// A request to any path of Codat's API, returned by [`Client::request`](crate::Client::request).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// use codat_keys::Method;
///
/// let companies = client.request(Method::GET, "/companies").param("pageSize", 2).await?;
/// let companies: serde_json::Value = companies.json()?;
/// assert_eq!(companies["totalResults"], 5);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until it is awaited or sent"]
#[derive(Debug)]
pub struct Request<C = Handle> {
    pub(crate) client: C,
    pub(crate) options: RequestOptions,
}

/// The method, path, query parameters, headers, body, timeout and response limit of a [`Request`].
pub(crate) struct RequestOptions {
    method: Method,
    path: String,
    params: Vec<(String, String)>,
    headers: Result<HeaderMap, Error>,
    body: Result<Bytes, Error>,
    timeout: Option<Duration>,
    pub(crate) max_response_bytes: Option<u64>,
    cancellation: Option<Cancellation>,
}

impl<C> Request<C> {
    pub(crate) fn new(client: C, method: Method, path: &str) -> Self {
        Self { client, options: RequestOptions::new(method, path, Vec::new()) }
    }

    /// Adds a query parameter to the URL. The name and the value are percent-encoded.
    pub fn param(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.options.params.push((name.into(), value.to_string()));
        self
    }

    /// Adds a header.
    ///
    /// For POST and PATCH, an `Idempotency-Key` header replaces the generated one. To repeat an earlier request without
    /// performing it twice, send the same body with the same idempotency key within 85 minutes. Codat forgets the
    /// idempotency key after 90 minutes.
    ///
    /// The request returns `InvalidInput` for headers that the client sets: `Authorization`, `Host`, `Accept-Encoding`
    /// and headers for the connection or the length of the body, such as `Connection` and `Content-Length`. The request
    /// also returns `InvalidInput` for a name or value that cannot be sent.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), codat_keys::Error> {
    /// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
    /// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
    /// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
    /// use codat_keys::{ErrorKind, Method};
    ///
    /// client.request(Method::GET, "/companies").header("Accept-Language", "en").await?;
    /// let refused = client.request(Method::GET, "/companies").header("Accept-Language", "en\n").await.unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    /// # Ok(())
    /// # }
    /// ```
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        HeaderName: TryFrom<N>,
        HeaderValue: TryFrom<V>,
    {
        let what = match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                if let Ok(headers) = &mut self.options.headers {
                    headers.append(name, value);
                }
                return self;
            }
            (Ok(name), Err(_)) => &format!("the value of the header {name}"),
            // The message does not quote the name: the caller may have passed a credential as the name by mistake.
            (Err(_), _) => "the name of a header",
        };
        let error =
            Error::new(ErrorKind::InvalidInput, format!("{what} has a character that HTTP does not allow there"));
        self.options.headers = Err(error.with_hint("use visible ASCII characters; nothing was sent"));
        self
    }

    /// Sets the body to `value` as JSON, and sets the header `Content-Type` to `application/json`. Default: no body.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        if let Ok(headers) = &mut self.options.headers {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(wire::JSON));
        }
        self.options.body = serde_json::to_vec(value).map(Bytes::from).map_err(|_| {
            // Omits serde's message, which may quote a value.
            Error::new(ErrorKind::InvalidInput, "the body cannot be written as JSON").with_hint("use string keys only")
        });
        self
    }

    /// Sets the body. Does not set the header `Content-Type`; set it with [`header`](Self::header). Default: no body.
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.options.body = Ok(bytes.into());
        self
    }

    /// Sets the timeout of this request, including retries and waits. Default: the timeout of the client. If the client
    /// was built without a timeout: 30 s, and 10 s for each attempt.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.options.timeout = Some(time);
        self
    }

    /// Sets the maximum size of the response body in bytes. A larger body is an error of kind `TooLarge`. Default: the
    /// limit of the client, see [`ClientBuilder::max_response_bytes`](crate::ClientBuilder::max_response_bytes). The
    /// request returns `InvalidInput` for zero.
    pub fn max_response_bytes(mut self, bytes: u64) -> Self {
        self.options.max_response_bytes = Some(bytes);
        self
    }

    /// Cancels the request when the future `cancelled` completes. A cancelled request returns `Cancelled`, or
    /// `OutcomeUnknown` if the request may have taken effect. Default: the request is not cancelled.
    pub fn cancel_on(mut self, cancelled: impl Future<Output = ()> + Send + 'static) -> Self {
        self.options.cancellation = Some(Box::pin(cancelled));
        self
    }
}

impl Request {
    /// Sends the request. Awaiting the request does the same.
    ///
    /// # Errors
    /// As [`Client::request`](crate::Client::request).
    pub async fn send(self) -> Result<Response, Error> {
        self.options.perform(&self.client).await
    }
}

impl IntoFuture for Request {
    type Output = Result<Response, Error>;
    type IntoFuture = Pending<Response>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl RequestOptions {
    pub(crate) fn new(method: Method, path: &str, params: Vec<(String, String)>) -> Self {
        let (method, path) = (in_upper_case(method), path.to_owned());
        let (headers, body) = (Ok(HeaderMap::new()), Ok(Bytes::new()));
        Self { method, path, params, headers, body, timeout: None, max_response_bytes: None, cancellation: None }
    }

    pub(crate) async fn perform(self, client: &Handle) -> Result<Response, Error> {
        let deadline = client.deadline_for(self.timeout)?;
        let limit = client.body_limit(self.max_response_bytes)?;
        let takes_key = matches!(self.method, Method::POST | Method::PATCH);
        let headers = self.headers.map_err(|error| error.masked(|text| client.known_keys().redact(text)))?;
        check_headers(&headers, takes_key, client.known_keys())?;
        let mut request = wire::any_request(self.method, client.base_url(), &self.path, &self.params, self.body?)?;
        request.headers_mut().extend(headers);
        if takes_key && !request.headers().contains_key(idempotency_key::HEADER) {
            let key = idempotency_key::generate().to_string();
            request.headers_mut().insert(idempotency_key::HEADER, wire::header_value(&key)?);
        }
        let mut execution = Execution::new(client.transport(), client.retry(), &request, deadline, limit);
        let ended = or_cancelled(execution.run(wire::parse_any), self.cancellation).await;
        ended.unwrap_or_else(|| Err(execution.cancelled())).map(Response)
    }
}

/// Converts a standard method to upper case. Servers respond to `get` with 405, because methods are case-sensitive.
/// Other methods stay unchanged.
fn in_upper_case(method: Method) -> Method {
    const STANDARD: [Method; 7] =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    STANDARD.into_iter().find(|one| one.as_str().eq_ignore_ascii_case(method.as_str())).unwrap_or(method)
}

/// The headers that a caller cannot set, because the client or its HTTP library sets them.
const OWN: [HeaderName; 11] = [
    ACCEPT_ENCODING,
    AUTHORIZATION,
    PROXY_AUTHORIZATION,
    HOST,
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

fn check_headers(headers: &HeaderMap, takes_key: bool, known: &KnownKeys) -> Result<(), Error> {
    let refuse = |what: String, hint: &'static str| Err(Error::new(ErrorKind::InvalidInput, what).with_hint(hint));
    if let Some(name) = OWN.iter().find(|name| headers.contains_key(*name)) {
        return refuse(
            format!("the header {name} cannot be given"),
            "leave it out: the client sends its own; nothing was sent",
        );
    }
    let keys: Vec<&HeaderValue> = headers.get_all(idempotency_key::HEADER).iter().collect();
    match keys.as_slice() {
        [] => Ok(()),
        _ if !takes_key => refuse(
            "the header Idempotency-Key cannot be given here".into(),
            "Codat honours it for POST and PATCH alone: leave it out; nothing was sent",
        ),
        // Rejects an API key as the idempotency key, because error messages contain the idempotency key.
        [key] if key.to_str().is_ok_and(|key| known.occur_in(key)) => refuse(
            "the header Idempotency-Key holds an API key".into(),
            "give a UUID, or leave it out: the client makes one; nothing was sent",
        ),
        [key] if !key.is_empty() && key.as_bytes().iter().all(u8::is_ascii_graphic) => Ok(()),
        _ => refuse(
            "the header Idempotency-Key must be one value of visible ASCII characters".into(),
            "give a UUID, or leave it out: the client makes one; nothing was sent",
        ),
    }
}

impl fmt::Debug for RequestOptions {
    /// Omits the query parameters, the headers and the body, which may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        f.debug_struct("RequestOptions")
            .field("method", &self.method)
            .field("path", &mask_credentials(path))
            .finish_non_exhaustive()
    }
}
