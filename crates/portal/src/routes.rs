//! What is answered where.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use codat_keys::{ApiKeyDetails, Client, KeyId, KeyName, Untrusted};
use serde::Deserialize;

use crate::access::{Manager, Own};
use crate::changes::Ended;
use crate::guard::{IsNavigation, guard};
use crate::notice::{Asked, Notice, Problem, Shown};
use crate::session::Visitor;
use crate::site::Site;
use crate::view::{self, Keys};
use crate::words::Language;
use crate::{PATH, door, random, secrets};

/// Forms are small.
const MOST_BYTES: usize = 16 * 1024;

pub(crate) fn router(site: Arc<Site>) -> Router {
    let at = |rest: &str| format!("{PATH}{rest}");
    let file =
        |kind: &'static str, content: &'static str| get(move || async move { ([(CONTENT_TYPE, kind)], content) });
    Router::new()
        .route(PATH, get(list))
        .route(&at("/"), get(async || Redirect::temporary(PATH)))
        .route(&at("/keys"), post(create))
        .route(&at("/keys/{id}/revoke"), get(ask_to_revoke).post(revoke))
        .route(&at("/keys/{id}/key"), secrets::key())
        .route(&at("/keys/{id}/header"), secrets::header())
        .route(&at("/keys/{id}/created"), post(secrets::created))
        .route(&at("/seen"), post(seen))
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

/// Tells one form that was shown from another.
#[derive(Deserialize)]
struct FormId {
    form: Option<String>,
}

impl FormId {
    fn id(&self) -> String {
        self.form.clone().unwrap_or_else(random::token)
    }
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
    IsNavigation(is_navigation): IsNavigation,
    Query(search): Query<Search>,
) -> Response {
    let looked = look(&site).await;
    if let Ok((_, keys)) = &looked {
        site.settle(&visitor, keys);
    }
    let notices = site.notices_of(&visitor, is_navigation);
    let page = view::Page { language, visitor: &visitor, read_only: site.read_only, notices: &notices };
    match looked {
        Ok((client, keys)) => page.keys(&Keys { client: &client, keys: &keys }, search.name.trim()).into_response(),
        Err(problem) => (StatusCode::BAD_GATEWAY, page.without_keys(problem)).into_response(),
    }
}

#[derive(Deserialize)]
struct Creation {
    name: String,
    #[serde(flatten)]
    form: FormId,
    /// Of a call whose outcome is unknown: it is resumed.
    idempotency_key: Option<String>,
}

async fn create(State(site): State<Arc<Site>>, Manager(visitor): Manager, own: Own<Creation>) -> Response {
    if site.read_only {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Creation { name: typed, form, idempotency_key: resumed } = own.form;
    let asked = format!("{} {typed}", form.id());
    let (its_site, session) = (Arc::clone(&site), visitor.session.clone());
    let made = async move {
        let Ok(name) = KeyName::parse(typed.trim()) else { return Notice::NoName { typed } };
        match make(&its_site, &session, &name, resumed.clone()).await {
            Ok((id, key)) => Notice::Created { id, key, resumed },
            Err(problem) => Notice::Failed { problem, asked: Asked::Creation(typed) },
        }
    };
    once(site, visitor, asked, made).await
}

async fn make(site: &Site, session: &str, name: &KeyName, resumed: Option<String>) -> Result<(KeyId, Shown), Problem> {
    let client = site.client()?;
    let mut call = client.keys().create(name).until(site.changes.stopped());
    if let Some(key) = resumed {
        call = call.idempotency_key(key);
    }
    let made = site.changes.run(call, |made| Ended::Created(made.key.id.clone())).await?;
    let shown = Shown::of(&made.key);
    let id = made.key.id.clone();
    site.sessions.with(session, |session| session.created = Some((made.key.id, made.key.api_key)));
    Ok((id, shown))
}

async fn ask_to_revoke(
    State(site): State<Arc<Site>>,
    language: Language,
    Manager(visitor): Manager,
    IsNavigation(is_navigation): IsNavigation,
    Path(id): Path<String>,
) -> Response {
    let found = look(&site).await.and_then(|(client, keys)| {
        let keys = Keys { client: &client, keys: &keys };
        let key = keys.get(&id)?;
        let notices = site.notices_of(&visitor, is_navigation);
        let page = view::Page { language, visitor: &visitor, read_only: site.read_only, notices: &notices };
        Ok(page.revoke(&keys, key).into_response())
    });
    found.unwrap_or_else(|problem| {
        // One that nobody reads must not take the place of what was not yet read.
        if is_navigation {
            site.tell(&visitor, Arc::new(Notice::Failed { problem, asked: Asked::Look }));
        }
        Redirect::to(PATH).into_response()
    })
}

#[derive(Deserialize)]
struct Revocation {
    confirm: String,
    #[serde(flatten)]
    form: FormId,
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
    let (asked, its_site) = (format!("{} {id}", own.form.form.id()), Arc::clone(&site));
    let revoked = async move {
        delete(&its_site, &id, &own.form).await.unwrap_or_else(|problem| Notice::Failed { problem, asked: Asked::Look })
    };
    once(site, visitor, asked, revoked).await
}

async fn delete(site: &Site, id: &str, form: &Revocation) -> Result<Notice, Problem> {
    let (client, keys) = look(site).await?;
    let keys = Keys { client: &client, keys: &keys };
    let key = keys.get(id)?;
    if !confirms(form.confirm.trim(), key) {
        return Ok(Notice::NotConfirmed(key.id.clone()));
    }
    let mut call = client.keys().delete(&key.id).until(site.changes.stopped());
    if form.in_use.is_some() {
        call = call.allow_key_in_use();
    }
    let shown = Shown::of(key);
    Ok(match site.changes.run(call, |()| Ended::Revoked(key.id.clone())).await {
        Ok(()) => Notice::Revoked(key.id.clone(), shown),
        Err(problem) => Notice::Failed { problem, asked: Asked::Revocation(key.id.clone(), shown) },
    })
}

#[derive(Deserialize)]
struct Seen {
    doubt: String,
}

/// Somebody wants to hear no more of it.
async fn seen(State(site): State<Arc<Site>>, Manager(visitor): Manager, own: Own<Seen>) -> Redirect {
    site.sessions.with(&visitor.session, |session| {
        session.doubts.retain(|notice| notice.doubt() != Some(&own.form.doubt));
    });
    Redirect::to(PATH)
}

/// The name, as it is or as it is shown, or the last four characters.
fn confirms(typed: &str, key: &ApiKeyDetails) -> bool {
    let secret = key.api_key.expose_secret();
    let end = secret.get(secret.len().saturating_sub(4)..);
    let is_name = |name: &Untrusted| name.unredacted().trim() == typed || name.to_string().trim() == typed;
    !typed.is_empty() && (key.name.as_ref().is_some_and(is_name) || end == Some(typed))
}

async fn look(site: &Site) -> Result<(Client, Vec<ApiKeyDetails>), Problem> {
    let client = site.client()?;
    let keys = client.keys().list().await?;
    Ok((client, keys))
}

/// Does what a form asks for. It goes on to its end, whoever waits: a second click makes a browser give the first up. What
/// is asked for twice is done once. Forms are answered with a redirect, so that a page loaded again sends nothing again.
async fn once(
    site: Arc<Site>,
    visitor: Visitor,
    asked: String,
    act: impl Future<Output = Notice> + Send + 'static,
) -> Response {
    let done = tokio::spawn(async move {
        let begun = site.sessions.with(&visitor.session, |session| session.begun(&asked)).unwrap_or_default();
        let told = begun.get_or_try_init(async || {
            let notice = Arc::new(act.await);
            if notice.is_final() { Ok(notice) } else { Err(notice) }
        });
        let notice = told.await.map_or_else(|notice| notice, Arc::clone);
        let path = match &*notice {
            Notice::NotConfirmed(id) => view::key_path(id, "revoke"),
            _ => PATH.to_owned(),
        };
        site.tell(&visitor, notice);
        path
    });
    match done.await {
        Ok(path) => Redirect::to(&path).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
