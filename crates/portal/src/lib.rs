//! A web page on which users view, copy, create and revoke Codat API keys, similar to "Developers > API keys" in
//! Codat's Portal. The page is an axum router for a server on this machine. It sends requests to the API through
//! [`codat_keys::Client`].
//!
//! Visitors authenticate in one of two ways. With the emulator, they select a user with a role
//! ([`Portal::with_sign_in`]). With the real API, they open a link that is valid once ([`Portal::with_links`]).
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
//! The page accepts only its own address in the `Host` header. A random cookie identifies a session. Scripts cannot
//! read the cookie, and requests from other sites do not include it. A request that changes something must have the
//! page's own origin and the form token of the session. The HTML contains no keys and no `Authorization` headers. The
//! page's script fetches keys and headers with `POST` requests to three endpoints.

// The modules are listed by layer, from top to bottom. A module uses only modules in the layers below it.
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
pub use paths::PATH;
pub use role::Role;

use app_state::{AppState, Authentication};

/// The maximum number of concurrent connections. One browser opens fewer connections.
const MAX_CONNECTIONS: usize = 128;

/// Serves the page on `listener`. The future never completes. Dropping the future closes all connections. If there are
/// too many connections, the server closes those that wait for their client, so idle connections of other programs
/// cannot block the page.
pub async fn serve(listener: TcpListener, router: Router) {
    codat_keys_server::serve(listener, MAX_CONNECTIONS, router).await;
}

/// A builder that configures the API keys page and creates its router.
pub struct Portal {
    address: SocketAddr,
    client: Box<dyn Fn() -> Result<Client, Error> + Send + Sync>,
    read_only: bool,
    changes: Changes,
}

impl Portal {
    /// Creates a builder for a page that is served at `address`, which must be a loopback address. The page rejects
    /// requests whose `Host` header is not this address.
    ///
    /// The page calls `client` for each request, so `client` can return a client with another key after a key was
    /// revoked.
    pub fn new(address: SocketAddr, client: impl Fn() -> Result<Client, Error> + Send + Sync + 'static) -> Self {
        Self { address, client: Box::new(client), read_only: false, changes: Changes::default() }
    }

    /// Sets whether the page refuses to create and revoke keys. Default: `false`.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Returns a handle that cancels the creations and revocations in progress. Use this handle before the server
    /// stops, in order to report their outcomes.
    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    /// Returns a router whose visitors sign in as a user with a [`Role`], without a password. Use this router only with
    /// an emulator.
    pub fn with_sign_in(self) -> Router {
        self.into_router(Authentication::SignIn)
    }

    /// Returns a router whose visitors authenticate with a link, and a handle that creates these links. Each link is
    /// valid once.
    pub fn with_links(self) -> (Router, Links) {
        let links = Links::new(self.address);
        (self.into_router(Authentication::Links(links.clone())), links)
    }

    fn into_router(self, authentication: Authentication) -> Router {
        let app = AppState::new(self.address, self.client, self.read_only, authentication, self.changes);
        routes::router(Arc::new(app))
    }
}
