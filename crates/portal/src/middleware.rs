//! Middleware that rejects HTTP requests for another host or from another origin, and sets the security headers of
//! responses.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::app_state::AppState;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Headers for every response. They forbid the browser to load resources from another origin, to send data to another
/// origin, and to show the page in a frame.
const SECURITY_HEADERS: [(HeaderName, &str); 9] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

pub(crate) async fn check_origin(State(app): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let mut response = match rejection(&app, &request) {
        Some(status) => status.into_response(),
        None => next.run(request).await,
    };
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn rejection(app: &AppState, request: &Request) -> Option<StatusCode> {
    // Rejects other host names. In a DNS rebinding attack, an attacker's host name resolves to this machine.
    let is_other_target = request.uri().authority().is_some_and(|authority| authority.as_str() != app.host);
    if is_other_target || single(request.headers(), &header::HOST) != Some(app.host.as_bytes()) {
        return Some(StatusCode::MISDIRECTED_REQUEST);
    }
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    (is_change && !is_same_origin(app, request.headers())).then_some(StatusCode::FORBIDDEN)
}

/// Returns true if a page of the portal sent the HTTP request. Browsers send `Sec-Fetch-Site: same-origin` for such a
/// request, and other sites cannot forge this header. If this header is present, `Origin` must be the origin of the
/// portal or `null`. Browsers send `Origin: null` with a form of a page whose referrer policy is `no-referrer`. Older
/// browsers do not send `Sec-Fetch-Site`. If this header is absent, `Origin` must be the origin of the portal.
fn is_same_origin(app: &AppState, headers: &HeaderMap) -> bool {
    let own = format!("http://{}", app.host);
    let origin = single(headers, &header::ORIGIN);
    match single(headers, &SEC_FETCH_SITE) {
        Some(site) => site == b"same-origin" && (origin == Some(own.as_bytes()) || origin == Some(b"null")),
        None => origin == Some(own.as_bytes()) && !headers.contains_key(&SEC_FETCH_SITE),
    }
}

/// Returns true if another site caused the HTTP request, for example through a link.
pub(crate) fn is_cross_site(headers: &HeaderMap) -> bool {
    single(headers, &SEC_FETCH_SITE) == Some(b"cross-site")
}

/// Returns the value of a header. Returns `None` if the header is missing or occurs more than once.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes)
}
