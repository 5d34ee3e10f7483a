//! The cookies of the portal: the session cookie and the language cookie.

use std::time::Duration;

use axum::http::header::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};

use crate::app_state::AppState;
use crate::messages::Language;
use crate::paths::PATH;
use crate::session::Visitor;

const LANGUAGE: &str = "codat_keys_language";
const YEAR: Duration = Duration::from_hours(365 * 24);

/// Returns the visitor of the session that the session cookie identifies. Returns `None` if the request has no session
/// cookie, or if the session has ended.
pub(crate) fn visitor(app: &AppState, headers: &HeaderMap) -> Option<Visitor> {
    app.sessions.visitor(CookieJar::from_headers(headers).get(&app.session_cookie)?.value())
}

/// Returns the language in the language cookie. Returns `None` if the request has no such cookie.
pub(crate) fn language(headers: &HeaderMap) -> Option<Language> {
    Language::from_code(CookieJar::from_headers(headers).get(LANGUAGE)?.value())
}

/// Adds the session cookie of a visitor to a response.
pub(crate) fn with_session(app: &AppState, visitor: &Visitor, response: impl IntoResponse) -> Response {
    with_cookie(Cookie::new(app.session_cookie.clone(), visitor.session.clone()), response)
}

/// Adds the language cookie to a response. The cookie is valid for a year.
pub(crate) fn with_language(language: Language, response: impl IntoResponse) -> Response {
    let year = YEAR.try_into().unwrap_or_default();
    with_cookie(Cookie::build((LANGUAGE, language.code())).max_age(year).build(), response)
}

fn with_cookie(mut cookie: Cookie<'static>, response: impl IntoResponse) -> Response {
    // `Secure` is omitted, because it requires HTTPS. The page is served on a loopback address only.
    cookie.set_path(PATH);
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Strict);
    (CookieJar::new().add(cookie), response).into_response()
}
