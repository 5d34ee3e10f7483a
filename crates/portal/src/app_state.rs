//! The state that all HTTP requests to the portal share.

use std::net::SocketAddr;
use std::sync::Arc;

use codat_keys::{ApiKeyDetails, Client, Error};

use crate::changes::Changes;
use crate::flash::{FlashMessage, RequestedAction};
use crate::links::Links;
use crate::session::{Session, Sessions, Visitor};

pub(crate) struct AppState {
    /// The only accepted value of the `Host` header, such as `127.0.0.1:8080`.
    pub(crate) host: String,
    client: Box<dyn Fn() -> Result<Client, Error> + Send + Sync>,
    pub(crate) read_only: bool,
    pub(crate) authentication: Authentication,
    pub(crate) sessions: Sessions,
    pub(crate) changes: Changes,
    /// The name of the session cookie. The name contains the port of the portal, because browsers send cookies to all
    /// ports of a host.
    pub(crate) session_cookie: String,
}

/// The way in which visitors authenticate.
pub(crate) enum Authentication {
    SignIn,
    Links(Links),
}

impl AppState {
    pub(crate) fn new(
        address: SocketAddr,
        client: Box<dyn Fn() -> Result<Client, Error> + Send + Sync>,
        read_only: bool,
        authentication: Authentication,
        changes: Changes,
    ) -> Self {
        let session_cookie = format!("codat_keys_{}", address.port());
        // Omits port 80, because browsers omit the default port of `http` in the `Host` header.
        let host = if address.port() == 80 { address.ip().to_string() } else { address.to_string() };
        Self { host, client, read_only, authentication, sessions: Sessions::default(), changes, session_cookie }
    }

    pub(crate) fn client(&self) -> Result<Client, Error> {
        (self.client)()
    }

    /// Returns the messages that the next page shows: the message about the last action, and the messages about
    /// creations and revocations with an unknown outcome. If `is_navigation` is true, records all these messages as
    /// shown, and removes the message about the last action. The message about the last action is therefore shown only
    /// once.
    pub(crate) fn flash_messages(&self, visitor: &Visitor, is_navigation: bool) -> Vec<Arc<FlashMessage>> {
        let messages = |session: &mut Session| {
            let once = if is_navigation { session.flash.take() } else { None };
            once.into_iter().chain(session.unresolved.clone()).collect()
        };
        let messages: Vec<_> = self.sessions.with(&visitor.session, messages).unwrap_or_default();
        if is_navigation {
            messages.iter().for_each(|message| self.changes.was_shown(message));
        }
        messages
    }

    /// Updates the messages about revocations with an unknown outcome. `keys` are the API keys that Codat lists now. A
    /// revocation has succeeded if `keys` does not contain the revoked API key. In this case, a success message
    /// replaces the message about the revocation.
    pub(crate) fn resolve_revocations(&self, visitor: &Visitor, keys: &[ApiKeyDetails]) {
        let revoked = |message: &Arc<FlashMessage>| match &**message {
            FlashMessage::Failed { action: RequestedAction::RevokeKey(id, key), .. }
                if keys.iter().all(|key| key.id != *id) =>
            {
                Some((id.clone(), key.clone()))
            }
            _ => None,
        };
        let unresolved = self.sessions.with(&visitor.session, |session| session.unresolved.clone()).unwrap_or_default();
        for (id, key) in unresolved.iter().filter_map(revoked) {
            self.flash(visitor, Arc::new(FlashMessage::Revoked(id, key)));
        }
    }

    /// Stores a message for the next page of the visitor. A message about a creation or revocation with an unknown
    /// outcome is shown on every page until the outcome is known or the visitor dismisses the message.
    pub(crate) fn flash(&self, visitor: &Visitor, message: Arc<FlashMessage>) {
        self.sessions.with(&visitor.session, |session| {
            session.unresolved.retain(|unresolved| unresolved.unresolved_change() != message.resolves());
            match message.unresolved_change() {
                Some(_) => session.unresolved.push(message),
                None => session.flash = Some(message),
            }
        });
    }

    /// Records that an authenticated visitor uses the page at the current time. [`Links::wait_until_idle`] needs this
    /// time.
    pub(crate) fn record_use(&self) {
        if let Authentication::Links(links) = &self.authentication {
            links.record_use();
        }
    }
}
