//! The changes that are in progress, and their cancellation. A change is the creation or the revocation of an API key.

use std::sync::{Arc, Mutex, PoisonError};

use codat_keys::{Error, KeyId};
use tokio::sync::watch;

use crate::flash::ErrorSummary;

/// A handle that cancels the changes in progress. A change is the creation or the revocation of an API key.
/// [`Portal::changes`](crate::Portal::changes) returns this handle. Clones refer to the same changes.
#[derive(Clone, Default)]
pub struct Changes(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_cancelled: watch::Sender<bool>,
    in_progress: watch::Sender<usize>,
    outcomes: Mutex<Vec<ChangeOutcome>>,
}

/// The outcome of a creation or revocation of an API key that [`Changes::cancel`] cancelled.
pub enum ChangeOutcome {
    /// The API key with this id was created, in spite of the cancellation.
    Created(KeyId),
    /// The API key with this id was revoked, in spite of the cancellation.
    Revoked(KeyId),
    /// The creation or revocation failed, was cancelled before it had an effect, or has an unknown outcome. The kind of
    /// the error says which.
    Failed(Error),
}

impl Changes {
    /// Cancels all changes in progress, waits until they end, and returns their outcomes. Changes that start later are
    /// cancelled before they send a request to Codat.
    pub async fn cancel(&self) -> Vec<ChangeOutcome> {
        self.0.is_cancelled.send_replace(true);
        // `wait_for` cannot fail, because `self` owns the sender.
        let _ = self.0.in_progress.subscribe().wait_for(|count| *count == 0).await;
        std::mem::take(&mut *self.0.outcomes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns a future that completes when [`Changes::cancel`] is called.
    pub(crate) fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut is_cancelled = self.0.is_cancelled.subscribe();
        async move {
            if is_cancelled.wait_for(|is_cancelled| *is_cancelled).await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Runs a creation or revocation of an API key. If [`Changes::cancel`] is called before the change ends, stores the
    /// outcome of the change. `outcome` converts the result of a successful change to a [`ChangeOutcome`].
    pub(crate) async fn run<T>(
        &self,
        change: impl IntoFuture<Output = Result<T, Error>>,
        outcome: impl FnOnce(&T) -> ChangeOutcome,
    ) -> Result<T, ErrorSummary> {
        let _in_progress = InProgress::begin(&self.0.in_progress);
        match change.await {
            Ok(value) => {
                self.record(|| outcome(&value));
                Ok(value)
            }
            Err(error) => {
                let summary = ErrorSummary::from(&error);
                self.record(|| ChangeOutcome::Failed(error));
                Err(summary)
            }
        }
    }

    fn record(&self, outcome: impl FnOnce() -> ChangeOutcome) {
        if *self.0.is_cancelled.borrow() {
            self.0.outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome());
        }
    }
}

/// A guard for one change in progress. Dropping the guard means that the change has ended.
struct InProgress<'a>(&'a watch::Sender<usize>);

impl<'a> InProgress<'a> {
    fn begin(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
