//! How one comes in and goes out.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::access::{LANGUAGE, Own};
use crate::guard::IsNavigation;
use crate::role::Role;
use crate::session::{Access, Visitor};
use crate::site::{Door, Site};
use crate::words::Language;
use crate::{PATH, access, view};

/// What is answered to somebody who has not come in.
pub(crate) fn closed(site: &Site, language: Language, stranger: Option<Visitor>) -> Response {
    match (&site.door, stranger) {
        (Door::Links(_), _) => (StatusCode::UNAUTHORIZED, view::needs_link(language)).into_response(),
        (Door::SignIn, Some(stranger)) => view::sign_in(language, &stranger).into_response(),
        (Door::SignIn, None) => {
            // A session before the sign-in, so that its form has a token, too.
            let stranger = site.sessions.begin(Access::Stranger);
            with_session(site, &stranger, view::sign_in(language, &stranger))
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct SignIn {
    role: String,
}

pub(crate) async fn sign_in(State(site): State<Arc<Site>>, own: Own<SignIn>) -> Response {
    let (Door::SignIn, Some(role)) = (&site.door, Role::named(&own.form.role)) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    // Another cookie than the stranger's: somebody may have planted that one.
    site.sessions.end(&own.visitor.session);
    let user = site.sessions.begin(Access::User(role));
    with_session(&site, &user, Redirect::to(PATH))
}

#[derive(Deserialize)]
pub(crate) struct Nothing {}

pub(crate) async fn sign_out(State(site): State<Arc<Site>>, own: Own<Nothing>) -> Redirect {
    site.sessions.end(&own.visitor.session);
    Redirect::to(PATH)
}

/// The link is worth nothing from now on. A page leads on, not a redirect: a browser that was sent here by another program
/// keeps the new cookie to itself until a page of ours asks.
pub(crate) async fn open(
    State(site): State<Arc<Site>>,
    language: Language,
    IsNavigation(is_navigation): IsNavigation,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Response {
    let Door::Links(links) = &site.door else { return StatusCode::NOT_FOUND.into_response() };
    // What only looks ahead must not use it up.
    if !is_navigation {
        return StatusCode::FORBIDDEN.into_response();
    }
    if links.opens(&token) {
        let owner = site.sessions.begin(Access::Owner);
        return with_session(&site, &owner, view::opened(language));
    }
    match access::visitor(&site, &headers) {
        Some(_) => view::opened(language).into_response(),
        None => (StatusCode::UNAUTHORIZED, view::needs_link(language)).into_response(),
    }
}

pub(crate) async fn speak(Path(language): Path<String>) -> Response {
    let Some(language) = Language::named(&language) else { return StatusCode::NOT_FOUND.into_response() };
    let cookie = format!("{LANGUAGE}={}; Path={PATH}; Max-Age=31536000; HttpOnly; SameSite=Strict", language.code());
    with_cookie(&cookie, Redirect::to(PATH))
}

fn with_session(site: &Site, visitor: &Visitor, page: impl IntoResponse) -> Response {
    // Not `Secure`, which would need HTTPS: it never leaves this machine.
    let cookie = format!("{}={}; Path={PATH}; HttpOnly; SameSite=Strict", site.cookie, visitor.session);
    with_cookie(&cookie, page)
}

fn with_cookie(cookie: &str, page: impl IntoResponse) -> Response {
    let mut response = page.into_response();
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
