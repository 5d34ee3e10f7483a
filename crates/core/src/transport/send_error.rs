//! Errors of requests without a complete response. Codat may have received these requests.

use std::io;

use super::source::find;
use crate::error::{Error, ErrorKind};

const NOT_HTTP: &str = "it does not begin with `HTTP/1.1`";

/// The hint for an `http` base URL whose port expects TLS. A TLS server responds to an unencrypted request with a TLS
/// alert, or closes the connection.
const TLS_HINT: &str = "check the scheme and the port of the base URL: a port that speaks TLS needs https://";

/// Returns the error for a request that failed after the connection was opened.
pub(crate) fn send_error(source: reqwest::Error, origin: &str) -> Error {
    let defect = find::<hyper::Error>(&source).and_then(defect);
    let may_speak_tls = origin.starts_with("http://") && defect.as_deref().is_none_or(|defect| defect == NOT_HTTP);
    let error = match defect {
        Some(defect) => {
            Error::new(ErrorKind::BadResponse, format!("the response of {origin} is not valid HTTP: {defect}"))
        }
        None => {
            Error::new(ErrorKind::Connect, format!("the connection to {origin} was lost before the response arrived"))
        }
    };
    let error = if may_speak_tls { error.with_hint(TLS_HINT) } else { error };
    error.with_source(source.without_url())
}

/// Returns the error for a request with an incomplete response body.
pub(crate) fn body_error(source: reqwest::Error, origin: &str) -> Error {
    let is_malformed =
        |cause: &io::Error| matches!(cause.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData);
    let error = match find::<io::Error>(&source) {
        Some(cause) if is_malformed(cause) => Error::new(
            ErrorKind::BadResponse,
            format!("the response of {origin} is not valid HTTP: the chunks of its body cannot be read"),
        ),
        _ => Error::new(ErrorKind::Connect, format!("the connection to {origin} was lost before the response ended")),
    };
    error.with_source(source.without_url())
}

/// Describes why a response is not valid HTTP. Returns `None` if the error has another cause, such as a lost
/// connection.
fn defect(error: &hyper::Error) -> Option<String> {
    // hyper does not export the kinds of these errors, so their text is compared.
    let text = error.to_string();
    match text.as_str() {
        // hyper has one error for these causes.
        "message head is too large" => Some(
            "its head is too large, has more than 100 headers, or declares a `Content-Length` of almost 2^64".into(),
        ),
        "invalid HTTP status-code parsed" => Some("its status line is malformed".into()),
        "invalid HTTP version parsed" => Some(NOT_HTTP.into()),
        "invalid HTTP header parsed" => Some("a header is malformed".into()),
        "invalid content-length parsed" => Some("its `Content-Length` is malformed, or several differ".into()),
        "unexpected transfer-encoding parsed" => Some("its `Transfer-Encoding` is not allowed there".into()),
        "received unexpected message from connection" => Some("it came before the request".into()),
        _ => error.is_parse().then_some(text),
    }
}
