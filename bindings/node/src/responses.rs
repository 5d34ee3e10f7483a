//! Converts the results of calls to data for `node/src/responses.ts` and `node/src/key-types.ts`.

use codat_keys::HeaderMap;
use codat_keys_bindings::{BodyStream, Outcome, headers};
use napi::bindgen_prelude::{Either3, ObjectFinalize, Uint8Array};
use napi::{Env, JsString};
use napi_derive::napi;
use serde::Serialize;
use serde::de::IgnoredAny;

use crate::errors::raise;
use crate::key_types::{KeyData, key_in, keys};

/// What a call returns besides JSON: an HTTP response, or a chunk of its body.
pub(crate) type Attachment = Either3<Response, ResponseStream, Uint8Array>;

/// Returns the value of a call as JSON, and the attachment of the call, if any.
pub(crate) fn to_json(outcome: Outcome) -> (String, Option<Attachment>) {
    match outcome {
        Outcome::Nothing | Outcome::Page(_) | Outcome::UnparsedPage(None) | Outcome::Chunk(None) => (text(&()), None),
        Outcome::Rotation(_, json) => (json, None),
        Outcome::Yes(value) => (text(&value), None),
        Outcome::Header(header) => (text(&header.as_ref().map(key_in)), None),
        Outcome::Key(key) => (text(&KeyData::from(&key)), None),
        Outcome::Keys(found) => (text(&keys(&found)), None),
        Outcome::Created(creation) => {
            let (key, extras) = (KeyData::from(&creation.key), creation.extras.as_deref().map(keys));
            (text(&Creation { key, how: creation.how.code(), extras }), None)
        }
        Outcome::Response(response) | Outcome::UnparsedPage(Some(response)) => {
            (text(&()), Some(Either3::A(Response(response))))
        }
        Outcome::Stream(response) => (text(&()), Some(Either3::B(ResponseStream::new(*response)))),
        Outcome::Chunk(Some(chunk)) => (text(&()), Some(Either3::C(Vec::from(chunk).into()))),
    }
}

#[derive(Serialize)]
struct Creation {
    key: KeyData,
    how: &'static str,
    extras: Option<Vec<KeyData>>,
}

/// Serializes a value to JSON. Serialization cannot fail for the types of this crate.
pub(crate) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The quota of HTTP requests per day. `reset` is the time of the next reset, in milliseconds since the Unix epoch.
#[napi(object, object_from_js = false)]
pub struct RateLimit {
    pub limit: Option<f64>,
    pub remaining: Option<f64>,
    pub reset: Option<f64>,
}

impl From<codat_keys::RateLimit> for RateLimit {
    fn from(quota: codat_keys::RateLimit) -> Self {
        Self {
            limit: quota.limit.map(|number| number as f64),
            remaining: quota.remaining.map(|number| number as f64),
            reset: quota.reset.map(|date| date.as_millisecond() as f64),
        }
    }
}

/// An HTTP response. The body is copied to JavaScript only when JavaScript code reads the body. This class reports the
/// size of the body to the garbage collector.
#[napi(custom_finalize)]
pub struct Response(pub(crate) codat_keys::Response);

impl Response {
    pub(crate) fn bytes(&self) -> i64 {
        self.0.bytes().len().try_into().unwrap_or(i64::MAX)
    }
}

impl ObjectFinalize for Response {
    fn finalize(self, env: Env) -> napi::Result<()> {
        env.adjust_external_memory(-self.bytes()).map(drop)
    }
}

#[napi]
impl Response {
    #[napi]
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// Returns the headers as pairs of a name and a value.
    #[napi]
    pub fn headers(&self) -> Vec<(&str, String)> {
        headers(self.0.headers())
    }

    #[napi]
    pub fn content(&self) -> Uint8Array {
        self.0.bytes().to_vec().into()
    }

    #[napi]
    pub fn redacted(&self) -> Uint8Array {
        self.0.redacted().into_owned().into()
    }

    #[napi]
    pub fn text<'env>(&self, env: &'env Env) -> napi::Result<JsString<'env>> {
        let text = self.0.text().map_err(raise(*env))?;
        // V8 copies Latin-1 faster than it decodes UTF-8.
        if text.is_ascii() { env.create_string_latin1(text) } else { env.create_string(text) }
    }

    /// Checks that the body is valid JSON. Returns an error if it is not.
    #[napi]
    pub fn check_json(&self, env: Env) -> napi::Result<()> {
        self.0.json::<IgnoredAny>().map(drop).map_err(raise(env))
    }

    #[napi]
    pub fn correlation_id(&self) -> Option<String> {
        self.0.correlation_id()
    }

    #[napi]
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.0.rate_limit().map(Into::into)
    }
}

/// An HTTP response whose body is read in chunks. If the garbage collector frees the object before the end of the body,
/// the connection is closed.
#[napi]
pub struct ResponseStream {
    status: u16,
    headers: HeaderMap,
    content_length: Option<u64>,
    rate_limit: Option<codat_keys::RateLimit>,
    body: Option<BodyStream>,
}

impl ResponseStream {
    fn new(response: codat_keys::ResponseStream) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            content_length: response.content_length(),
            rate_limit: response.rate_limit(),
            body: Some(BodyStream::new(response)),
        }
    }

    /// Returns the body. Returns `None` after [`close`](Self::close).
    pub(crate) fn body(&self) -> Option<BodyStream> {
        self.body.clone()
    }
}

#[napi]
impl ResponseStream {
    #[napi]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the headers as pairs of a name and a value.
    #[napi]
    pub fn headers(&self) -> Vec<(&str, String)> {
        headers(&self.headers)
    }

    #[napi]
    pub fn content_length(&self) -> Option<f64> {
        self.content_length.map(|bytes| bytes as f64)
    }

    #[napi]
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.rate_limit.map(Into::into)
    }

    /// Closes the connection if the body has not ended. A running call that reads the body keeps the connection open
    /// until the call ends.
    #[napi]
    pub fn close(&mut self) {
        self.body = None;
    }
}
