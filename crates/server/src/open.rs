//! All connections that are open.

use std::collections::HashMap;

use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::timeout;

use crate::PAUSE;
use crate::turn::Turn;

/// Dropping it ends them.
#[derive(Default)]
pub(crate) struct Open {
    tasks: JoinSet<()>,
    by_id: HashMap<Id, (Turn, AbortHandle)>,
}

impl Open {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(&mut self, connection: impl FnOnce(Turn) -> F) {
        let turn = Turn::of_client();
        let task = self.tasks.spawn(connection(turn.clone()));
        self.by_id.insert(task.id(), (turn, task));
    }

    /// Waits for a future, and meanwhile forgets the connections that end.
    pub(crate) async fn until<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        loop {
            tokio::select! {
                biased;
                Some(ended) = self.tasks.join_next_with_id() => self.forget(ended),
                result = &mut future => return result,
            }
        }
    }

    /// Closes up to `count` connections on which it is the client's turn, the longest-waiting first, and waits until one has
    /// ended. While every request is being answered, it waits for a moment.
    pub(crate) async fn close_longest_waiting(&mut self, count: usize) {
        let waiting = self.by_id.values().filter_map(|(turn, task)| Some((turn.waits_since()?, turn, task)));
        let mut waiting: Vec<_> = waiting.collect();
        waiting.sort_by_key(|(since, ..)| *since);
        for (_, turn, task) in waiting.into_iter().take(count) {
            if turn.close() {
                task.abort();
            }
        }
        if let Ok(Some(ended)) = timeout(PAUSE, self.tasks.join_next_with_id()).await {
            self.forget(ended);
        }
    }

    fn forget(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        self.by_id.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
    }
}
