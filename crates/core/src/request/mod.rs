//! Requests to any path of Codat's API, for operations that this library does not cover.

mod options;

use std::future::{Future, IntoFuture};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method};
use serde::Serialize;

use crate::error::{Error, ErrorKind};
use crate::handle::{Handle, Pending};
use crate::response::Response;
use crate::response_stream::ResponseStream;
use crate::wire;
pub(crate) use options::RequestOptions;

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
    /// For POST and PATCH, an `Idempotency-Key` header replaces the idempotency key that the client generates. To
    /// repeat an earlier request without performing it twice, send the same body with the same idempotency key within
    /// 85 minutes. Codat forgets the idempotency key after 90 minutes.
    ///
    /// The request returns `InvalidInput` for headers that the client sets: `Authorization`, `Host`, `Accept-Encoding`
    /// and headers for the connection or the length of the body, such as `Connection` and `Content-Length`. The request
    /// also returns `InvalidInput` for a name or value that cannot be sent, and for headers that name another
    /// method or path, such as `X-HTTP-Method-Override` and `X-Original-URL`. With such a header, a gateway could
    /// perform another request. In all these names, `_` counts as `-`.
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
    /// has no timeout either, the defaults are 30 s for the request and 10 s for each attempt.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.options.timeout = Some(time);
        self
    }

    /// Sets the maximum size of the response body in bytes. A larger body is an error of kind `TooLarge`. Default: the
    /// limit of the client, see [`ClientBuilder::max_response_bytes`](crate::ClientBuilder::max_response_bytes). With
    /// [`send_streaming`](Request::send_streaming), the default is no limit. The request returns `InvalidInput` for
    /// zero.
    pub fn max_response_bytes(mut self, bytes: u64) -> Self {
        self.options.max_response_bytes = Some(bytes);
        self
    }

    /// Cancels the request when the future `cancelled` completes. While the caller reads the body of a
    /// [`ResponseStream`], the request can still be cancelled. A cancelled request returns `Cancelled`, or
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

    /// Sends the request, and returns the response as soon as its headers have arrived. The caller then reads the body
    /// in chunks. Use this method for a body that is too large for memory.
    ///
    /// Until the headers of a successful response have arrived, the client can repeat the request after a transient
    /// error or with a new credential. The timeout of the request covers this time. Afterwards, the request is never
    /// repeated. The timeout of an attempt then limits each wait for the next chunk. [`ResponseStream`] documents this
    /// timeout, and how the body ends.
    ///
    /// [`max_response_bytes`](Self::max_response_bytes) limits the body only if it is set on this request. Default: no
    /// limit.
    ///
    /// # Errors
    /// As [`send`](Self::send). A response without a 2xx status is an error, as for `send`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), codat_keys::Error> {
    /// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
    /// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
    /// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
    /// use codat_keys::Method;
    ///
    /// let mut response = client.request(Method::GET, "/companies").send_streaming().await?;
    /// let mut bytes = 0;
    /// while let Some(chunk) = response.chunk().await? {
    ///     bytes += chunk.len() as u64;
    /// }
    /// assert_eq!(Some(bytes), response.content_length());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send_streaming(self) -> Result<ResponseStream, Error> {
        self.options.perform_streaming(&self.client).await
    }
}

impl IntoFuture for Request {
    type Output = Result<Response, Error>;
    type IntoFuture = Pending<Response>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
