//! What every request finds.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use codat_keys::{Client, Error};

use crate::links::Links;
use crate::notice::Notice;
use crate::routes;
use crate::session::{Sessions, Visitor};

pub(crate) struct Site {
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    client: Box<dyn Fn() -> Result<Client, Error> + Send + Sync>,
    pub(crate) read_only: bool,
    pub(crate) door: Door,
    pub(crate) sessions: Sessions,
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
    ) -> Self {
        let cookie = format!("codat_keys_{}", address.port());
        Self { host: address.to_string(), client, read_only, door, sessions: Sessions::default(), cookie }
    }

    pub(crate) fn client(&self) -> Result<Client, Error> {
        (self.client)()
    }

    /// What the next page of this visitor tells, once.
    pub(crate) fn notice_of(&self, visitor: &Visitor) -> Option<Notice> {
        self.sessions.with(&visitor.session, |session| session.notice.take()).flatten()
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
