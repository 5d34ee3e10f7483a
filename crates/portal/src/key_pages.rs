//! Request handlers that list, create and revoke API keys.

use std::future::Future;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use codat_keys::{ApiKeyDetails, Client, KeyId, KeyName, Untrusted};
use serde::Deserialize;

use crate::app_state::AppState;
use crate::extractors::{IsNavigation, KeyManager, SessionForm};
use crate::flash::{ErrorSummary, FlashMessage, KeySummary, RequestedAction};
use crate::messages::Language;
use crate::paths::{PATH, key_path};
use crate::session::Visitor;
use crate::token;
use crate::view::{self, Keys};

#[derive(Deserialize)]
pub(crate) struct Search {
    #[serde(default)]
    name: String,
}

pub(crate) async fn list(
    State(app): State<Arc<AppState>>,
    language: Language,
    KeyManager(visitor): KeyManager,
    IsNavigation(is_navigation): IsNavigation,
    Query(search): Query<Search>,
) -> Response {
    let listed = list_keys(&app).await;
    if let Ok((_, keys)) = &listed {
        app.resolve_revocations(&visitor, keys);
    }
    let messages = app.flash_messages(&visitor, is_navigation);
    let client = listed.as_ref().map_or_else(|_| app.client().ok(), |(client, _)| Some(client.clone()));
    let page = view::Page {
        language,
        visitor: &visitor,
        read_only: app.read_only,
        messages: &messages,
        client: client.as_ref(),
    };
    match &listed {
        Ok((client, keys)) => page.keys(&Keys { client, keys }, search.name.trim()).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, page.without_keys(error)).into_response(),
    }
}

/// The hidden form field that contains the id of the form. Each rendered form gets a new id. If the visitor submits the
/// form twice, both submissions have the same id.
#[derive(Deserialize)]
struct FormId {
    form: Option<String>,
}

impl FormId {
    fn id(&self) -> String {
        self.form.clone().unwrap_or_else(token::generate)
    }
}

#[derive(Deserialize)]
pub(crate) struct Creation {
    name: String,
    #[serde(flatten)]
    form: FormId,
    /// The idempotency key of an earlier creation with an unknown outcome. The new creation resumes the earlier
    /// creation.
    idempotency_key: Option<String>,
}

