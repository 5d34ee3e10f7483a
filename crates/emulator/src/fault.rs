//! What can go wrong with a request, read from JSON.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode};
use serde_json::Value;

use crate::late::Delay;
use crate::members::{Members, required};
use crate::state::MAX_NAME_UTF16_UNITS;
use crate::stream::Stream;

#[derive(Clone)]
pub(crate) enum Fault {
    Refuse(Duration),
    DropBefore,
    DropAfter,
    DelayBefore(Duration),
    DelayAfter(Duration),
    Status(StatusFault),
    Streamed(Stream),
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

/// An answer other than the one that the request would get.
#[derive(Clone)]
pub(crate) struct StatusFault {
    pub(crate) status: StatusCode,
    pub(crate) effect: Effect,
    pub(crate) from: From,
    pub(crate) retry_after: Option<HeaderValue>,
    pub(crate) body: Option<Value>,
}

/// Whether the request is performed all the same.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Effect {
    None,
    Now,
    Late(Delay),
}

/// Who gives the answer.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum From {
    Codat,
    Gateway,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum When {
    Before,
    After,
}

type Parse = fn(&mut Members) -> Result<Fault, String>;

#[rustfmt::skip] // One line is one fault.
const FAULTS: [(&str, Parse); 19] = [
    ("refuse", |members| members.milliseconds().map(Fault::Refuse)),
    ("drop-before", |_| Ok(Fault::DropBefore)),
    ("drop-after", |_| Ok(Fault::DropAfter)),
    ("delay-before", |members| members.milliseconds().map(Fault::DelayBefore)),
    ("delay-after", |members| members.milliseconds().map(Fault::DelayAfter)),
    ("status", |members| StatusFault::take(members).map(Fault::Status)),
    ("truncated", |_| Ok(Fault::Streamed(Stream::Truncated))),
    ("slow", |members| members.milliseconds().map(|time| Fault::Streamed(Stream::Slow(time)))),
    ("endless", |_| Ok(Fault::Streamed(Stream::Endless))),
    ("garbage", |_| Ok(Fault::Garbage)),
    ("html", |_| Ok(Fault::Html)),
    ("huge", |_| Ok(Fault::Streamed(Stream::Huge))),
    ("empty", |_| Ok(Fault::Empty)),
    ("late", |members| Delay::take(members).map(Fault::Late)),
    ("twice", |_| Ok(Fault::Twice)),
    ("key-works-after", |members| members.milliseconds().map(Fault::KeyWorksAfter)),
    ("stale-list", |_| Ok(Fault::StaleList)),
    ("foreign-creator", foreign_creator),
    ("redirect", redirect),
];

impl Fault {
    /// Takes its name and its own members, and leaves the others.
    pub(crate) fn take(members: &mut Members) -> Result<(&'static str, Fault), String> {
        let known = FAULTS.map(|(name, parse)| (name, (name, parse)));
        let (name, parse) = required("fault", members.choice("fault", &known)?)?;
        Ok((name, parse(members)?))
    }

    /// Whether it comes before the key is looked at. The others happen to requests with a valid key only.
    pub(crate) fn precedes_authentication(&self) -> bool {
        match self {
            Fault::DropBefore | Fault::Redirect { .. } => true,
            Fault::Status(fault) => fault.from == From::Gateway && fault.effect == Effect::None,
            _ => false,
        }
    }
}

impl StatusFault {
    fn take(members: &mut Members) -> Result<StatusFault, String> {
        let status = required("status", members.number("status", 200, 599)?)?;
        let effects = [("none", "none"), ("now", "now"), ("late", "late")];
        let effect = match members.choice("effect", &effects)? {
            Some("late") => Effect::Late(Delay::take(members)?),
            Some("now") => Effect::Now,
            _ => Effect::None,
        };
        let senders = [("codat", From::Codat), ("gateway", From::Gateway)];
        let from = members.choice("from", &senders)?.unwrap_or(From::Codat);
        let retry_after = members.text("retryAfter")?.map(|text| header("retryAfter", &text)).transpose()?;
        let fault =
            StatusFault { status: status_code(status)?, effect, from, retry_after, body: members.value("body") };
        match fault.body {
            Some(_) if fault.is_empty() => Err("`body` cannot go with a status that has none".to_owned()),
            _ => Ok(fault),
        }
    }

    /// Whether HTTP forbids a body with this status.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }
}

fn foreign_creator(members: &mut Members) -> Result<Fault, String> {
    let name = members.text("name")?;
    if name.as_ref().is_some_and(|name| name.encode_utf16().count() > MAX_NAME_UTF16_UNITS) {
        return Err(format!("`name` must have at most {MAX_NAME_UTF16_UNITS} characters"));
    }
    let when = members.choice("when", &[("before", When::Before), ("after", When::After)])?;
    Ok(Fault::ForeignCreator { name, when: required("when", when)? })
}

fn redirect(members: &mut Members) -> Result<Fault, String> {
    let location = header("location", &required("location", members.text("location")?)?)?;
    let status = status_code(members.number("status", 300, 399)?.unwrap_or(307))?;
    Ok(Fault::Redirect { location, status })
}

fn header(name: &str, text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| format!("`{name}` must be fit for a header"))
}

fn status_code(number: u64) -> Result<StatusCode, String> {
    let code = u16::try_from(number).ok().and_then(|number| StatusCode::from_u16(number).ok());
    code.ok_or_else(|| "`status` must be an HTTP status".to_owned())
}
