//! The options of a request, and the functions that send the request.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName,
    PROXY_AUTHORIZATION, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderValue, Method};

use crate::cancel::{Cancellation, or_cancelled};
use crate::domain::{KnownKeys, holds_credential, mask_credentials};
use crate::error::{Error, ErrorKind};
use crate::handle::Handle;
use crate::response::Response;
use crate::response_stream::ResponseStream;
use crate::retry::Execution;
use crate::timeouts::Deadline;
use crate::transport::{BodyLimit, BodyMode, Received};
use crate::wire::{self, idempotency_key};

/// The method, path, query parameters, headers, body, timeout and response limit of a [`Request`](super::Request).
pub(crate) struct RequestOptions {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) params: Vec<(String, String)>,
    pub(super) headers: Result<HeaderMap, Error>,
    pub(super) body: Result<Bytes, Error>,
    pub(super) timeout: Option<Duration>,
    pub(crate) max_response_bytes: Option<u64>,
    pub(super) cancellation: Option<Cancellation>,
}

impl RequestOptions {
    pub(crate) fn new(method: Method, path: &str, params: Vec<(String, String)>) -> Self {
        let (method, path) = (in_upper_case(method), path.to_owned());
        let (headers, body) = (Ok(HeaderMap::new()), Ok(Bytes::new()));
        Self { method, path, params, headers, body, timeout: None, max_response_bytes: None, cancellation: None }
    }

    pub(crate) async fn perform(self, client: &Handle) -> Result<Response, Error> {
        let mode = BodyMode::Whole(client.body_limit(self.max_response_bytes)?);
        let (deadline, request, mut cancellation) = self.build(client)?;
        let mut execution = Execution::new(client.transport(), client.retry(), &request, deadline, mode);
        let call = execution.run(|received| wire::parse_any(received.attempt, asks_for_part(&request)));
        let ended = or_cancelled(call, &mut cancellation).await;
        ended.unwrap_or_else(|| Err(execution.cancelled())).map(Response)
    }

    pub(crate) async fn perform_streaming(self, client: &Handle) -> Result<ResponseStream, Error> {
        let limit = self.max_response_bytes.map_or(Ok(BodyLimit::NONE), BodyLimit::given)?;
        let (deadline, request, mut cancellation) = self.build(client)?;
        let mode = BodyMode::Streamed(limit);
        let mut execution = Execution::new(client.transport(), client.retry(), &request, deadline, mode);
        let call =
            execution.run(|Received { attempt, body }| Ok((wire::parse_any(attempt, asks_for_part(&request))?, body)));
        let ended = or_cancelled(call, &mut cancellation).await;
        let (attempt, body) = ended.unwrap_or_else(|| Err(execution.cancelled()))?;
        Ok(ResponseStream::new(attempt, body, deadline.idle_timeout(), cancellation, execution.conclusion()))
    }

    fn build(self, client: &Handle) -> Result<(Deadline, http::Request<Bytes>, Option<Cancellation>), Error> {
        let deadline = client.deadline_for(self.timeout)?;
        let takes_key = matches!(self.method, Method::POST | Method::PATCH);
        let headers = self.headers.map_err(|error| error.masked(|text| client.known_keys().redact(text)))?;
        check_headers(&headers, takes_key, client.known_keys())?;
        // Logs and errors contain the method.
        if client.known_keys().occur_in(self.method.as_str()) || holds_credential(self.method.as_str()) {
            let error = Error::new(ErrorKind::InvalidInput, "the method holds an API key, or what looks like one");
            return Err(error.with_hint("give a method, such as GET, and then the path; nothing was sent"));
        }
        let mut request = wire::any_request(self.method, client.base_url(), &self.path, &self.params, self.body?)?;
        request.headers_mut().extend(headers);
        if takes_key && !request.headers().contains_key(idempotency_key::HEADER) {
            let key = idempotency_key::generate().to_string();
            request.headers_mut().insert(idempotency_key::HEADER, wire::header_value(&key)?);
        }
        Ok((deadline, request, self.cancellation))
    }
}

fn asks_for_part(request: &http::Request<Bytes>) -> bool {
    request.headers().contains_key(RANGE)
}

/// Converts a standard method to upper case, and leaves other methods unchanged. Servers respond to `get` with 405,
/// because methods are case-sensitive.
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

/// The headers that make a gateway perform another method than the method of the request, or use another path. A caller
/// cannot set these headers, because this library checks only the method and the path of the request.
const OVERRIDES: [&str; 9] = [
    "method-override",
    "x-forwarded-method",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-method",
    "x-original-url",
    "x-override-method",
    "x-rewrite-url",
];

fn check_headers(headers: &HeaderMap, takes_key: bool, known: &KnownKeys) -> Result<(), Error> {
    let refuse = |what: String, hint: &'static str| Err(Error::new(ErrorKind::InvalidInput, what).with_hint(hint));
    for given in headers.keys() {
        // Many servers, such as those with CGI or WSGI, do not distinguish `_` from `-` in the name of a header.
        let name = given.as_str().replace('_', "-");
        if OWN.iter().any(|own| own.as_str() == name) || (name == idempotency_key::HEADER && given.as_str() != name) {
            return refuse(
                format!("the header {name} cannot be given"),
                "leave it out: the client sends its own; nothing was sent",
            );
        }
        if OVERRIDES.contains(&name.as_str()) {
            return refuse(
                format!("the header {name} cannot be given"),
                "send the method and the path themselves, so that the checks for them apply; nothing was sent",
            );
        }
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
            .field("method", &mask_credentials(self.method.as_str()))
            .field("path", &mask_credentials(path))
            .finish_non_exhaustive()
    }
}