pub(crate) async fn create(
    State(app): State<Arc<AppState>>,
    KeyManager(visitor): KeyManager,
    request: SessionForm<Creation>,
) -> Response {
    if app.read_only {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Creation { name: typed, form, idempotency_key: resumed } = request.form;
    let submission = format!("{} {typed}", form.id());
    let (shared_app, session) = (Arc::clone(&app), visitor.session.clone());
    let creation = async move {
        let Ok(name) = KeyName::parse(typed.trim()) else { return FlashMessage::InvalidName { typed } };
        match create_key(&shared_app, &session, &name, resumed.clone()).await {
            Ok((id, key)) => FlashMessage::Created { id, key, resumed },
            Err(error) => FlashMessage::Failed { error, action: RequestedAction::CreateKey(typed) },
        }
    };
    run_once(app, visitor, submission, creation).await
}

async fn create_key(
    app: &AppState,
    session: &str,
    name: &KeyName,
    resumed: Option<String>,
) -> Result<(KeyId, KeySummary), ErrorSummary> {
    let client = app.client()?;
    let mut request = client.keys().create(name);
    if let Some(key) = resumed {
        request = request.idempotency_key(key);
    }
    let created = app.changes.create(name.as_str(), request).await?;
    let summary = KeySummary::of(&created.key);
    let id = created.key.id.clone();
    app.sessions.with(session, |session| session.created = Some((created.key.id, created.key.api_key)));
    Ok((id, summary))
}

pub(crate) async fn confirm_revocation(
    State(app): State<Arc<AppState>>,
    language: Language,
    KeyManager(visitor): KeyManager,
    IsNavigation(is_navigation): IsNavigation,
    Path(id): Path<String>,
) -> Response {
    let found = list_keys(&app).await.and_then(|(client, keys)| {
        let keys = Keys { client: &client, keys: &keys };
        let key = keys.get(&id)?;
        let messages = app.flash_messages(&visitor, is_navigation);
        let client = Some(&client);
        let page = view::Page { language, visitor: &visitor, read_only: app.read_only, messages: &messages, client };
        Ok(page.revoke(&keys, key).into_response())
    });
    found.unwrap_or_else(|error| {
        // Only a navigation changes the session. A prefetch must not replace a message that the visitor has not seen.
        if is_navigation {
            app.flash(&visitor, Arc::new(FlashMessage::Failed { error, action: RequestedAction::ListKeys }));
        }
        Redirect::to(PATH).into_response()
    })
}

#[derive(Deserialize)]
pub(crate) struct Revocation {
    confirm: String,
    #[serde(flatten)]
    form: FormId,
    /// The checkbox that allows the revocation of the API key that the portal itself uses. `None` if the box is not
    /// checked.
    in_use: Option<String>,
}

pub(crate) async fn revoke(
    State(app): State<Arc<AppState>>,
    KeyManager(visitor): KeyManager,
    Path(id): Path<String>,
    request: SessionForm<Revocation>,
) -> Response {
    if app.read_only {
        return StatusCode::FORBIDDEN.into_response();
    }
    let (submission, shared_app) = (format!("{} {id}", request.form.form.id()), Arc::clone(&app));
    let revocation = async move {
        delete_key(&shared_app, &id, &request.form)
            .await
            .unwrap_or_else(|error| FlashMessage::Failed { error, action: RequestedAction::ListKeys })
    };
    run_once(app, visitor, submission, revocation).await
}

async fn delete_key(app: &AppState, id: &str, form: &Revocation) -> Result<FlashMessage, ErrorSummary> {
    let (client, keys) = list_keys(app).await?;
    let keys = Keys { client: &client, keys: &keys };
    let key = keys.get(id)?;
    if !confirms(form.confirm.trim(), key) {
        return Ok(FlashMessage::NotConfirmed(key.id.clone()));
    }
    let request = client.keys().delete(&key.id).allow_key_in_use(form.in_use.is_some());
    let summary = KeySummary::of(key);
    Ok(match app.changes.revoke(&key.id, request).await {
        Ok(()) => FlashMessage::Revoked(key.id.clone(), summary),
        Err(error) => FlashMessage::Failed { error, action: RequestedAction::RevokeKey(key.id.clone(), summary) },
    })
}

/// Returns true if the typed text confirms the revocation of `key`. The text must be the name of the API key, or the
/// last four characters of the API key itself. The name can be typed in its original form, or in the masked form that
/// the page shows.
fn confirms(typed: &str, key: &ApiKeyDetails) -> bool {
    let secret = key.api_key.expose_secret();
    let end = secret.get(secret.len().saturating_sub(4)..);
    let is_name = |name: &Untrusted| name.unredacted().trim() == typed || name.to_string().trim() == typed;
    !typed.is_empty() && (key.name.as_ref().is_some_and(is_name) || end == Some(typed))
}

#[derive(Deserialize)]
pub(crate) struct Dismissal {
    change: String,
}

/// Removes the message about a creation or revocation with an unknown outcome, because the visitor has dismissed the
/// message.
pub(crate) async fn dismiss(
    State(app): State<Arc<AppState>>,
    KeyManager(visitor): KeyManager,
    request: SessionForm<Dismissal>,
) -> Redirect {
    app.sessions.with(&visitor.session, |session| {
        session.unresolved.retain(|message| message.unresolved_change() != Some(&request.form.change));
    });
    Redirect::to(PATH)
}

async fn list_keys(app: &AppState) -> Result<(Client, Vec<ApiKeyDetails>), ErrorSummary> {
    let client = app.client()?;
    let keys = client.keys().list().await?;
    Ok((client, keys))
}

/// Performs the action of a submitted form, and redirects to a page that shows the result. Because of the redirect,
/// reloading the page does not submit the form again.
///
/// The action continues even if the browser closes the connection. `submission` identifies the submitted form. After a
/// success or an unknown outcome, a second submission of the same form does not run the action again.
async fn run_once(
    app: Arc<AppState>,
    visitor: Visitor,
    submission: String,
    action: impl Future<Output = FlashMessage> + Send + 'static,
) -> Response {
    let task = tokio::spawn(async move {
        let result =
            app.sessions.with(&visitor.session, |session| session.action_result(&submission)).unwrap_or_default();
        let message = result.get_or_try_init(async || {
            let message = Arc::new(action.await);
            if message.is_final() { Ok(message) } else { Err(message) }
        });
        let message = message.await.map_or_else(|message| message, Arc::clone);
        let path = match &*message {
            FlashMessage::NotConfirmed(id) => key_path(id, "revoke"),
            _ => PATH.to_owned(),
        };
        app.flash(&visitor, message);
        path
    });
    match task.await {
        Ok(path) => Redirect::to(&path).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
