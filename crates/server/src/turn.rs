//! Whose turn it is on a connection.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// Shared by the task of a connection and the list of all connections.
#[derive(Clone)]
pub(crate) struct Turn(Arc<Mutex<State>>);

enum State {
    /// The client's, since then: to send a request, or to read a response.
    Client(Instant),
    /// The server's: a whole request has been received, and is being answered.
    Server,
    /// Nobody's: the connection is being closed.
    Closed,
}

/// The connection was closed before the whole request was received.
#[derive(Debug)]
pub(crate) struct Closed;

impl Turn {
    pub(crate) fn of_client() -> Turn {
        Turn(Arc::new(Mutex::new(State::Client(Instant::now()))))
    }

    pub(crate) fn give_to_client(&self) {
        let mut state = self.state();
        if matches!(*state, State::Server) {
            *state = State::Client(Instant::now());
        }
    }

    /// From now on the connection is not closed. Fails if it is being closed already.
    pub(crate) fn take(&self) -> Result<(), Closed> {
        let mut state = self.state();
        if matches!(*state, State::Closed) {
            return Err(Closed);
        }
        *state = State::Server;
        Ok(())
    }

    /// Since when the connection has waited for its client.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        match *self.state() {
            State::Client(since) => Some(since),
            State::Server | State::Closed => None,
        }
    }

    /// Returns false if it is not the client's turn: then the connection must not be closed.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.state();
        let is_clients = matches!(*state, State::Client(_));
        if is_clients {
            *state = State::Closed;
        }
        is_clients
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was closed")
    }
}

impl std::error::Error for Closed {}
