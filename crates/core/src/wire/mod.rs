//! Codat's operations, each as two pure functions: the request to send, and what an answer means.

pub(crate) mod date;
pub(crate) mod error_response;
mod rate_limit;

use std::collections::HashSet;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use percent_encoding::utf8_percent_encode;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::domain::{ApiKeyDetails, BaseUrl, KeyId, KeyName, KnownKeys, NOT_IN_A_SEGMENT, WireKey, rules};
use crate::error::{Error, ErrorKind};
use crate::text::without_byte_order_mark;
use error_response::{refusal, status_in_body};

pub use rate_limit::RateLimit;

pub(crate) const JSON: &str = "application/json";
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The path without its values, for traces. One of the caller's own may hold anything, so that a trace shows none of it.
pub(crate) fn path_template(uri: &Uri) -> &'static str {
    let mut segments = uri.path().rsplit('/');
    match (segments.next(), segments.next()) {
        (Some("apiKeys"), _) => "/apiKeys",
        (_, Some("apiKeys")) => "/apiKeys/{apiKeyId}",
        _ => "(any)",
    }
}

/// Any call. A path that could leave the base URL's origin or prefix is refused.
pub(crate) fn any_request(
    method: Method,
    base: &BaseUrl,
    path: &str,
    query: &[(String, String)],
    body: Bytes,
) -> Result<Request<Bytes>, Error> {
    check_path(path)?;
    let mut url = base.join(path);
    for (name, value) in query {
        let separator = if url.contains('?') { '&' } else { '?' };
        let encode = |text| utf8_percent_encode(text, NOT_IN_A_SEGMENT);
        url += &format!("{separator}{}={}", encode(name), encode(value));
    }
    let unbuildable = || {
        Error::new(ErrorKind::InvalidInput, "the path cannot stand in a URL")
            .hint_is("percent-encode what a URL cannot hold")
    };
    // Percent-encodes characters that are not ASCII, as browsers do.
    let url = Url::parse(&url).map_err(|source| unbuildable().caused_by(source))?;
    let request = Request::builder().method(method).uri(url.as_str()).header(ACCEPT, JSON);
    request.body(body).map_err(|source| unbuildable().caused_by(source))
}

/// A new one. Without the counter that `Uuid::now_v7` keeps for a whole process: a fork would copy it, and its lock.
pub(crate) fn new_idempotency_key() -> Uuid {
    Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext))
}

pub(crate) fn header_value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(unbuildable)
}

pub(crate) fn parse_any(response: &Response<Bytes>) -> Result<Response<Bytes>, Error> {
    if response.status().is_success() { Ok(response.clone()) } else { Err(refusal(response).about_a_path()) }
}

fn check_path(path: &str) -> Result<(), Error> {
    let decoded = percent_encoding::percent_decode_str(path.split('?').next().unwrap_or(path));
    let decoded = decoded.decode_utf8_lossy();
    let example = "give a path of Codat's API, like /companies; nothing was sent";
    let refuse = |what, hint| Err(Error::new(ErrorKind::InvalidInput, format!("the path {what}")).hint_is(hint));
    let refused = match path {
        "" => "is empty",
        _ if !path.starts_with('/') && path.contains("://") => {
            return refuse("is a URL", "give what follows the base URL, which the client adds; nothing was sent");
        }
        _ if !path.starts_with('/') => {
            return refuse("does not begin with a slash", "put a slash before it; nothing was sent");
        }
        _ if path.starts_with("//") => "begins with two slashes",
        _ if path.contains(['\\', '#']) || decoded.contains('\\') => "holds a backslash or a fragment",
        _ if path.chars().any(|c| c.is_control() || c == ' ') => "holds a space or a control character",
        _ if decoded.split('/').any(|segment| matches!(segment, "." | "..")) => "holds a segment `.` or `..`",
        _ => return Ok(()),
    };
    refuse(refused, example)
}

pub(crate) fn list_request(base: &BaseUrl) -> Result<Request<Bytes>, Error> {
    request(Method::GET, base, "/apiKeys").body(Bytes::new()).map_err(unbuildable)
}

