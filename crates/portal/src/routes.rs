//! The routes of the portal.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::{get, post};

use crate::app_state::AppState;
use crate::middleware::check_origin;
use crate::paths::PATH;
use crate::{key_pages, secrets, sign_in};

/// The maximum length of a request body in bytes. The forms of the page are much shorter.
const MAX_BODY: usize = 16 * 1024;

pub(crate) fn router(app: Arc<AppState>) -> Router {
    let at = |rest: &str| format!("{PATH}{rest}");
    let file = |media_type: &'static str, content: &'static str| {
        get(move || async move { ([(CONTENT_TYPE, media_type)], content) })
    };
    Router::new()
        .route(PATH, get(key_pages::list))
        .route(&at("/"), get(async || Redirect::temporary(PATH)))
        .route(&at("/keys"), post(key_pages::create))
        .route(&at("/keys/{id}/revoke"), get(key_pages::confirm_revocation).post(key_pages::revoke))
        .route(&at("/keys/{id}/key"), secrets::key())
        .route(&at("/keys/{id}/header"), secrets::header())
        .route(&at("/keys/{id}/created"), post(secrets::created))
        .route(&at("/dismiss"), post(key_pages::dismiss))
        .route(&at("/open/{token}"), get(sign_in::open_link))
        .route(&at("/sign-in"), post(sign_in::sign_in))
        .route(&at("/sign-out"), post(sign_in::sign_out))
        .route(&at("/language/{code}"), get(sign_in::set_language))
        .route(&at("/portal.css"), file("text/css; charset=utf-8", include_str!("../assets/portal.css")))
        .route(&at("/portal.js"), file("text/javascript; charset=utf-8", include_str!("../assets/portal.js")))
        .route(&at("/icon.svg"), file("image/svg+xml", include_str!("../assets/icon.svg")))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(Arc::clone(&app), check_origin))
        .with_state(app)
}
