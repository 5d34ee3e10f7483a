//! What every request finds.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use codat_keys::{ApiKeyDetails, Client, Error};

use crate::changes::Changes;
use crate::links::Links;
use crate::notice::{Asked, Notice};
use crate::routes;
use crate::session::{Session, Sessions, Visitor};

pub(crate) struct Site {
    /// `127.0.0.1:PORT`, as a browser sends it.
    pub(crate) host: String,
    client: Box<dyn Fn() -> Result<Client, Error> + Send + Sync>,
    pub(crate) read_only: bool,
    pub(crate) door: Door,
    pub(crate) sessions: Sessions,
    pub(crate) changes: Changes,
    /// The cookie's name. A browser shares its cookies between the ports of a machine.
    pub(crate) cookie: String,
}

/// How one comes in.
pub(crate) enum Door {
    SignIn,
    Links(Links),
}

impl Site {
    pub(crate) fn new(
        address: SocketAddr,
        client: Box<dyn Fn() -> Result<Client, Error> + Send + Sync>,
        read_only: bool,
        door: Door,
        changes: Changes,
    ) -> Self {
        let cookie = format!("codat_keys_{}", address.port());
        // Browsers leave out the port that `http` has of itself.
        let host = if address.port() == 80 { address.ip().to_string() } else { address.to_string() };
        Self { host, client, read_only, door, sessions: Sessions::default(), changes, cookie }
    }

    pub(crate) fn client(&self) -> Result<Client, Error> {
        (self.client)()
    }

    /// What a page of this visitor tells: what is in doubt, and, to a person who navigates, what is told once.
    pub(crate) fn notices_of(&self, visitor: &Visitor, is_navigation: bool) -> Vec<Arc<Notice>> {
        let told = |session: &mut Session| {
            let once = if is_navigation { session.notice.take() } else { None };
            once.into_iter().chain(session.doubts.clone()).collect()
        };
        self.sessions.with(&visitor.session, told).unwrap_or_default()
    }

    /// A key that may have been revoked, and is in the list no more, was.
    pub(crate) fn settle(&self, visitor: &Visitor, keys: &[ApiKeyDetails]) {
        let gone = |notice: &Arc<Notice>| match &**notice {
            Notice::Failed { asked: Asked::Revocation(id, key), .. } if keys.iter().all(|key| key.id != *id) => {
                Some((id.clone(), key.clone()))
            }
            _ => None,
        };
        let doubts = self.sessions.with(&visitor.session, |session| session.doubts.clone()).unwrap_or_default();
        for (id, key) in doubts.iter().filter_map(gone) {
            self.tell(visitor, Arc::new(Notice::Revoked(id, key)));
        }
    }

    /// What the next page tells.
    pub(crate) fn tell(&self, visitor: &Visitor, notice: Arc<Notice>) {
        self.sessions.with(&visitor.session, |session| {
            session.doubts.retain(|doubt| doubt.doubt() != notice.settles());
            match notice.doubt() {
                Some(_) => session.doubts.push(notice),
                None => session.notice = Some(notice),
            }
        });
    }

    /// Somebody is there.
    pub(crate) fn is_used(&self) {
        if let Door::Links(links) = &self.door {
            links.is_used();
        }
    }

    pub(crate) fn router(self: Arc<Self>) -> Router {
        routes::router(self)
    }
}
