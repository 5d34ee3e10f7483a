//! What calls bring, on its way to the classes of `node/src/details.ts`.

use codat_keys::{AuthorizationHeader, Timestamp, Untrusted};
use napi::Env;
use napi::bindgen_prelude::{ObjectFinalize, Uint8Array};
use napi_derive::napi;
use serde::Serialize;
use serde::de::IgnoredAny;

use crate::calls::Outcome;
use crate::errors::{raise, text};

/// A key, in clear.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Key<'a> {
    id: &'a str,
    name: Option<&'a str>,
    /// The id and the name with keys masked, for people's eyes.
    shown_id: String,
    shown_name: Option<String>,
    api_key: &'a str,
    created_date: Option<i64>,
}

#[derive(Serialize)]
struct Creation<'a> {
    key: Key<'a>,
    how: &'static str,
    extras: Option<Vec<Key<'a>>>,
}

/// The JSON of an outcome, and the answer that goes along with it.
pub(crate) fn told(outcome: Outcome) -> (String, Option<Response>) {
    let value = match &outcome {
        Outcome::Nothing | Outcome::Answered(_) | Outcome::Page(None) => text(&()),
        Outcome::Yes(is_so) => text(is_so),
        Outcome::Header(header) => text(&header.as_ref().map(key_in)),
        Outcome::Key(key) => text(&Key::from(key)),
        Outcome::Keys(found) => text(&keys(found)),
        Outcome::Created(made) => {
            let extras = made.extras.as_deref().map(keys);
            text(&Creation { key: Key::from(&made.key), how: made.how.code(), extras })
        }
        Outcome::Page(Some(page)) => text(&page.total_results),
    };
    let answer = match outcome {
        Outcome::Answered(answer) => Some(answer),
        Outcome::Page(Some(page)) => Some(page.response),
        _ => None,
    };
    (value, answer.map(Response))
}

/// The key that a header carries, in clear.
pub(crate) fn key_in(header: &AuthorizationHeader) -> String {
    header.api_key().expose_secret().to_owned()
}

pub(crate) fn keys(keys: &[codat_keys::ApiKeyDetails]) -> Vec<Key<'_>> {
    keys.iter().map(Key::from).collect()
}

impl<'a> From<&'a codat_keys::ApiKeyDetails> for Key<'a> {
    fn from(key: &'a codat_keys::ApiKeyDetails) -> Self {
        Self {
            id: key.id.as_str(),
            name: key.name.as_ref().map(Untrusted::unredacted),
            shown_id: key.id.to_string(),
            shown_name: key.name.as_ref().map(ToString::to_string),
            api_key: key.api_key.expose_secret(),
            created_date: key.created_date.map(Timestamp::as_millisecond),
        }
    }
}

/// The day's quota.
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

/// An answer. Its body stays here until somebody asks for it; JavaScript hears how large it is, to collect in time.
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
        self.0.status()
    }

    /// Names and values, one after the other.
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

    /// The body, if it is JSON: what a parser says of one that is not would quote it.
    #[napi]
    pub fn json(&self) -> napi::Result<String> {
        self.0.json::<IgnoredAny>().map_err(raise)?;
        self.0.json_text().map(str::to_owned).map_err(raise)
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
