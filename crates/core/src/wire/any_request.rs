//! Requests to any path of Codat's API.

use bytes::Bytes;
use http::header::ACCEPT;
use http::{Method, Request, StatusCode, Uri};
use percent_encoding::utf8_percent_encode;
use url::Url;

use super::JSON;
use super::attempt::Attempt;
use super::error_response::error_response;
use crate::domain::{BaseUrl, NOT_IN_A_SEGMENT, has_dot_segment, key_id_in_path};
use crate::error::{Error, ErrorKind};

/// Builds a request to a path below the base URL. Rejects a path that leads outside the base URL, for example to
/// another origin. Rejects a DELETE request to `/apiKeys` or a path below `/apiKeys`, unless the path identifies
/// exactly one key. Codat has no other operation that deletes keys.
pub(crate) fn any_request(
    method: Method,
    base: &BaseUrl,
    path: &str,
    query: &[(String, String)],
    body: Bytes,
) -> Result<Request<Bytes>, Error> {
    check_path(path)?;
    if method == Method::DELETE {
        key_id_in_path(path).transpose()?;
    }
    let mut url = base.join(path);
    for (name, value) in query {
        let separator = if url.contains('?') { '&' } else { '?' };
        let encode = |text| utf8_percent_encode(text, NOT_IN_A_SEGMENT);
        url += &format!("{separator}{}={}", encode(name), encode(value));
    }
    let invalid_path = || {
        Error::new(ErrorKind::InvalidInput, "the path cannot stand in a URL")
            .with_hint("percent-encode what a URL cannot hold")
    };
    // `Url::parse` percent-encodes non-ASCII characters.
    let url = Url::parse(&url).map_err(|source| invalid_path().with_source(source))?;
    let request = Request::builder().method(method).uri(url.as_str()).header(ACCEPT, JSON);
    request.body(body).map_err(|source| invalid_path().with_source(source))
}

/// Returns an error unless the response is successful. A response with the status 206 contains only a part of a
/// resource. This status counts as successful only if the request asked for a part (`asks_for_part`).
pub(crate) fn parse_any(attempt: Attempt, asks_for_part: bool) -> Result<Attempt, Error> {
    let is_complete = attempt.status() != StatusCode::PARTIAL_CONTENT || asks_for_part;
    match attempt.status().is_success() && is_complete {
        true => Ok(attempt),
        false => Err(error_response(&attempt).about_a_path()),
    }
}

/// Returns the path for traces, with a placeholder in place of a key id. Returns `(any)` for a path that does not
/// belong to the operations on keys, because such a path can contain confidential data.
pub(crate) fn path_template(uri: &Uri) -> &'static str {
    let mut segments = uri.path().rsplit('/');
    match (segments.next(), segments.next()) {
        (Some("apiKeys"), _) => "/apiKeys",
        (_, Some("apiKeys")) => "/apiKeys/{apiKeyId}",
        _ => "(any)",
    }
}

fn check_path(path: &str) -> Result<(), Error> {
    let decoded = percent_encoding::percent_decode_str(path.split('?').next().unwrap_or(path));
    let holds_backslash = path.contains('\\') || decoded.decode_utf8_lossy().contains('\\');
    let example = "give a path of Codat's API, like /companies; nothing was sent";
    let refuse = |what, hint| Err(Error::new(ErrorKind::InvalidInput, format!("the path {what}")).with_hint(hint));
    let refused = match path {
        "" => "is empty",
        _ if !path.starts_with('/') && path.contains("://") => {
            return refuse("is a URL", "give what follows the base URL, which the client adds; nothing was sent");
        }
        _ if !path.starts_with('/') => {
            return refuse("does not begin with a slash", "put a slash before it; nothing was sent");
        }
        _ if path.starts_with("//") => "begins with two slashes",
        _ if holds_backslash || path.contains('#') => "holds a backslash or a fragment",
        _ if path.chars().any(|c| c.is_control() || c == ' ') => "holds a space or a control character",
        _ if has_dot_segment(path) => "holds a segment `.` or `..`",
        _ => return Ok(()),
    };
    refuse(refused, example)
}
