//! The changes in progress and their cancellation.

use std::sync::{Arc, Mutex, PoisonError};

use codat_keys::{Error, KeyId};
use tokio::sync::watch;

use crate::flash::ErrorSummary;

/// A handle to the changes of a page that are in progress: [`Portal::changes`](crate::Portal::changes). Clones share them.
#[derive(Clone, Default)]
pub struct Changes(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_cancelled: watch::Sender<bool>,
    in_progress: watch::Sender<usize>,
    outcomes: Mutex<Vec<ChangeOutcome>>,
}

/// The outcome of a change that was in progress when [`Changes::stop`] was called.
pub enum ChangeOutcome {
    /// A key was created.
    Created(KeyId),
    /// A key was revoked.
    Revoked(KeyId),
    /// The change failed, was cancelled before it had an effect, or has an unknown outcome.
    Failed(Error),
}

impl Changes {
    /// Cancels all changes in progress, waits for them to end, and returns their outcomes. Later changes send no request.
    pub async fn stop(&self) -> Vec<ChangeOutcome> {
        self.0.is_cancelled.send_replace(true);
        // The sender lives as long as `self`.
        let _ = self.0.in_progress.subscribe().wait_for(|count| *count == 0).await;
        std::mem::take(&mut *self.0.outcomes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns a future that completes when the changes are cancelled.
    pub(crate) fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut is_cancelled = self.0.is_cancelled.subscribe();
        async move {
            if is_cancelled.wait_for(|is_cancelled| *is_cancelled).await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Runs a change. `outcome` returns the outcome for [`Changes::stop`] if the change succeeds.
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

/// Counts a change as in progress until it is dropped.
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
