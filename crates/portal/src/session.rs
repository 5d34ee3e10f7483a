//! Who has opened the page: a cookie that only the browser and this process know.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use codat_keys::{ApiKey, KeyId};
use tokio::sync::OnceCell;

use crate::notice::Notice;
use crate::random;
use crate::role::Role;

/// More would be somebody who fills the memory.
const MOST: usize = 256;

/// More clicks than anybody makes before a page answers.
const MOST_BEGUN: usize = 16;

/// How what was begun has ended, once it has.
pub(crate) type Begun = Arc<OnceCell<Arc<Notice>>>;

/// What somebody may do.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Sign in.
    Stranger,
    /// What the role may.
    User(Role),
    /// Everything: whoever was given a link.
    Owner,
}

/// Somebody with a session.
pub(crate) struct Visitor {
    /// The value of the cookie.
    pub(crate) session: String,
    /// Stands in each form of the session, and in no other.
    pub(crate) form_token: String,
    pub(crate) access: Access,
}

/// What is kept for a visitor from one request to the next.
pub(crate) struct Session {
    access: Access,
    form_token: String,
    used: Instant,
    /// What the next page tells.
    pub(crate) notice: Option<Arc<Notice>>,
    /// What every page tells until it is known.
    pub(crate) doubts: Vec<Arc<Notice>>,
    /// The latest changes, by what asked for them.
    begun: VecDeque<(String, Begun)>,
    /// The key just made, until it is shown. Another tab may have made another since: each shows its own.
    pub(crate) created: Option<(KeyId, ApiKey)>,
}

impl Session {
    /// A change that something asks for: the same one, if it has asked before.
    pub(crate) fn begun(&mut self, asked: &str) -> Begun {
        if let Some((_, begun)) = self.begun.iter().find(|(by, _)| by == asked) {
            return Arc::clone(begun);
        }
        self.begun.truncate(MOST_BEGUN - 1);
        self.begun.push_front((asked.to_owned(), Begun::default()));
        Arc::clone(&self.begun[0].1)
    }
}

/// All of them, by the value of their cookie. They end with the process.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    pub(crate) fn begin(&self, access: Access) -> Visitor {
        let (session, form_token) = (random::token(), random::token());
        let mut sessions = self.lock();
        if sessions.len() >= MOST {
            // Strangers first: anybody can be one.
            let is_known = |session: &Session| !matches!(session.access, Access::Stranger);
            let oldest = sessions.iter().min_by_key(|(_, session)| (is_known(session), session.used));
            let oldest = oldest.map(|(id, _)| id.clone());
            oldest.and_then(|id| sessions.remove(&id));
        }
        let kept = Session {
            access,
            form_token: form_token.clone(),
            used: Instant::now(),
            notice: None,
            doubts: Vec::new(),
            begun: VecDeque::new(),
            created: None,
        };
        sessions.insert(session.clone(), kept);
        Visitor { session, form_token, access }
    }

    pub(crate) fn visitor(&self, cookie: &str) -> Option<Visitor> {
        self.with(cookie, |session| Visitor {
            session: cookie.to_owned(),
            form_token: session.form_token.clone(),
            access: session.access,
        })
    }

    /// Does something with a session, if it has not ended.
    pub(crate) fn with<T>(&self, cookie: &str, step: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut sessions = self.lock();
        let session = sessions.get_mut(cookie)?;
        session.used = Instant::now();
        Some(step(session))
    }

    pub(crate) fn end(&self, cookie: &str) {
        self.lock().remove(cookie);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
