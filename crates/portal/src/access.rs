//! Who sends a request, found out before anything is done with it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HeaderMap};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::session::{Access, Visitor};
use crate::site::Site;
use crate::words::Language;
use crate::{door, guard, random, view};

/// The cookie that keeps which language was chosen.
pub(crate) const LANGUAGE: &str = "codat_keys_language";

/// A visitor who may see and change the keys. Whoever may not is told who may, and nothing else.
pub(crate) struct Manager(pub(crate) Visitor);

impl FromRequestParts<Arc<Site>> for Manager {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Response> {
        let language = Language::of(&parts.headers);
        let Some(visitor) = visitor(site, &parts.headers) else {
            // A browser that another site leads here keeps the cookie to itself. A page of ours asks for it: otherwise a
            // link would begin another session, and sign out whoever follows it.
            let led_here = guard::is_led_by_another_site(&parts.headers);
            return Err(if led_here {
                view::opened(language).into_response()
            } else {
                door::closed(site, language, None)
            });
        };
        match visitor.access {
            Access::Stranger => Err(door::closed(site, language, Some(visitor))),
            Access::User(role) if !role.manages_keys() => {
                Err((StatusCode::FORBIDDEN, view::forbidden(language, &visitor, role)).into_response())
            }
            Access::User(_) | Access::Owner => {
                site.is_used();
                Ok(Self(visitor))
            }
        }
    }
}

/// A form of the visitor's own session.
pub(crate) struct Own<T> {
    pub(crate) visitor: Visitor,
    pub(crate) form: T,
}

#[derive(Deserialize)]
struct WithToken<T> {
    token: String,
    #[serde(flatten)]
    rest: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<Site>> for Own<T> {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Response> {
        let language = Language::of(request.headers());
        let refused = || (StatusCode::FORBIDDEN, view::out_of_date(language)).into_response();
        let visitor = visitor(site, request.headers()).ok_or_else(refused)?;
        let form = Form::<WithToken<T>>::from_request(request, &()).await;
        let Form(WithToken { token, rest }) = form.map_err(|rejection| rejection.into_response())?;
        if !random::same(&token, &visitor.form_token) {
            return Err(refused());
        }
        Ok(Self { visitor, form: rest })
    }
}

/// As chosen with the switch, or else as the browser asks.
impl FromRequestParts<Arc<Site>> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _site: &Arc<Site>) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl Language {
    fn of(headers: &HeaderMap) -> Self {
        let chosen = cookie(headers, LANGUAGE).and_then(Self::named);
        let asked = || headers.get(ACCEPT_LANGUAGE).and_then(|accepted| Self::preferred(accepted.to_str().ok()?));
        chosen.or_else(asked).unwrap_or(Self::English)
    }
}

pub(crate) fn visitor(site: &Site, headers: &HeaderMap) -> Option<Visitor> {
    site.sessions.visitor(cookie(headers, &site.cookie)?)
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split("; ")).filter_map(|cookie| cookie.split_once('='));
    pairs.find(|(of, _)| *of == name).map(|(_, value)| value)
}
