//! What every request must be, and what every answer carries.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::site::Site;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Nothing is loaded from elsewhere, sent elsewhere, or shown within another page.
const ANSWERED: [(HeaderName, &str); 9] = [
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

pub(crate) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let mut response = match refused(&site, &request) {
        Some(status) => status.into_response(),
        None => next.run(request).await,
    };
    for (name, value) in ANSWERED {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn refused(site: &Site, request: &Request) -> Option<StatusCode> {
    // Another name for this machine is one that somebody else may have given it (DNS rebinding).
    let elsewhere = request.uri().authority().is_some_and(|authority| authority.as_str() != site.host);
    if elsewhere || only(request.headers(), &header::HOST) != Some(site.host.as_bytes()) {
        return Some(StatusCode::MISDIRECTED_REQUEST);
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    (changes && !is_from_here(site, request.headers())).then_some(StatusCode::FORBIDDEN)
}

/// Browsers say where a form or a script sends from. Of a form they say `null`, since our pages give no referrer; then
/// `Sec-Fetch-Site`, which no page can set and older browsers do not know, must say it.
fn is_from_here(site: &Site, headers: &HeaderMap) -> bool {
    let here = format!("http://{}", site.host);
    let origin = only(headers, &header::ORIGIN);
    match only(headers, &SEC_FETCH_SITE) {
        Some(fetched) => fetched == b"same-origin" && (origin == Some(here.as_bytes()) || origin == Some(b"null")),
        None => origin == Some(here.as_bytes()) && !headers.contains_key(&SEC_FETCH_SITE),
    }
}

pub(crate) fn is_led_by_another_site(headers: &HeaderMap) -> bool {
    only(headers, &SEC_FETCH_SITE) == Some(b"cross-site")
}

/// A request by which a person is about to read the answer, in a window of its own: a navigation, not a look ahead, nor a part
/// of another page. Only such a request uses up what is told or opened once.
pub(crate) struct IsNavigation(pub(crate) bool);

impl<S: Sync> FromRequestParts<S> for IsNavigation {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.method == Method::GET && is_navigation(&parts.headers)))
    }
}

fn is_navigation(headers: &HeaderMap) -> bool {
    let [mode, dest] = ["sec-fetch-mode", "sec-fetch-dest"].map(HeaderName::from_static);
    if ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().any(|name| headers.contains_key(*name)) {
        return false;
    }
    // Older browsers send neither, and ask for HTML when they navigate.
    if !headers.contains_key(&mode) && !headers.contains_key(&dest) {
        let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
        return accepted.split([',', ';']).any(|part| part.trim().eq_ignore_ascii_case("text/html"));
    }
    only(headers, &mode) == Some(b"navigate") && only(headers, &dest) == Some(b"document")
}

/// The value of a header that was sent once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes)
}
