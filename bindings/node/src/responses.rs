//! Converts the results of calls to data for `node/src/responses.ts` and `node/src/key-types.ts`.

use napi::Env;
use napi::bindgen_prelude::{ObjectFinalize, Uint8Array};
use napi_derive::napi;
use serde::Serialize;
use serde::de::IgnoredAny;

use crate::calls::Outcome;
use crate::errors::{raise, text};
use crate::key_types::{Key, key_in, keys};

/// Returns the value of a call as JSON, and the HTTP response of the call. The response is `None` for calls that return
/// no HTTP response.
pub(crate) fn to_json(outcome: Outcome) -> (String, Option<Response>) {
    let value = match &outcome {
        Outcome::Nothing | Outcome::Response(_) | Outcome::Page(None) => text(&()),
        Outcome::Yes(value) => text(value),
        Outcome::Header(header) => text(&header.as_ref().map(key_in)),
        Outcome::Key(key) => text(&Key::from(key)),
        Outcome::Keys(found) => text(&keys(found)),
        Outcome::Created(creation) => {
            let extras = creation.extras.as_deref().map(keys);
            text(&Creation { key: Key::from(&creation.key), how: creation.how.code(), extras })
        }
        Outcome::Page(Some(page)) => text(&page.total_results),
    };
    let response = match outcome {
        Outcome::Response(response) => Some(response),
        Outcome::Page(Some(page)) => Some(page.response),
        _ => None,
    };
    (value, response.map(Response))
}

#[derive(Serialize)]
struct Creation<'a> {
    key: Key<'a>,
    how: &'static str,
    extras: Option<Vec<Key<'a>>>,
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

/// An HTTP response. JavaScript copies the body only when it reads the body. This class reports the size of the body to
/// the garbage collector.
#[napi(custom_finalize)]
pub struct Response(codat_keys::Response);

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
    pub fn headers(&self) -> Vec<(String, String)> {
        let headers = self.0.headers().iter();
        headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect()
    }

    #[napi]
    pub fn content(&self) -> Uint8Array {
        self.0.bytes().to_vec().into()
    }

    #[napi]
    pub fn redacted(&self) -> Uint8Array {
        self.0.redacted().into_owned().into()
    }

    /// Returns the text of the body if the body is valid JSON, and an error otherwise. JavaScript's own parser would
    /// quote the body in its error, so this function checks the JSON first.
    #[napi]
    pub fn json(&self) -> napi::Result<String> {
        self.0.json::<IgnoredAny>().map_err(raise)?;
        self.0.text().map(str::to_owned).map_err(raise)
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
