//! Sessions of visitors. The session cookie identifies a session.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use codat_keys::{ApiKey, KeyId};
use tokio::sync::OnceCell;

use crate::flash::FlashMessage;
use crate::role::Role;
use crate::token;

/// The maximum number of sessions. This limits the use of memory.
const MAX_SESSIONS: usize = 256;

/// The maximum number of action results that a session stores. A result is needed only if the visitor submits the same
/// form again. A repeated submission usually follows soon after the first one.
const MAX_RESULTS: usize = 16;

/// The result of the action of a submitted form. Empty until the action has succeeded or has an unknown outcome.
pub(crate) type ActionResult = Arc<OnceCell<Arc<FlashMessage>>>;

/// The identity of a visitor.
#[derive(Clone, Copy)]
pub(crate) enum Identity {
    /// The visitor has not signed in.
    Anonymous,
    /// The visitor has signed in as a user with this role.
    User(Role),
    /// The visitor has opened a link. This visitor can list and change the API keys.
    LinkHolder,
}

/// A visitor with a session.
pub(crate) struct Visitor {
    /// The value of the session cookie.
    pub(crate) session: String,
    /// The form token of the session. Every form of the session contains this token.
    pub(crate) form_token: String,
    pub(crate) identity: Identity,
}

/// The state of a session.
pub(crate) struct Session {
    identity: Identity,
    form_token: String,
    used: Instant,
    /// The message that the next page shows.
    pub(crate) flash: Option<Arc<FlashMessage>>,
    /// The messages about creations and revocations with an unknown outcome. Every page shows such a message until the
    /// outcome is known or the visitor dismisses the message.
    pub(crate) unresolved: Vec<Arc<FlashMessage>>,
    /// The results of the latest actions, newest first. Each entry contains the id of the submitted form and the
    /// result.
    results: VecDeque<(String, ActionResult)>,
    /// The API key that this session created most recently, and the id of the API key. `None` after the script of the
    /// page has fetched the API key.
    pub(crate) created: Option<(KeyId, ApiKey)>,
}

impl Session {
    /// Returns the shared result of a submitted form. `submission` identifies the form. If the same form is submitted
    /// again, both submissions get the same result.
    pub(crate) fn action_result(&mut self, submission: &str) -> ActionResult {
        if let Some((_, result)) = self.results.iter().find(|(key, _)| key == submission) {
            return Arc::clone(result);
        }
        self.results.truncate(MAX_RESULTS - 1);
        self.results.push_front((submission.to_owned(), ActionResult::default()));
        Arc::clone(&self.results[0].1)
    }
}

/// All sessions. The keys of the map are the values of the session cookies. The sessions exist only in memory.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    pub(crate) fn begin(&self, identity: Identity) -> Visitor {
        let (session, form_token) = (token::generate(), token::generate());
        let mut sessions = self.lock();
        if sessions.len() >= MAX_SESSIONS {
            // Removes anonymous sessions first, because any client can create them.
            let is_known = |session: &Session| !matches!(session.identity, Identity::Anonymous);
            let oldest = sessions.iter().min_by_key(|(_, session)| (is_known(session), session.used));
            let oldest = oldest.map(|(id, _)| id.clone());
            oldest.and_then(|id| sessions.remove(&id));
        }
        let kept = Session {
            identity,
            form_token: form_token.clone(),
            used: Instant::now(),
            flash: None,
            unresolved: Vec::new(),
            results: VecDeque::new(),
            created: None,
        };
        sessions.insert(session.clone(), kept);
        Visitor { session, form_token, identity }
    }

    pub(crate) fn visitor(&self, cookie: &str) -> Option<Visitor> {
        self.with(cookie, |session| Visitor {
            session: cookie.to_owned(),
            form_token: session.form_token.clone(),
            identity: session.identity,
        })
    }

    /// Calls `function` with the session that the session cookie `cookie` identifies. Returns `None` if the session has
    /// ended.
    pub(crate) fn with<T>(&self, cookie: &str, function: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut sessions = self.lock();
        let session = sessions.get_mut(cookie)?;
        session.used = Instant::now();
        Some(function(session))
    }

    pub(crate) fn end(&self, cookie: &str) {
        self.lock().remove(cookie);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
