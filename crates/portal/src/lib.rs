//! A page for Codat API keys, as Codat's Portal has one under "Developers > API keys": view, copy, create and revoke them,
//! in a browser on this machine. It calls the API through [`codat_keys::Client`], and is a router for axum.
//!
//! It has two homes. In front of the emulator one signs in as a user of some role ([`Portal::behind_sign_in`]); in front
//! of the real API a link that works once opens it ([`Portal::behind_links`]).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let emulator = codat_keys_emulator::Emulator::start()?;
//! # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
//! use codat_keys_portal::Portal;
//!
//! let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let (router, links) = Portal::new(listener.local_addr()?, move || Ok(client.clone())).behind_links();
//! println!("open {}", links.make());
//! tokio::spawn(codat_keys_portal::serve(listener, router));
//! # Ok(())
//! # }
//! ```
//!
//! What it guards: the `Host` must be the address it is bound to; a session is a random cookie that scripts cannot read
//! and other sites do not send; every change comes from its own origin, with a token of the session. No key and no header
//! is ever in its pages: three requests hand one out, each a POST of the page's script.

mod access;
mod changes;
mod dates;
mod door;
mod guard;
mod links;
mod notice;
mod random;
mod role;
mod routes;
mod secrets;
mod session;
mod site;
mod view;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use codat_keys::{Client, Error};
use tokio::net::TcpListener;

pub use changes::{Changes, Ended};
pub use links::Links;
pub use role::Role;
pub use words::french;

use site::{Door, Site};

/// Where the page is on its server.
pub const PATH: &str = "/developers/api-keys";

/// More than one person's browser opens at once.
const MAX_CONNECTIONS: usize = 128;

/// Serves the page until the future is dropped. Other programs on this machine, which may open any number of connections, do
/// not keep the page from its owner.
pub async fn serve(listener: TcpListener, router: Router) {
    codat_keys_server::serve(listener, MAX_CONNECTIONS, |_| router.clone()).await;
}

/// The page, to be served on a loopback address.
pub struct Portal {
    address: SocketAddr,
    client: Box<dyn Fn() -> Result<Client, Error> + Send + Sync>,
    read_only: bool,
    changes: Changes,
}

impl Portal {
    /// A page on the keys that the client manages, served at this address: no other `Host` is answered. The client is
    /// asked for at each request, so that another key may take the place of one that was revoked.
    pub fn new(address: SocketAddr, client: impl Fn() -> Result<Client, Error> + Send + Sync + 'static) -> Self {
        Self { address, client: Box::new(client), read_only: false, changes: Changes::default() }
    }

    /// Whether keys are only shown, neither created nor revoked. Default: no.
    pub fn read_only(mut self, yes: bool) -> Self {
        self.read_only = yes;
        self
    }

    /// The changes under way on the page, for whoever closes it.
    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    /// For whoever signs in as a user of some [`Role`], without a password: only for an emulator.
    pub fn behind_sign_in(self) -> Router {
        self.site(Door::SignIn).router()
    }

    /// For whoever opens one of the links, each of which works once.
    pub fn behind_links(self) -> (Router, Links) {
        let links = Links::new(self.address);
        (self.site(Door::Links(links.clone())).router(), links)
    }

    fn site(self, door: Door) -> Arc<Site> {
        Arc::new(Site::new(self.address, self.client, self.read_only, door, self.changes))
    }
}
