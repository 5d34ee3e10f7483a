//! Functions that build requests and parse responses, without I/O.

mod any_request;
mod attempt;
pub(crate) mod date;
mod error_response;
pub(crate) mod idempotency_key;
mod object;
mod operations;
mod rate_limit;
mod retry_after;

use http::HeaderValue;

use crate::error::{Error, ErrorKind};

pub(crate) use any_request::{any_request, parse_any, path_template};
pub(crate) use attempt::{Attempt, json, text, unreadable};
pub(crate) use error_response::correlation_id;
pub(crate) use object::Object;
pub(crate) use operations::{create_request, delete_request, list_request, parse_create, parse_delete, parse_list};
pub use rate_limit::RateLimit;

pub(crate) const JSON: &str = "application/json";

pub(crate) fn header_value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(unbuildable)
}

fn unbuildable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Internal, "the request could not be built").with_source(source)
}
