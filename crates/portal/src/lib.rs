//! A web page for Codat API keys, similar to "Developers > API keys" in Codat's Portal: view, copy, create and revoke them, in a
//! browser on this machine. It calls the API through [`codat_keys::Client`], and is a router for axum.
//!
//! Two ways of authentication exist. In front of the emulator, visitors sign in with a role ([`Portal::with_sign_in`]). In front
//! of the real API, a link that can be used once opens the page ([`Portal::with_links`]).
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
//! let (router, links) = Portal::new(listener.local_addr()?, move || Ok(client.clone())).with_links();
//! println!("open {}", links.create());
//! tokio::spawn(codat_keys_portal::serve(listener, router));
//! # Ok(())
//! # }
//! ```
//!
//! The page accepts only its own address in the `Host` header. A session is a random cookie that scripts cannot read and other
//! sites do not send. Each change must have the page's own origin and a form token of the session. No page contains a key or a
//! header: three `POST` requests of the page's script return them.

// From the top layer to the bottom one. A module uses only modules below it.
mod routes;

mod key_pages;
mod secrets;
mod sign_in;

mod extractors;

mod cookies;
mod middleware;

mod app_state;

mod changes;
mod links;
mod view;

mod dates;
mod session;

mod flash;
mod messages;
mod paths;
mod role;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use codat_keys::{Client, Error};
use tokio::net::TcpListener;

pub use changes::{ChangeOutcome, Changes};
pub use links::Links;
pub use messages::french;
pub use paths::PATH;
pub use role::Role;

use app_state::{AppState, Authentication};

/// More connections than the browser of one person opens at once.
const MAX_CONNECTIONS: usize = 128;

/// Serves the page until the future is dropped. Other programs on this machine cannot block the page with idle connections.
pub async fn serve(listener: TcpListener, router: Router) {
    codat_keys_server::serve(listener, MAX_CONNECTIONS, |_| router.clone()).await;
}

/// Configures the page and creates its router.
pub struct Portal {
    address: SocketAddr,
    client: Box<dyn Fn() -> Result<Client, Error> + Send + Sync>,
    read_only: bool,
    changes: Changes,
}

impl Portal {
    /// Creates a page that is served at `address`, a loopback address, and rejects requests with any other `Host`.
    ///
    /// Each request calls `client` to get the client, so that another key can replace a revoked one.
    pub fn new(address: SocketAddr, client: impl Fn() -> Result<Client, Error> + Send + Sync + 'static) -> Self {
        Self { address, client: Box::new(client), read_only: false, changes: Changes::default() }
    }

    /// Sets whether the page rejects creations and revocations. Default: `false`.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Returns a handle with which the changes in progress can be stopped before the page is closed.
    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    /// Returns a router whose visitors sign in as a user with a [`Role`], without a password. Use it only for an emulator.
    pub fn with_sign_in(self) -> Router {
        self.into_router(Authentication::SignIn)
    }

    /// Returns a router whose visitors open a link, and the source of links. Each link can be used once.
    pub fn with_links(self) -> (Router, Links) {
        let links = Links::new(self.address);
        (self.into_router(Authentication::Links(links.clone())), links)
    }

    fn into_router(self, authentication: Authentication) -> Router {
        let app = AppState::new(self.address, self.client, self.read_only, authentication, self.changes);
        routes::router(Arc::new(app))
    }
}