/// The keys that it lists become known. A key that is listed twice is returned once.
pub(crate) fn parse_list(response: &Response<Bytes>, known: &KnownKeys) -> Result<Vec<ApiKeyDetails>, Error> {
    #[derive(Deserialize)]
    struct Answer {
        results: Option<Vec<WireKey>>,
    }
    expect_status(response, &[StatusCode::OK]).map_err(Error::about_a_path)?;
    let answer: Answer = json(response)?;
    let keys = answer.results.ok_or_else(|| unreadable(response, "its `results` are missing"))?;
    if keys.len() > rules::MOST_LISTED {
        return Err(unreadable(
            response,
            &format!("it lists {} keys, and Codat allows {}", keys.len(), rules::MAX_KEYS),
        ));
    }
    let keys: Vec<_> = keys.into_iter().map(|key| details(response, key, known)).collect::<Result<_, _>>()?;
    known.add_listed(keys.iter().map(|key| &key.api_key));
    let mut seen = HashSet::new();
    let is_first: Vec<bool> =
        keys.iter().map(|key| seen.insert((key.id.as_str(), key.api_key.expose_secret()))).collect();
    Ok(keys.into_iter().zip(is_first).filter_map(|(key, is_first)| is_first.then_some(key)).collect())
}

pub(crate) fn create_request(base: &BaseUrl, name: &KeyName, idempotency_key: &str) -> Result<Request<Bytes>, Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        name: &'a str,
    }
    let body = serde_json::to_vec(&Body { name: name.as_str() }).map_err(unbuildable)?;
    request(Method::POST, base, "/apiKeys")
        .header(CONTENT_TYPE, JSON)
        .header(IDEMPOTENCY_KEY, idempotency_key)
        .body(body.into())
        .map_err(unbuildable)
}

/// 201 is what Codat answers; 200 is taken too. A 409 is the limit if its text says so, and a conflict otherwise.
pub(crate) fn parse_create(response: &Response<Bytes>, known: &KnownKeys) -> Result<ApiKeyDetails, Error> {
    expect_status(response, &[StatusCode::CREATED, StatusCode::OK]).map_err(|error| {
        // Two signs of the limit: the text, and a body that says 400 where the status says 409.
        let limit =
            error.codat_message().is_some_and(|text| text.trim_start().starts_with("Maximum number of API keys"))
                || status_in_body(response) == Some(400);
        if error.status() == Some(409) && limit { error.kind_is(ErrorKind::KeyLimitReached) } else { error }
    })?;
    let key = details(response, json(response)?, known)?;
    known.add_listed([&key.api_key]);
    Ok(key)
}

pub(crate) fn delete_request(base: &BaseUrl, id: &KeyId) -> Result<Request<Bytes>, Error> {
    let path = format!("/apiKeys/{}", id.path_segment());
    request(Method::DELETE, base, &path).body(Bytes::new()).map_err(unbuildable)
}

pub(crate) fn parse_delete(response: &Response<Bytes>) -> Result<(), Error> {
    expect_status(response, &[StatusCode::NO_CONTENT])
        .map_err(|error| if error.status() == Some(409) { error.kind_is(ErrorKind::LastKey) } else { error })
}

fn request(method: Method, base: &BaseUrl, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(base.join(path)).header(ACCEPT, JSON)
}

fn unbuildable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Internal, "the request could not be built").caused_by(source)
}

pub(crate) fn json<'a, T: Deserialize<'a>>(response: &'a Response<Bytes>) -> Result<T, Error> {
    // Serde's own text may quote the value that it stumbled over, which may be a key: only the place is told.
    serde_json::from_slice(without_byte_order_mark(response.body())).map_err(|error| {
        let what = match response.body().is_empty() {
            true => "it is empty".to_owned(),
            false => format!("it is not the JSON that was expected (line {}, column {})", error.line(), error.column()),
        };
        unreadable(response, &what)
    })
}

pub(crate) fn json_text(response: &Response<Bytes>) -> Result<&str, Error> {
    std::str::from_utf8(without_byte_order_mark(response.body()))
        .map_err(|_| unreadable(response, "it is not encoded as UTF-8"))
}

fn details(response: &Response<Bytes>, key: WireKey, known: &KnownKeys) -> Result<ApiKeyDetails, Error> {
    key.read(known).map_err(|member| unreadable(response, &format!("a key's `{member}` is missing or not valid")))
}

fn unreadable(response: &Response<Bytes>, what: &str) -> Error {
    let status = response.status().as_u16();
    Error::new(ErrorKind::BadResponse, format!("the answer cannot be read: {what}")).status_is(status)
}

fn expect_status(response: &Response<Bytes>, expected: &[StatusCode]) -> Result<(), Error> {
    if expected.contains(&response.status()) { Ok(()) } else { Err(refusal(response)) }
}

/// The keys that the client knew of, of an answer that is shown.
pub(crate) fn known_keys(response: &Response<Bytes>) -> Option<&KnownKeys> {
    response.extensions().get()
}
