//! The faults that the emulator can inject into requests, and their JSON format.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode};
use serde_json::Value;

use crate::account::MAX_NAME_UTF16_UNITS;
use crate::faulty_body::BodyFault;
use crate::json_fields::{JsonFields, required};

const MAX_REQUESTS: u64 = 1_000_000;

#[derive(Clone)]
pub(crate) enum Fault {
    Refuse(Duration),
    DropBefore,
    DropAfter,
    DelayBefore(Duration),
    DelayAfter(Duration),
    Status(StatusFault),
    Body(BodyFault),
    Garbage,
    Html,
    Empty,
    Late(Delay),
    Twice,
    KeyWorksAfter(Duration),
    StaleList,
    ForeignCreator { name: Option<String>, when: When },
    Redirect { location: HeaderValue, status: StatusCode },
}

/// A fault that responds with a given status instead of the actual response.
#[derive(Clone)]
pub(crate) struct StatusFault {
    pub(crate) status: StatusCode,
    pub(crate) effect: Effect,
    pub(crate) from: Sender,
    pub(crate) retry_after: Option<HeaderValue>,
    pub(crate) body: Option<Value>,
}

/// Whether and when the emulator performs a request with a [`StatusFault`]. The client receives the status of the fault
/// in each case.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Effect {
    None,
    Now,
    Late(Delay),
}

/// The server that appears to send the response of a [`StatusFault`]: Codat or a gateway in front of Codat.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Sender {
    Codat,
    Gateway,
}

/// Whether another client's key is created before or after the request is handled.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum When {
    Before,
    After,
}

/// The delay after which the emulator performs a request.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Delay {
    Time(Duration),
    /// A number of further requests. The emulator performs the delayed request just before it handles the last of them.
    Requests(u64),
}

type Parse = fn(&mut JsonFields) -> Result<Fault, String>;

#[rustfmt::skip] // One fault per line.
const FAULTS: [(&str, Parse); 19] = [
    ("refuse", |fields| fields.milliseconds().map(Fault::Refuse)),
    ("drop-before", |_| Ok(Fault::DropBefore)),
    ("drop-after", |_| Ok(Fault::DropAfter)),
    ("delay-before", |fields| fields.milliseconds().map(Fault::DelayBefore)),
    ("delay-after", |fields| fields.milliseconds().map(Fault::DelayAfter)),
    ("status", |fields| StatusFault::take(fields).map(Fault::Status)),
    ("truncated", |_| Ok(Fault::Body(BodyFault::Truncated))),
    ("slow", |fields| fields.milliseconds().map(|time| Fault::Body(BodyFault::Slow(time)))),
    ("endless", |_| Ok(Fault::Body(BodyFault::Endless))),
    ("garbage", |_| Ok(Fault::Garbage)),
    ("html", |_| Ok(Fault::Html)),
    ("huge", |_| Ok(Fault::Body(BodyFault::Huge))),
    ("empty", |_| Ok(Fault::Empty)),
    ("late", |fields| Delay::take(fields).map(Fault::Late)),
    ("twice", |_| Ok(Fault::Twice)),
    ("key-works-after", |fields| fields.milliseconds().map(Fault::KeyWorksAfter)),
    ("stale-list", |_| Ok(Fault::StaleList)),
    ("foreign-creator", foreign_creator),
    ("redirect", redirect),
];

impl Fault {
    /// Removes the name and the parameters of a fault from `fields`, and returns the name and the fault. Other fields
    /// stay in `fields`.
    pub(crate) fn take(fields: &mut JsonFields) -> Result<(&'static str, Fault), String> {
        let known = FAULTS.map(|(name, parse)| (name, (name, parse)));
        let (name, parse) = required("fault", fields.one_of("fault", &known)?)?;
        Ok((name, parse(fields)?))
    }

    /// Returns true if the fault applies before authentication. Any other fault applies only to requests with a valid
    /// key.
    pub(crate) fn precedes_authentication(&self) -> bool {
        match self {
            Fault::DropBefore | Fault::Redirect { .. } => true,
            Fault::Status(fault) => fault.from == Sender::Gateway && fault.effect == Effect::None,
            _ => false,
        }
    }
}

impl StatusFault {
    fn take(fields: &mut JsonFields) -> Result<StatusFault, String> {
        let status = required("status", fields.number("status", 200, 599)?)?;
        let effects = [("none", "none"), ("now", "now"), ("late", "late")];
        let effect = match fields.one_of("effect", &effects)? {
            Some("late") => Effect::Late(Delay::take(fields)?),
            Some("now") => Effect::Now,
            _ => Effect::None,
        };
        let senders = [("codat", Sender::Codat), ("gateway", Sender::Gateway)];
        let from = fields.one_of("from", &senders)?.unwrap_or(Sender::Codat);
        let retry_after = fields.text("retryAfter")?.map(|text| header("retryAfter", &text)).transpose()?;
        let fault = StatusFault { status: status_code(status)?, effect, from, retry_after, body: fields.value("body") };
        match fault.body {
            Some(_) if fault.is_bodiless() => Err("`body` cannot go with a status that has none".to_owned()),
            _ => Ok(fault),
        }
    }

    /// Returns true if HTTP forbids a body in a response with this status.
    pub(crate) fn is_bodiless(&self) -> bool {
        matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }
}

impl Delay {
    fn take(fields: &mut JsonFields) -> Result<Delay, String> {
        if let Some(requests) = fields.number("requests", 1, MAX_REQUESTS)? {
            return Ok(Delay::Requests(requests));
        }
        let time = fields.optional_milliseconds()?;
        required("milliseconds` or `requests", time).map(Delay::Time)
    }
}

fn foreign_creator(fields: &mut JsonFields) -> Result<Fault, String> {
    let name = fields.text("name")?;
    if name.as_ref().is_some_and(|name| name.encode_utf16().count() > MAX_NAME_UTF16_UNITS) {
        return Err(format!("`name` must have at most {MAX_NAME_UTF16_UNITS} characters"));
    }
    let when = fields.one_of("when", &[("before", When::Before), ("after", When::After)])?;
    Ok(Fault::ForeignCreator { name, when: required("when", when)? })
}

fn redirect(fields: &mut JsonFields) -> Result<Fault, String> {
    let location = header("location", &required("location", fields.text("location")?)?)?;
    let status = status_code(fields.number("status", 300, 399)?.unwrap_or(307))?;
    Ok(Fault::Redirect { location, status })
}

fn header(name: &str, text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| format!("`{name}` must be a valid header value"))
}

fn status_code(number: u64) -> Result<StatusCode, String> {
    let code = u16::try_from(number).ok().and_then(|number| StatusCode::from_u16(number).ok());
    code.ok_or_else(|| "`status` must be an HTTP status".to_owned())
}
