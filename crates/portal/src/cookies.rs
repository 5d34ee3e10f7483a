//! The cookies of the portal: the session cookie and the language cookie.

use axum::http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use axum::response::{IntoResponse, Response};

use crate::app_state::AppState;
use crate::messages::Language;
use crate::paths::PATH;
use crate::session::Visitor;

const LANGUAGE: &str = "codat_keys_language";

/// Returns the visitor whose session cookie the request contains. Returns `None` for an unknown session.
pub(crate) fn visitor(app: &AppState, headers: &HeaderMap) -> Option<Visitor> {
    app.sessions.visitor(cookie(headers, &app.session_cookie)?)
}

/// Returns the language that the visitor has selected.
pub(crate) fn language(headers: &HeaderMap) -> Option<Language> {
    cookie(headers, LANGUAGE).and_then(Language::from_code)
}

/// Adds the session cookie of a visitor to a response.
pub(crate) fn with_session(app: &AppState, visitor: &Visitor, response: impl IntoResponse) -> Response {
    // `Secure` is omitted, because it requires HTTPS. The page is served on a loopback address only.
    let cookie = format!("{}={}; Path={PATH}; HttpOnly; SameSite=Strict", app.session_cookie, visitor.session);
    with_cookie(&cookie, response)
}

/// Adds the language cookie, which is valid for a year, to a response.
pub(crate) fn with_language(language: Language, response: impl IntoResponse) -> Response {
    let cookie = format!("{LANGUAGE}={}; Path={PATH}; Max-Age=31536000; HttpOnly; SameSite=Strict", language.code());
    with_cookie(&cookie, response)
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split("; ")).filter_map(|cookie| cookie.split_once('='));
    pairs.find(|(cookie, _)| *cookie == name).map(|(_, value)| value)
}

fn with_cookie(cookie: &str, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
