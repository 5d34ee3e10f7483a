//! The open connections of a server and their states.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout};

/// The maximum time that [`Connections::close_longest_waiting`] waits for a connection to end.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(20);

/// The open connections of a server and the tasks that serve them. Dropping this value closes all connections.
#[derive(Default)]
pub(crate) struct Connections {
    tasks: JoinSet<()>,
    by_id: HashMap<Id, (ConnectionState, AbortHandle)>,
}

impl Connections {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        connection: impl FnOnce(ConnectionState) -> F,
    ) {
        let state = ConnectionState::waiting();
        let task = self.tasks.spawn(connection(state.clone()));
        self.by_id.insert(task.id(), (state, task));
    }

    /// Waits for a future and returns its output. While waiting, removes connections that end.
    pub(crate) async fn run_until<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            tokio::select! {
                biased;
                Some(ended) = self.tasks.join_next_with_id() => self.remove(ended),
                result = &mut future => return result,
            }
        }
    }

    /// Closes up to `count` connections: those that have waited longest for their clients. Then waits until one
    /// connection has ended or [`CLOSE_TIMEOUT`] has elapsed.
    pub(crate) async fn close_longest_waiting(&mut self, count: usize) {
        let waiting = self.by_id.values().filter_map(|(state, task)| Some((state.waiting_since()?, state, task)));
        let mut waiting: Vec<_> = waiting.collect();
        waiting.sort_by_key(|(since, ..)| *since);
        for (_, state, task) in waiting.into_iter().take(count) {
            if state.close_if_waiting() {
                task.abort();
            }
        }
        if let Ok(Some(ended)) = timeout(CLOSE_TIMEOUT, self.tasks.join_next_with_id()).await {
            self.remove(ended);
        }
    }

    fn remove(&mut self, ended: Result<(Id, ()), JoinError>) {
        self.by_id.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
    }
}

/// The state of a connection. [`Connections`] and the task that serves the connection share this value.
#[derive(Clone)]
pub(crate) struct ConnectionState(Arc<Mutex<State>>);

enum State {
    /// The server waits for the client to send a request or to read a response.
    WaitingForClient { since: Instant },
    /// The server has received a complete request and prepares the response.
    Responding,
    /// The connection is being closed.
    Closed,
}

impl ConnectionState {
    fn waiting() -> ConnectionState {
        ConnectionState(Arc::new(Mutex::new(State::WaitingForClient { since: Instant::now() })))
    }

    /// Marks the connection as responding. While it is responding, [`Connections`] does not close it. Returns an error
    /// if the connection is already being closed.
    pub(crate) fn start_response(&self) -> Result<(), ClosedError> {
        let mut state = self.state();
        if matches!(*state, State::Closed) {
            return Err(ClosedError);
        }
        *state = State::Responding;
        Ok(())
    }

    /// Records that the server has prepared the response. From then on, the connection waits for the client to read the
    /// response, and [`Connections`] can close it.
    pub(crate) fn end_response(&self) {
        let mut state = self.state();
        if matches!(*state, State::Responding) {
            *state = State::WaitingForClient { since: Instant::now() };
        }
    }

    fn waiting_since(&self) -> Option<Instant> {
        match *self.state() {
            State::WaitingForClient { since } => Some(since),
            State::Responding | State::Closed => None,
        }
    }

    /// Changes the state to closed if the connection waits for its client. Returns whether the state was changed.
    fn close_if_waiting(&self) -> bool {
        let mut state = self.state();
        let is_waiting = matches!(*state, State::WaitingForClient { .. });
        if is_waiting {
            *state = State::Closed;
        }
        is_waiting
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error for a connection that the server closed before it had received the complete request.
#[derive(Debug)]
pub(crate) struct ClosedError;

impl fmt::Display for ClosedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was closed")
    }
}

impl Error for ClosedError {}
