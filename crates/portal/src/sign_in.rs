//! Request handlers for signing in and out, for sign-in links, and for the selection of the language.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use crate::app_state::{AppState, Authentication};
use crate::extractors::{EmptyForm, IsNavigation, SessionForm};
use crate::messages::Language;
use crate::paths::PATH;
use crate::role::Role;
use crate::session::Identity;
use crate::{cookies, view};

#[derive(Deserialize)]
pub(crate) struct SignIn {
    role: String,
}

pub(crate) async fn sign_in(State(app): State<Arc<AppState>>, request: SessionForm<SignIn>) -> Response {
    let (Authentication::SignIn, Some(role)) = (&app.authentication, Role::from_name(&request.form.role)) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    // Starts a new session to prevent session fixation: an attacker may have set the cookie of the anonymous session.
    app.sessions.end(&request.visitor.session);
    let user = app.sessions.begin(Identity::User(role));
    cookies::with_session(&app, &user, Redirect::to(PATH))
}

pub(crate) async fn sign_out(State(app): State<Arc<AppState>>, request: SessionForm<EmptyForm>) -> Redirect {
    app.sessions.end(&request.visitor.session);
    Redirect::to(PATH)
}

/// Starts a session for the visitor if the link is valid, and makes the link invalid. Responds with a page that
/// navigates to the list of API keys. An HTTP redirect would not work if another program opened the link in the
/// browser. After such a redirect, the browser does not send the session cookie, because this cookie is
/// `SameSite=Strict`.
pub(crate) async fn open_link(
    State(app): State<Arc<AppState>>,
    language: Language,
    IsNavigation(is_navigation): IsNavigation,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Response {
    let Authentication::Links(links) = &app.authentication else { return StatusCode::NOT_FOUND.into_response() };
    // Only a navigation uses up the link. A prefetch must not use it up.
    if !is_navigation {
        return StatusCode::FORBIDDEN.into_response();
    }
    if links.consume(&token) {
        let holder = app.sessions.begin(Identity::LinkHolder);
        return cookies::with_session(&app, &holder, view::redirect(language));
    }
    match cookies::visitor(&app, &headers) {
        Some(_) => view::redirect(language).into_response(),
        None => (StatusCode::UNAUTHORIZED, view::link_required(language)).into_response(),
    }
}

pub(crate) async fn set_language(Path(code): Path<String>) -> Response {
    match Language::from_code(&code) {
        Some(language) => cookies::with_language(language, Redirect::to(PATH)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
