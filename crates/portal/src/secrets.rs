//! The three requests that hand a secret out, each to a script of the page that a person told to.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use codat_keys::{ApiKey, AuthorizationHeader, Error, KeyId};

use crate::access::{Manager, Own};
use crate::door::Nothing;
use crate::site::Site;
use crate::words::Language;

/// The key itself.
pub(crate) fn key() -> MethodRouter<Arc<Site>> {
    of_key(|key| key.expose_secret().to_owned())
}

/// Its header.
pub(crate) fn header() -> MethodRouter<Arc<Site>> {
    of_key(|key| AuthorizationHeader::from(&key).expose_secret().to_owned())
}

fn of_key(secret: fn(ApiKey) -> String) -> MethodRouter<Arc<Site>> {
    let told = async move |site: State<Arc<Site>>,
                           language: Language,
                           _manager: Manager,
                           Path(id): Path<String>,
                           _own: Own<Nothing>| {
        let found = look_up(&site, &id).await.map(secret);
        found.map_err(|error| (StatusCode::BAD_GATEWAY, language.said(error.kind().text())))
    };
    post(told)
}

/// The key that this session has just made, once, whether or not the list has it already; below it, its header.
pub(crate) async fn created(
    State(site): State<Arc<Site>>,
    _manager: Manager,
    Path(id): Path<String>,
    own: Own<Nothing>,
) -> Response {
    let take = |created: &mut Option<(KeyId, ApiKey)>| created.take_if(|(made, _)| made.as_str() == id);
    match site.sessions.with(&own.visitor.session, |session| take(&mut session.created)).flatten() {
        Some((_, key)) => {
            format!("{}\n{}", key.expose_secret(), AuthorizationHeader::from(&key).expose_secret()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn look_up(site: &Site, id: &str) -> Result<ApiKey, Error> {
    let id = KeyId::parse(id)?;
    Ok(site.client()?.keys().get(&id).await?.api_key)
}
