//! Extractors for request handlers: the authorized visitor, the submitted form, the language and the kind of HTTP
//! request.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{ACCEPT, ACCEPT_LANGUAGE, HeaderMap, HeaderName};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::app_state::{AppState, Authentication};
use crate::messages::Language;
use crate::session::{Identity, Visitor};
use crate::{cookies, middleware, token, view};

/// A visitor who can list and change the API keys. For any other visitor, the extractor responds with a page that says
/// how to get access.
pub(crate) struct KeyManager(pub(crate) Visitor);

impl FromRequestParts<Arc<AppState>> for KeyManager {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<AppState>) -> Result<Self, Response> {
        let language = Language::of(&parts.headers);
        let Some(visitor) = cookies::visitor(app, &parts.headers) else {
            // A browser omits the session cookie after a click on a link of another site. The response is therefore a
            // page that redirects. The redirect comes from the portal's own origin, so the browser includes the cookie.
            // A sign-in page would replace the session instead.
            return Err(match middleware::is_cross_site(&parts.headers) {
                true => view::redirect(language).into_response(),
                false => authentication_required(app, language, None),
            });
        };
        match visitor.identity {
            Identity::Anonymous => Err(authentication_required(app, language, Some(visitor))),
            Identity::User(role) if !role.manages_keys() => {
                Err((StatusCode::FORBIDDEN, view::forbidden(language, &visitor, role)).into_response())
            }
            Identity::User(_) | Identity::LinkHolder => {
                app.record_use();
                Ok(Self(visitor))
            }
        }
    }
}

fn authentication_required(app: &AppState, language: Language, anonymous: Option<Visitor>) -> Response {
    match (&app.authentication, anonymous) {
        (Authentication::Links(_), _) => (StatusCode::UNAUTHORIZED, view::link_required(language)).into_response(),
        (Authentication::SignIn, Some(visitor)) => view::sign_in(language, &visitor).into_response(),
        (Authentication::SignIn, None) => {
            // The sign-in form has a form token, and a form token requires a session.
            let visitor = app.sessions.begin(Identity::Anonymous);
            cookies::with_session(app, &visitor, view::sign_in(language, &visitor))
        }
    }
}

/// A submitted form with a valid form token. Each session has a secret form token, and the forms on its pages contain
/// this token. A form without the token is rejected. This prevents cross-site request forgery (CSRF), because other
/// sites do not know the token.
pub(crate) struct SessionForm<T> {
    pub(crate) visitor: Visitor,
    pub(crate) form: T,
}

/// A form that contains only the form token.
#[derive(Deserialize)]
pub(crate) struct EmptyForm {}

#[derive(Deserialize)]
struct WithToken<T> {
    token: String,
    #[serde(flatten)]
    form: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<AppState>> for SessionForm<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<AppState>) -> Result<Self, Response> {
        let language = Language::of(request.headers());
        let rejection = || (StatusCode::FORBIDDEN, view::session_ended(language)).into_response();
        let visitor = cookies::visitor(app, request.headers()).ok_or_else(rejection)?;
        let form = Form::<WithToken<T>>::from_request(request, &()).await;
        let Form(WithToken { token, form }) = form.map_err(|error| error.into_response())?;
        if !token::is_equal(&token, &visitor.form_token) {
            return Err(rejection());
        }
        Ok(Self { visitor, form })
    }
}

impl FromRequestParts<Arc<AppState>> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &Arc<AppState>) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl Language {
    /// Returns the language that the visitor has selected. If the visitor has selected no language, returns the
    /// preferred language of the browser. The default is English.
    fn of(headers: &HeaderMap) -> Self {
        let preferred = || headers.get(ACCEPT_LANGUAGE).and_then(|accepted| Self::preferred(accepted.to_str().ok()?));
        cookies::language(headers).or_else(preferred).unwrap_or(Self::English)
    }
}

/// Whether the visitor sees the response as a page. False for a prefetch, and for a request that a page sends in the
/// background. If false, the request must not use up a sign-in link or a flash message.
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
    // Older browsers send neither header, but they accept HTML when they navigate.
    if !headers.contains_key(&mode) && !headers.contains_key(&dest) {
        let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
        return accepted.split([',', ';']).any(|part| part.trim().eq_ignore_ascii_case("text/html"));
    }
    middleware::single(headers, &mode) == Some(b"navigate") && middleware::single(headers, &dest) == Some(b"document")
}
