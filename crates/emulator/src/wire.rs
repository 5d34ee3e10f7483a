//! The wire types of the emulated API: keys, errors and responses.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

pub(crate) const JSON: &str = "application/json";

/// Returns true if a path belongs to the control endpoints.
pub(crate) fn is_control_path(path: &str) -> bool {
    path == "/_emulator" || path.starts_with("/_emulator/")
}

/// A key in the format of Codat's API. The type does not implement `Debug`, because it contains a secret.
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

/// A response of the emulator, before its conversion to an axum response.
#[derive(Clone)]
pub(crate) struct ApiResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The `correlationId` in the body of an error response.
    pub(crate) correlation_id: Option<String>,
    pub(crate) body: Option<Bytes>,
}

impl ApiResponse {
    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> ApiResponse {
        let response = ApiResponse { body: Some(body.into()), ..ApiResponse::empty(status) };
        response.with_header(header::CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> ApiResponse {
        let body = serde_json::to_string(body).expect("plain data is always serializable");
        ApiResponse::new(status, JSON, escape(body))
    }

    pub(crate) fn no_content() -> ApiResponse {
        ApiResponse::empty(StatusCode::NO_CONTENT)
    }

    /// Creates a response without a body and without `Content-Type`.
    pub(crate) fn empty(status: StatusCode) -> ApiResponse {
        ApiResponse { status, headers: HeaderMap::new(), correlation_id: None, body: None }
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> ApiResponse {
        self.headers.insert(name, value.into());
        self
    }
}

impl IntoResponse for ApiResponse {
    fn into_response(self) -> Response {
        // Uses `Body::empty`, which sets no `Content-Type`. An empty vector would set one.
        let mut response = Response::new(self.body.map_or_else(Body::empty, Body::from));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Escapes the characters in JSON that a terminal would interpret or hide. Users read the journal in terminals. These
/// characters occur only in JSON strings, so the value of the JSON does not change.
pub(crate) fn escape(json: String) -> String {
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

/// An error of Codat's API. [`ApiError::into_response`] adds the correlation id.
#[derive(Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    /// The `statusCode` in the JSON body. It can differ from the HTTP status.
    body_status: StatusCode,
    error: String,
    header: Option<(HeaderName, HeaderValue)>,
}

/// The JSON body of an error response of Codat's API.
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

impl ApiError {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> ApiError {
        ApiError { status, body_status: status, error: error.into(), header: None }
    }

    /// Returns the text for a caller in Rust.
    pub(crate) fn into_text(self) -> String {
        self.error
    }

    pub(crate) fn bad_request(error: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, error)
    }

    pub(crate) fn unauthorized() -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, "Unauthorized")
    }

    pub(crate) fn not_found(resource: &str) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, format!("{resource} not found"))
    }

    pub(crate) fn method_not_allowed(allowed: &'static str) -> ApiError {
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
            .with_header(header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// Returns the error for the limit of ten keys. As in Codat's OpenAPI description, the HTTP status is 409, and the
    /// `statusCode` in the body is 400.
    pub(crate) fn key_limit() -> ApiError {
        let error = "Maximum number of API keys reached. To create a new API key, delete an unused key and try again.";
        ApiError { body_status: StatusCode::BAD_REQUEST, ..ApiError::new(StatusCode::CONFLICT, error) }
    }

    pub(crate) fn name_too_long() -> ApiError {
        ApiError::bad_request("Max string length (50) for `name` reached.")
    }

    pub(crate) fn last_key() -> ApiError {
        ApiError::new(StatusCode::CONFLICT, "The last remaining API key cannot be deleted.")
    }

    pub(crate) fn too_many_requests(seconds: i64) -> ApiError {
        ApiError::for_status(StatusCode::TOO_MANY_REQUESTS).with_header(header::RETRY_AFTER, seconds.into())
    }

    /// Returns the error for a request whose idempotency key belongs to an earlier request that is still running. The
    /// HTTP status and the `statusCode` in the body are 409.
    pub(crate) fn idempotency_conflict() -> ApiError {
        let error = "Idempotency-Conflict: a request with this Idempotency-Key is still in progress.";
        ApiError::new(StatusCode::CONFLICT, error)
    }

    pub(crate) fn idempotency_mismatch() -> ApiError {
        let error = "This Idempotency-Key was used before with another request body.";
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, error)
    }

    /// Returns the error for an HTTP status. The message is the example in Codat's OpenAPI description. If there is no
    /// example, the message is the reason phrase of the HTTP status.
    pub(crate) fn for_status(status: StatusCode) -> ApiError {
        let error = match status {
            StatusCode::UNAUTHORIZED => return ApiError::unauthorized(),
            StatusCode::PAYMENT_REQUIRED => {
                "You have exceeded the 50-company limit that applies to a Free plan. We recommend that you delete any \
                 companies you no longer need and retry the request."
            }
            StatusCode::FORBIDDEN => "You are using an outdated API key or a key not associated with that resource.",
            StatusCode::CONFLICT => return ApiError::key_limit(),
            StatusCode::TOO_MANY_REQUESTS => {
                "You have made too many requests in a given amount of time; please retry later."
            }
            StatusCode::INTERNAL_SERVER_ERROR => "There is a problem with our server. Please try again later.",
            StatusCode::SERVICE_UNAVAILABLE => {
                "The Codat API is temporarily offline for maintenance. Please try again later."
            }
            other => other.canonical_reason().unwrap_or("Unknown"),
        };
        ApiError::new(status, error)
    }

    pub(crate) fn into_response(self, correlation_id: String) -> ApiResponse {
        let message = ErrorMessage {
            status_code: self.body_status.as_u16(),
            service: "PublicApi",
            error: &self.error,
            correlation_id: &correlation_id,
            validation: None,
            can_be_retried: "Unknown",
            detailed_error_code: 0,
        };
        let mut response = ApiResponse::json(self.status, &message);
        response.headers.extend(self.header);
        response.correlation_id = Some(correlation_id);
        response
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> ApiError {
        self.header = Some((name, value));
        self
    }
}
