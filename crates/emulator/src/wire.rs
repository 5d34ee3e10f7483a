//! What goes over the wire: keys, errors, and answers before they become HTTP.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

pub(crate) const JSON: &str = "application/json";

/// A key, as Codat writes it. It has no `Debug`: it holds a secret in clear.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ApiKeyDetails {
    #[serde(default)]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) api_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_date: Option<String>,
}

/// An answer: a status, some headers, and a body unless it is empty.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Set on errors: the id that the body carries.
    pub(crate) correlation_id: Option<String>,
    pub(crate) body: Option<Bytes>,
}

/// Escapes what a terminal might act on or hide: the journal is read there. Such characters stand in strings alone.
fn escaped(json: String) -> String {
    let is_escaped = |c: char| c == '\u{7f}' || !c.is_ascii() && !c.is_alphanumeric();
    if !json.contains(is_escaped) {
        return json;
    }
    let escape = |c: char| match is_escaped(c) {
        true => c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        false => String::from(c),
    };
    json.chars().map(escape).collect()
}

impl Answer {
    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
        let answer = Answer { body: Some(body.into()), ..Answer::empty(status) };
        answer.with_header(header::CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
        let body = serde_json::to_string(body).expect("plain data can always be written as JSON");
        Answer::new(status, JSON, escaped(body))
    }

    pub(crate) fn no_content() -> Answer {
        Answer::empty(StatusCode::NO_CONTENT)
    }

    /// No body, and so no content type.
    pub(crate) fn empty(status: StatusCode) -> Answer {
        Answer { status, headers: HeaderMap::new(), correlation_id: None, body: None }
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Answer {
        self.headers.insert(name, value.into());
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        // An empty `Body`, unlike an empty vector, brings no content type of its own.
        let mut response = Response::new(self.body.map_or_else(Body::empty, Body::from));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Why a request is refused. It becomes an answer once it has a correlation id.
#[derive(Clone)]
pub(crate) struct Refusal {
    status: StatusCode,
    /// The `statusCode` of the body, which is not always the HTTP status.
    body_status: StatusCode,
    error: String,
    header: Option<(HeaderName, HeaderValue)>,
}

/// Codat's error body.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorMessage<'a> {
    status_code: u16,
    service: &'a str,
    error: &'a str,
    correlation_id: &'a str,
    validation: Option<()>,
    can_be_retried: &'a str,
    detailed_error_code: u32,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Refusal {
        Refusal { status, body_status: status, error: error.into(), header: None }
    }

    pub(crate) fn bad_request(error: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, error)
    }

    pub(crate) fn unauthorized() -> Refusal {
        Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized")
    }

    pub(crate) fn not_found(what: &str) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, format!("{what} not found"))
    }

    pub(crate) fn method_not_allowed(allowed: &'static str) -> Refusal {
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
            .with_header(header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// A 409 whose body says 400: so it stands in Codat's description.
    pub(crate) fn key_limit() -> Refusal {
        let error = "Maximum number of API keys reached. To create a new API key, delete an unused key and try again.";
        Refusal { body_status: StatusCode::BAD_REQUEST, ..Refusal::new(StatusCode::CONFLICT, error) }
    }

    pub(crate) fn name_too_long() -> Refusal {
        Refusal::bad_request("Max string length (50) for `name` reached.")
    }

    pub(crate) fn last_key() -> Refusal {
        Refusal::new(StatusCode::CONFLICT, "The last remaining API key cannot be deleted.")
    }

    pub(crate) fn too_many_requests(seconds: i64) -> Refusal {
        Refusal::of(StatusCode::TOO_MANY_REQUESTS).with_header(header::RETRY_AFTER, seconds.into())
    }

    /// The first request with this idempotency key is still running. Unlike that of the key limit, this body says 409.
    pub(crate) fn idempotency_conflict() -> Refusal {
        let error = "Idempotency-Conflict: a request with this Idempotency-Key is still in progress.";
        Refusal::new(StatusCode::CONFLICT, error)
    }

    pub(crate) fn idempotency_mismatch() -> Refusal {
        let error = "This Idempotency-Key was used before with another request body.";
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error)
    }

    /// What Codat says with a status, as far as its description has an example.
    pub(crate) fn of(status: StatusCode) -> Refusal {
        let error = match status {
            StatusCode::UNAUTHORIZED => return Refusal::unauthorized(),
            StatusCode::PAYMENT_REQUIRED => {
                "You have exceeded the 50-company limit that applies to a Free plan. We recommend that you delete any \
                 companies you no longer need and retry the request."
            }
            StatusCode::FORBIDDEN => "You are using an outdated API key or a key not associated with that resource.",
            StatusCode::CONFLICT => return Refusal::key_limit(),
            StatusCode::TOO_MANY_REQUESTS => {
                "You have made too many requests in a given amount of time; please retry later."
            }
            StatusCode::INTERNAL_SERVER_ERROR => "There is a problem with our server. Please try again later.",
            StatusCode::SERVICE_UNAVAILABLE => {
                "The Codat API is temporarily offline for maintenance. Please try again later."
            }
            other => other.canonical_reason().unwrap_or("Unknown"),
        };
        Refusal::new(status, error)
    }

    pub(crate) fn into_answer(self, correlation_id: String) -> Answer {
        let message = ErrorMessage {
            status_code: self.body_status.as_u16(),
            service: "PublicApi",
            error: &self.error,
            correlation_id: &correlation_id,
            validation: None,
            can_be_retried: "Unknown",
            detailed_error_code: 0,
        };
        let mut answer = Answer::json(self.status, &message);
        answer.headers.extend(self.header);
        answer.correlation_id = Some(correlation_id);
        answer
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Refusal {
        self.header = Some((name, value));
        self
    }
}
