//! The faults that the emulator can inject into requests, and their JSON format.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;

use crate::account::MAX_NAME_UTF16_UNITS;
use crate::json::{Whole, present, word};

/// A fault that the emulator injects into a request. In the JSON that tests send, the field `fault` contains the name
/// of the variant. The fields of the variant are in the same JSON object.
///
/// Variants without fields have empty braces. Without the braces, serde would accept unknown fields for these variants.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Fault {
    Refuse(Time),
    DropBefore {},
    DropAfter {},
    DelayBefore(Time),
    DelayAfter(Time),
    Status(StatusFault),
    Truncated {},
    Slow(Time),
    Endless {},
    Garbage {},
    Html {},
    Huge {
        #[serde(default = "huge")]
        bytes: Bytes,
    },
    Empty {},
    Late(Delay),
    Twice {},
    KeyWorksAfter(Time),
    StaleList {},
    ForeignCreator {
        #[serde(default, deserialize_with = "key_name")]
        name: Option<String>,
        #[serde(deserialize_with = "word")]
        when: When,
    },
    Redirect {
        #[serde(deserialize_with = "header")]
        location: HeaderValue,
        #[serde(default = "temporary_redirect", deserialize_with = "status::<_, 300, 399>")]
        status: StatusCode,
    },
}

/// A duration of at most one hour.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Time {
    milliseconds: Milliseconds,
}

type Milliseconds = Whole<0, 3_600_000>;
type Requests = Whole<1, 1_000_000>;
/// The length in bytes of the body of the fault `huge`. The minimum is the length of an empty list without padding.
type Bytes = Whole<14, 4_000_000_000>;

/// A fault that replaces the actual response with a response that has a given status.
#[derive(Clone, Deserialize)]
#[serde(try_from = "StatusFields")]
pub(crate) struct StatusFault {
    pub(crate) status: StatusCode,
    pub(crate) effect: Effect,
    pub(crate) from: Sender,
    pub(crate) retry_after: Option<HeaderValue>,
    pub(crate) body: Option<Value>,
}

/// Whether and when the emulator performs a request to which a [`StatusFault`] applies. In each case, the client
/// receives the status of the fault.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Effect {
    None,
    Now,
    Late(Delay),
}

/// The server that appears to send the response of a [`StatusFault`]: Codat or a gateway in front of Codat.
#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sender {
    #[default]
    Codat,
    Gateway,
}

/// The delay after which the emulator processes a received request.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(try_from = "DelayFields")]
pub(crate) enum Delay {
    Time(Duration),
    /// A number of requests that arrive after the delayed request. The emulator performs the delayed request just
    /// before it handles the last of these requests.
    Requests(u64),
}

/// Whether the fault `foreign-creator` creates another key before or after the request is handled.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum When {
    Before,
    After,
}

impl Fault {
    /// Returns true if the fault applies even to requests without a valid key. Any other fault applies only to requests
    /// with a valid key.
    pub(crate) fn precedes_authentication(&self) -> bool {
        match self {
            Fault::DropBefore {} | Fault::Redirect { .. } => true,
            Fault::Status(fault) => fault.from == Sender::Gateway && fault.effect == Effect::None,
            _ => false,
        }
    }
}

impl Time {
    pub(crate) fn duration(self) -> Duration {
        Duration::from_millis(self.milliseconds.0)
    }
}

impl StatusFault {
    /// Returns true if HTTP forbids a body in a response with this status.
    pub(crate) fn is_bodiless(&self) -> bool {
        matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }
}

/// The JSON format of [`StatusFault`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StatusFields {
    #[serde(deserialize_with = "status::<_, 200, 599>")]
    status: StatusCode,
    #[serde(default, deserialize_with = "word")]
    effect: EffectName,
    #[serde(default, deserialize_with = "word")]
    from: Sender,
    #[serde(default, deserialize_with = "optional_header")]
    retry_after: Option<HeaderValue>,
    #[serde(default, deserialize_with = "present")]
    body: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    milliseconds: Option<Milliseconds>,
    #[serde(default, deserialize_with = "present")]
    requests: Option<Requests>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum EffectName {
    #[default]
    None,
    Now,
    Late,
}

/// The JSON format of [`Delay`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DelayFields {
    #[serde(default, deserialize_with = "present")]
    milliseconds: Option<Milliseconds>,
    #[serde(default, deserialize_with = "present")]
    requests: Option<Requests>,
}

impl TryFrom<StatusFields> for StatusFault {
    type Error = &'static str;

    fn try_from(fields: StatusFields) -> Result<StatusFault, &'static str> {
        let StatusFields { status, effect, from, retry_after, body, milliseconds, requests } = fields;
        let effect = match effect {
            EffectName::Late => Effect::Late(DelayFields { milliseconds, requests }.try_into()?),
            _ if milliseconds.is_some() || requests.is_some() => {
                return Err("`milliseconds` and `requests` need the `effect` `late`");
            }
            EffectName::Now => Effect::Now,
            EffectName::None => Effect::None,
        };
        let fault = StatusFault { status, effect, from, retry_after, body };
        match fault.body {
            Some(_) if fault.is_bodiless() => Err("`body` cannot go with a status that has none"),
            _ => Ok(fault),
        }
    }
}

impl TryFrom<DelayFields> for Delay {
    type Error = &'static str;

    fn try_from(fields: DelayFields) -> Result<Delay, &'static str> {
        match (fields.milliseconds, fields.requests) {
            (Some(Whole(milliseconds)), None) => Ok(Delay::Time(Duration::from_millis(milliseconds))),
            (None, Some(Whole(requests))) => Ok(Delay::Requests(requests)),
            (None, None) => Err("`milliseconds` or `requests` is missing"),
            (Some(_), Some(_)) => Err("`milliseconds` cannot go with `requests`"),
        }
    }
}

fn status<'de, D: Deserializer<'de>, const MIN: u64, const MAX: u64>(json: D) -> Result<StatusCode, D::Error> {
    let Whole(number) = Whole::<MIN, MAX>::deserialize(json)?;
    let status = u16::try_from(number).ok().and_then(|number| StatusCode::from_u16(number).ok());
    status.ok_or_else(|| D::Error::custom("must be an HTTP status"))
}

fn huge() -> Bytes {
    Whole(100_000_000)
}

fn temporary_redirect() -> StatusCode {
    StatusCode::TEMPORARY_REDIRECT
}

fn header<'de, D: Deserializer<'de>>(json: D) -> Result<HeaderValue, D::Error> {
    HeaderValue::try_from(String::deserialize(json)?).map_err(|_| D::Error::custom("must be a valid header value"))
}

fn optional_header<'de, D: Deserializer<'de>>(json: D) -> Result<Option<HeaderValue>, D::Error> {
    header(json).map(Some)
}

fn key_name<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(json)?;
    match name.encode_utf16().count() <= MAX_NAME_UTF16_UNITS {
        true => Ok(Some(name)),
        false => Err(D::Error::custom(format_args!("must have at most {MAX_NAME_UTF16_UNITS} characters"))),
    }
}
