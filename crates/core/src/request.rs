//! Any call to Codat's API: what no verb of this library covers.

use std::future::IntoFuture;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use http::{HeaderValue, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::api;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::keys::Pending;
use crate::rate_limit::RateLimit;

/// A call about to be made: [`Client::request`].
///
/// ```no_run
/// # async fn example(client: codat_keys::Client) -> Result<(), codat_keys::Error> {
/// use codat_keys::Method;
///
/// let companies = client.request(Method::GET, "/companies").query("pageSize", "10").await?;
/// let companies: serde_json::Value = companies.json()?;
/// println!("{}", companies["totalResults"]);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until it is awaited"]
#[derive(Debug)]
pub struct Request<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, Error>,
    timeout: Option<Duration>,
}

impl<'a> Request<'a> {
    pub(crate) fn new(client: &'a Client, method: Method, path: &str) -> Self {
        let (path, headers) = (path.to_owned(), HeaderMap::new());
        Self { client, method, path, query: Vec::new(), headers, body: Ok(Bytes::new()), timeout: None }
    }

    /// Adds a parameter to the query, percent-encoded. Default: the query that the path has, if any.
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a header. `Authorization` and, for POST and PATCH, `Idempotency-Key` are this library's own.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sends a value as JSON. Default: no body.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(api::JSON));
        self.body = serde_json::to_vec(value).map(Bytes::from).map_err(|_| {
            // Without serde's text, which may quote a value.
            Error::new(ErrorKind::InvalidInput, "the body cannot be written as JSON").hint_is("use string keys only")
        });
        self
    }

    /// Sends bytes as they are; give the `Content-Type` as a header. Default: no body.
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = Ok(bytes.into());
        self
    }

    /// How long this call may take, retries and waits included. Default: the client's, 30 s with 10 s for each attempt.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    async fn perform(self) -> Result<Response, Error> {
        let budget = self.client.budget_for(self.timeout)?;
        let mut request = api::any_request(self.method, self.client.base(), &self.path, &self.query, self.body?)?;
        request.headers_mut().extend(self.headers);
        if matches!(*request.method(), Method::POST | Method::PATCH) {
            let key = Uuid::now_v7().to_string();
            request.headers_mut().insert(api::IDEMPOTENCY_KEY, api::header_value(&key)?);
        }
        self.client.transport().send(request, budget, api::parse_any).await.map(Response)
    }
}

impl<'a> IntoFuture for Request<'a> {
    type Output = Result<Response, Error>;
    type IntoFuture = Pending<'a, Response>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.perform())
    }
}

/// An answer of any 2xx status. `Debug` shows neither headers nor body.
#[derive(Clone)]
pub struct Response(http::Response<Bytes>);

impl Response {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The body, at most 8 MiB.
    pub fn bytes(&self) -> &Bytes {
        self.0.body()
    }

    /// The body, read from JSON.
    ///
    /// # Errors
    /// `BadResponse` where it is no JSON of that form. The error tells the place, never a value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        api::json(&self.0)
    }

    /// What this answer says of the day's quota.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        RateLimit::read(self.headers())
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response").field("status", &self.status()).field("bytes", &self.bytes().len()).finish()
    }
}
