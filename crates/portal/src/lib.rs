//! A web page on which users view, copy, create and revoke Codat API keys. The page is similar to "Developers > API
//! keys" in Codat's Portal. It is an axum router for a server on this machine, and sends its requests to Codat through
//! [`codat_keys::Client`].
//!
//! Visitors authenticate in one of two ways. With an emulator, they select a user with a role
//! ([`Portal::with_sign_in`]). With Codat's API, they open a link that is valid only once ([`Portal::with_links`]).
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
//! read this cookie, and other sites cannot make the browser send it. A request that changes data must have the origin
//! of the page and the form token of the session. The HTML contains no API keys and no `Authorization` headers. To copy
//! or show an API key, the script of the page fetches it with a `POST` request.

// The modules are listed by layer, from the top layer to the bottom layer. A module uses only modules of its own layer
// and of lower layers.
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

/// The maximum number of concurrent connections. One browser needs fewer connections.
const MAX_CONNECTIONS: usize = 128;

/// Serves the page on `listener`. The future never completes. Dropping the future closes all connections. If there are
/// too many connections, the server closes the connections that have been idle the longest.
pub async fn serve(listener: TcpListener, router: Router) {
    codat_keys_server::serve(listener, MAX_CONNECTIONS, router).await;
}

/// A builder for the API keys page.
pub struct Portal {
    address: SocketAddr,
    client: Box<dyn Fn() -> Result<Client, Error> + Send + Sync>,
    read_only: bool,
    changes: Changes,
}

impl Portal {
    /// Creates a builder for a page at `address`, which must be a loopback address. If the `Host` header of a request
    /// is not this address, the page rejects the request.
    ///
    /// The page calls the function `client` for each HTTP request. The function can return a client with another API
    /// key, for example after the first API key was revoked.
    pub fn new(address: SocketAddr, client: impl Fn() -> Result<Client, Error> + Send + Sync + 'static) -> Self {
        Self { address, client: Box::new(client), read_only: false, changes: Changes::default() }
    }

    /// Sets whether the page is read-only. A read-only page refuses to create and revoke API keys. Default: `false`.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Returns a handle that cancels the changes in progress. A change is the creation or the revocation of an API key.
    /// Call [`Changes::cancel`] before you stop the server, to learn the outcomes of these changes.
    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    /// Returns a router for a page with a sign-in form. Visitors select a user with a [`Role`], and need no password.
    /// Use this router only with an emulator.
    pub fn with_sign_in(self) -> Router {
        self.into_router(Authentication::SignIn)
    }

    /// Returns a router for a page that visitors open with a link, and a handle that creates the links. Each link is
    /// valid only once.
    pub fn with_links(self) -> (Router, Links) {
        let links = Links::new(self.address);
        (self.into_router(Authentication::Links(links.clone())), links)
    }

    fn into_router(self, authentication: Authentication) -> Router {
        let app = AppState::new(self.address, self.client, self.read_only, authentication, self.changes);
        routes::router(Arc::new(app))
    }
}
