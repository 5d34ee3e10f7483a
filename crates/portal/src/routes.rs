//! What is answered where.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use codat_keys::{ApiKeyDetails, Client, KeyId, KeyName};
use serde::Deserialize;

use crate::access::{Manager, Own};
use crate::guard::guard;
use crate::notice::{Notice, Problem, Shown};
use crate::session::Visitor;
use crate::site::Site;
use crate::view::{self, Keys};
use crate::words::Language;
use crate::{PATH, door, secrets};

/// Forms are small.
const MOST_BYTES: usize = 16 * 1024;

pub(crate) fn router(site: Arc<Site>) -> Router {
    let at = |rest: &str| format!("{PATH}{rest}");
    let file =
        |kind: &'static str, content: &'static str| get(move || async move { ([(CONTENT_TYPE, kind)], content) });
    Router::new()
        .route(PATH, get(list))
        .route(&at("/keys"), post(create))
        .route(&at("/keys/{id}/revoke"), get(ask_to_revoke).post(revoke))
        .route(&at("/keys/{id}/key"), secrets::key())
        .route(&at("/keys/{id}/header"), secrets::header())
        .route(&at("/keys/{id}/created"), post(secrets::created))
        .route(&at("/open/{token}"), get(door::open))
        .route(&at("/sign-in"), post(door::sign_in))
        .route(&at("/sign-out"), post(door::sign_out))
        .route(&at("/language/{code}"), get(door::speak))
        .route(&at("/portal.css"), file("text/css; charset=utf-8", include_str!("../assets/portal.css")))
        .route(&at("/portal.js"), file("text/javascript; charset=utf-8", include_str!("../assets/portal.js")))
        .route(&at("/icon.svg"), file("image/svg+xml", include_str!("../assets/icon.svg")))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(from_fn_with_state(Arc::clone(&site), guard))
        .with_state(site)
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    name: String,
}

async fn list(
    State(site): State<Arc<Site>>,
    language: Language,
    Manager(visitor): Manager,
    Query(search): Query<Search>,
) -> Response {
    let notice = site.notice_of(&visitor);
    let page = view::Page { language, visitor: &visitor, read_only: site.read_only };
    match look(&site).await {
        Ok((client, keys)) => {
            page.keys(&Keys { client: &client, keys: &keys }, search.name.trim(), notice.as_ref()).into_response()
        }
        Err(problem) => (StatusCode::BAD_GATEWAY, page.without_keys(&problem, notice.as_ref())).into_response(),
    }
}

#[derive(Deserialize)]
struct Creation {
    name: String,
    /// Of a call whose outcome is unknown: it is resumed.
    idempotency_key: Option<String>,
}

async fn create(State(site): State<Arc<Site>>, Manager(visitor): Manager, own: Own<Creation>) -> Response {
    if site.read_only {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Creation { name: typed, idempotency_key } = own.form;
    let notice = match KeyName::parse(typed.trim()) {
        Err(_) => Notice::NoName { typed },
        Ok(name) => match make(&site, &visitor, &name, idempotency_key).await {
            Ok((id, key)) => Notice::Created(id, key),
            Err(problem) => Notice::Failed { problem, typed: Some(typed) },
        },
    };
    tell(&site, &visitor, notice, PATH)
}

async fn make(
    site: &Site,
    visitor: &Visitor,
    name: &KeyName,
    resumed: Option<String>,
) -> Result<(KeyId, Shown), Problem> {
    let client = site.client()?;
    let call = client.keys().create(name);
    let made = match resumed {
        Some(key) => call.idempotency_key(key).await?,
        None => call.await?,
    };
    let shown = Shown::of(&client, &made.key);
    let id = made.key.id.clone();
    site.sessions.with(&visitor.session, |session| session.created = Some((made.key.id, made.key.api_key)));
    Ok((id, shown))
}

async fn ask_to_revoke(
    State(site): State<Arc<Site>>,
    language: Language,
    Manager(visitor): Manager,
    Path(id): Path<String>,
) -> Response {
    let found = look(&site).await.and_then(|(client, keys)| {
        let keys = Keys { client: &client, keys: &keys };
        let notice = site.notice_of(&visitor);
        let page = view::Page { language, visitor: &visitor, read_only: site.read_only };
        keys.get(&id).map(|key| page.revoke(&keys, key, notice.as_ref()).into_response())
    });
    found.unwrap_or_else(|problem| tell(&site, &visitor, Notice::Failed { problem, typed: None }, PATH))
}

#[derive(Deserialize)]
struct Revocation {
    confirm: String,
    /// A box that is ticked.
    in_use: Option<String>,
}

async fn revoke(
    State(site): State<Arc<Site>>,
    Manager(visitor): Manager,
    Path(id): Path<String>,
    own: Own<Revocation>,
) -> Response {
    if site.read_only {
        return StatusCode::FORBIDDEN.into_response();
    }
    match delete(&site, &id, &own.form).await {
        Ok(Some(key)) => tell(&site, &visitor, Notice::Revoked(key), PATH),
        Ok(None) => tell(&site, &visitor, Notice::NotConfirmed, &view::key_path(&id, "revoke")),
        Err(problem) => tell(&site, &visitor, Notice::Failed { problem, typed: None }, PATH),
    }
}

/// `None`: it was not confirmed.
async fn delete(site: &Site, id: &str, form: &Revocation) -> Result<Option<Shown>, Problem> {
    let (client, keys) = look(site).await?;
    let keys = Keys { client: &client, keys: &keys };
    let key = keys.get(id)?;
    if !confirms(form.confirm.trim(), key) {
        return Ok(None);
    }
    let call = client.keys().delete(&key.id);
    if form.in_use.is_some() {
        call.allow_key_in_use().await?
    } else {
        call.await?
    }
    Ok(Some(Shown::of(&client, key)))
}

/// The name, or the last four characters.
fn confirms(typed: &str, key: &ApiKeyDetails) -> bool {
    let secret = key.api_key.expose_secret();
    let end = secret.get(secret.len().saturating_sub(4)..);
    !typed.is_empty() && (key.name.as_deref().map(str::trim) == Some(typed) || end == Some(typed))
}

async fn look(site: &Site) -> Result<(Client, Vec<ApiKeyDetails>), Problem> {
    let client = site.client()?;
    let keys = client.keys().list().await?;
    Ok((client, keys))
}

/// Forms are answered with a redirect, so that a page that is loaded again sends nothing again.
fn tell(site: &Site, visitor: &Visitor, notice: Notice, path: &str) -> Response {
    site.sessions.with(&visitor.session, |session| session.notice = Some(notice));
    Redirect::to(path).into_response()
}
