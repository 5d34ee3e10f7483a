//! Conversion of error responses to errors.

use http::StatusCode;
use jiff::Timestamp;

use super::attempt::Attempt;
use super::retry_after::retry_after;
use crate::domain::{KnownKeys, Untrusted};
use crate::error::{Error, ErrorKind};
use crate::text::without_byte_order_mark;

const MAX_MESSAGE_CHARS: usize = 500;
const MAX_CORRELATION_ID_CHARS: usize = 128;

/// Converts an error response to an error. The HTTP status determines the kind of the error. Codat's JSON body adds
/// details.
pub(crate) fn error_response(attempt: &Attempt) -> Error {
    let status = attempt.status();
    let body = CodatError::read(attempt.body(), &attempt.known_keys);
    let kind = match status.as_u16() {
        401 => ErrorKind::Unauthorized,
        402 => ErrorKind::PaymentRequired,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        409 | 422 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        400..=499 if body.is_codats => ErrorKind::InvalidInput,
        500..=599 => ErrorKind::Server,
        _ => ErrorKind::BadResponse,
    };
    let text = match status {
        StatusCode::PARTIAL_CONTENT => "the response contains only a part of the resource, which was not asked for",
        _ => kind.text(),
    };
    let error = Error::new(kind, text)
        .with_status(status)
        .with_codats_own(body.status_code.is_some() && (body.error.is_some() || body.correlation_id.is_some()))
        .with_codat_message(body.error)
        .with_correlation_id(body.correlation_id)
        .with_retry_after(retry_after(attempt.headers(), Timestamp::now()));
    if status == StatusCode::PARTIAL_CONTENT {
        return error.with_hint("configure the proxy or gateway in between to send whole responses");
    }
    if status.is_redirection() {
        return error.with_hint(
            "redirects are not followed, since the key would go along: set the base URL to where it points",
        );
    }
    if let Some(why) = &attempt.refresh_error {
        return error.with_hint(format!("the key could not be read again ({why}): mend that; or else {}", kind.hint()));
    }
    error
}

/// Returns the correlation id in the body of a response. Codat's support asks for this id.
pub(crate) fn correlation_id(attempt: &Attempt) -> Option<String> {
    CodatError::read(attempt.body(), &attempt.known_keys).correlation_id
}

/// Returns the `statusCode` in Codat's JSON body. It can differ from the HTTP status.
pub(crate) fn status_in_body(attempt: &Attempt) -> Option<u64> {
    CodatError::read(attempt.body(), &attempt.known_keys).status_code
}

/// The fields of Codat's error body. Each field can be missing, because a server other than Codat, such as a proxy, can
/// send the body.
#[derive(Default)]
struct CodatError {
    is_codats: bool,
    status_code: Option<u64>,
    error: Option<String>,
    correlation_id: Option<String>,
}

impl CodatError {
    fn read(body: &[u8], known: &KnownKeys) -> Self {
        let Ok(serde_json::Value::Object(body)) = serde_json::from_slice(without_byte_order_mark(body)) else {
            return Self::default();
        };
        let clean = |text: String, most: usize| -> String {
            let text: String = text.chars().filter(|c| !c.is_control()).collect();
            // Redacts before truncating, so that no part of an API key remains.
            Untrusted::new(&text, known).to_string().chars().take(most).collect()
        };
        let text = |member: &str| body.get(member)?.as_str().map(str::to_owned);
        Self {
            is_codats: ["error", "statusCode", "correlationId"].iter().any(|member| body.contains_key(*member)),
            status_code: body.get("statusCode").and_then(serde_json::Value::as_u64),
            error: text("error").map(|error| clean(error + &validation(&body), MAX_MESSAGE_CHARS)),
            // A blank id is ignored, because it does not identify a response.
            correlation_id: text("correlationId")
                .map(|id| clean(id, MAX_CORRELATION_ID_CHARS))
                .filter(|id| !id.trim().is_empty()),
        }
    }
}

/// Formats the errors in Codat's `validation` field. Each error becomes `; itemId: message`. The result is appended to
/// the text of Codat's `error` field.
fn validation(body: &serde_json::Map<String, serde_json::Value>) -> String {
    let errors = body.get("validation").and_then(|validation| validation["errors"].as_array());
    let line = |error: &serde_json::Value| {
        let item = error["itemId"].as_str().map(|id| format!("{id}: ")).unwrap_or_default();
        error["message"].as_str().map(|message| format!("; {item}{message}"))
    };
    errors.into_iter().flatten().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;

    use super::*;

    fn attempt(body: &str) -> Attempt {
        let response = Response::builder().status(400).body(Bytes::from(body.to_owned())).unwrap();
        Attempt::new(response, KnownKeys::new())
    }

    #[test]
    fn codats_own_errors_have_a_status_and_a_message_or_a_correlation_id() {
        for (body, is_codats_own) in [
            (r#"{"statusCode":400,"error":"no"}"#, true),
            (r#"{"statusCode":400,"correlationId":"x"}"#, true),
            (r#"{"statusCode":400}"#, false),
            (r#"{"error":"no","correlationId":"x"}"#, false),
            (r#"{"error":"no"}"#, false),
            ("", false),
        ] {
            assert_eq!(error_response(&attempt(body)).is_codats_own(), is_codats_own, "{body}");
        }
    }

    #[test]
    fn a_part_of_a_resource_is_an_error_with_a_hint() {
        for (status, is_part) in [(206, true), (204, false)] {
            let response = Response::builder().status(status).body(Bytes::new()).unwrap();
            let error = error_response(&Attempt::new(response, KnownKeys::new()));
            assert_eq!(error.kind(), ErrorKind::BadResponse);
            assert_eq!(error.to_string().contains("only a part of the resource"), is_part, "{error}");
            assert_eq!(error.hint().contains("whole responses"), is_part, "{error}");
        }
    }

    #[test]
    fn a_blank_correlation_id_is_ignored() {
        for (id, read) in [("x", Some("x")), (" ", None), ("", None)] {
            let attempt = attempt(&format!(r#"{{"correlationId":"{id}","statusCode":409}}"#));
            assert_eq!(correlation_id(&attempt).as_deref(), read);
            assert_eq!(error_response(&attempt).correlation_id(), read);
            assert_eq!(status_in_body(&attempt), Some(409));
        }
    }
}
