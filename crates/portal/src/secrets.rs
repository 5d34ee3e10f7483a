//! The three endpoints that return a secret. When the visitor clicks a button, the script of the page calls one of
//! them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use codat_keys::{ApiKey, AuthorizationHeader, Error, KeyId};

use crate::app_state::AppState;
use crate::extractors::{EmptyForm, KeyManager, SessionForm};
use crate::messages::Language;

/// Returns the route that responds with an API key in plain text. The path contains the id of the API key.
pub(crate) fn key() -> MethodRouter<Arc<AppState>> {
    of_key(|key| key.expose_secret().to_owned())
}

/// Returns the route that responds with the `Authorization` header for an API key. The path contains the id of the API
/// key.
pub(crate) fn header() -> MethodRouter<Arc<AppState>> {
    of_key(|key| AuthorizationHeader::from(&key).expose_secret().to_owned())
}

fn of_key(secret: fn(ApiKey) -> String) -> MethodRouter<Arc<AppState>> {
    let handler = async move |app: State<Arc<AppState>>,
                              language: Language,
                              _manager: KeyManager,
                              Path(id): Path<String>,
                              _form: SessionForm<EmptyForm>| {
        let found = get_key(&app, &id).await.map(secret);
        found.map_err(|error| (StatusCode::BAD_GATEWAY, language.translate(error.kind().text())))
    };
    post(handler)
}

/// Responds with the API key that this session created most recently, and with the `Authorization` header for this API
/// key on a second line. Returns each API key only once. The API key comes from the session, because Codat may not list
/// a new API key immediately.
pub(crate) async fn created(
    State(app): State<Arc<AppState>>,
    _manager: KeyManager,
    Path(id): Path<String>,
    request: SessionForm<EmptyForm>,
) -> Response {
    let take = |created: &mut Option<(KeyId, ApiKey)>| created.take_if(|(created, _)| created.as_str() == id);
    match app.sessions.with(&request.visitor.session, |session| take(&mut session.created)).flatten() {
        Some((_, key)) => {
            format!("{}\n{}", key.expose_secret(), AuthorizationHeader::from(&key).expose_secret()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn get_key(app: &AppState, id: &str) -> Result<ApiKey, Error> {
    let id = KeyId::parse(id)?;
    Ok(app.client()?.keys().get(&id).await?.api_key)
}
