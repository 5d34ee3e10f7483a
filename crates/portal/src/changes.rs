//! The creations and revocations of keys that are in progress, and their cancellation. This crate calls each of them a
//! change.

use std::sync::{Arc, Mutex, PoisonError};

use codat_keys::{Error, KeyId};
use tokio::sync::watch;

use crate::flash::ErrorSummary;

/// A handle to the creations and revocations that are in progress, returned by
/// [`Portal::changes`](crate::Portal::changes). Clones refer to the same changes.
#[derive(Clone, Default)]
pub struct Changes(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_cancelled: watch::Sender<bool>,
    in_progress: watch::Sender<usize>,
    outcomes: Mutex<Vec<ChangeOutcome>>,
}

/// The outcome of a creation or revocation that was in progress when [`Changes::cancel`] was called.
pub enum ChangeOutcome {
    /// The key with this id was created.
    Created(KeyId),
    /// The key with this id was revoked.
    Revoked(KeyId),
    /// The change failed, was cancelled before it had an effect, or has an unknown outcome.
    Failed(Error),
}

impl Changes {
    /// Cancels all changes in progress, waits for them to end, and returns their outcomes. Changes that start later
    /// send nothing to the API.
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

    /// Runs a creation or revocation. If the portal is closed while the change is in progress, stores its outcome for
    /// [`Changes::cancel`]. `outcome` converts a successful result to this outcome.
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

/// A guard that counts a change as in progress until the guard is dropped.
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
