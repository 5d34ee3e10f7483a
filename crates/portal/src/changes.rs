//! The changes in progress, the cancellation of changes, and the outcomes that no page has shown yet. A change is the
//! creation or the revocation of an API key.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codat_keys::{Create, Creation, Delete, Error, ErrorKind, KeyId};
use tokio::sync::watch;

use crate::flash::{ErrorSummary, FlashMessage};

/// A handle that cancels the changes in progress and returns the outcomes that no page has shown yet. A change is the
/// creation or the revocation of an API key. [`Portal::changes`](crate::Portal::changes) returns this handle. Clones
/// refer to the same changes.
#[derive(Clone, Default)]
pub struct Changes(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_cancelled: watch::Sender<bool>,
    in_progress: watch::Sender<usize>,
    unshown: Mutex<Vec<Unshown>>,
}

/// An outcome that no page has shown yet. The field `change` is the identifier that [`FlashMessage::change`] returns
/// for the same creation or revocation.
struct Unshown {
    change: Option<String>,
    outcome: ChangeOutcome,
}

/// The outcome of a creation or revocation of an API key.
pub enum ChangeOutcome {
    /// The API key with this id was created.
    Created(KeyId),
    /// The API key with this id was revoked.
    Revoked(KeyId),
    /// The creation of an API key with this name ended with an error. If the kind of the error is `OutcomeUnknown`, an
    /// API key may have been created. Otherwise, the creation had no effect, for example because [`Changes::cancel`]
    /// cancelled it.
    CreationFailed(String, Error),
    /// The revocation of the API key with this id ended with an error. If the kind of the error is `OutcomeUnknown`,
    /// the API key may have been revoked. Otherwise, the revocation had no effect, for example because
    /// [`Changes::cancel`] cancelled it.
    RevocationFailed(KeyId, Error),
}

impl Changes {
    /// Cancels all changes in progress and waits until they end. A change is the creation or the revocation of an API
    /// key. Returns the outcomes of these changes, and each outcome of an earlier change that no page has shown yet.
    /// Omits earlier changes that had no effect. The outcomes are in the order in which the changes ended. A change
    /// that starts later is cancelled before it sends a request to Codat.
    pub async fn cancel(&self) -> Vec<ChangeOutcome> {
        self.0.is_cancelled.send_replace(true);
        // `wait_for` cannot fail, because `self` owns the sender.
        let _ = self.0.in_progress.subscribe().wait_for(|count| *count == 0).await;
        std::mem::take(&mut *self.unshown()).into_iter().map(|unshown| unshown.outcome).collect()
    }

    /// Removes the stored outcome that `message` reports, because a page has shown the message.
    pub(crate) fn was_shown(&self, message: &FlashMessage) {
        if let Some(shown) = message.change() {
            self.unshown().retain(|unshown| unshown.change.as_deref() != Some(shown));
        }
    }

    /// Returns a future that completes when [`Changes::cancel`] is called.
    fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut is_cancelled = self.0.is_cancelled.subscribe();
        async move {
            if is_cancelled.wait_for(|is_cancelled| *is_cancelled).await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Creates an API key with this name. Stores the outcome until a page shows it.
    pub(crate) async fn create(&self, name: &str, request: Create) -> Result<Creation, ErrorSummary> {
        let _in_progress = InProgress::begin(&self.0.in_progress);
        match request.cancel_on(self.cancelled()).await {
            Ok(created) => {
                let id = created.key.id.clone();
                self.store(Some(id.as_str().to_owned()), ChangeOutcome::Created(id));
                Ok(created)
            }
            Err(error) => {
                Err(self.store_failure(error, None, |error| ChangeOutcome::CreationFailed(name.into(), error)))
            }
        }
    }

    /// Revokes the API key with this id. Stores the outcome until a page shows it.
    pub(crate) async fn revoke(&self, id: &KeyId, request: Delete) -> Result<(), ErrorSummary> {
        let _in_progress = InProgress::begin(&self.0.in_progress);
        let change = Some(id.as_str().to_owned());
        match request.cancel_on(self.cancelled()).await {
            Ok(()) => {
                self.store(change, ChangeOutcome::Revoked(id.clone()));
                Ok(())
            }
            Err(error) => {
                Err(self.store_failure(error, change, |error| ChangeOutcome::RevocationFailed(id.clone(), error)))
            }
        }
    }

    /// Stores the outcome of a failed creation or revocation if the outcome is unknown, or if [`Changes::cancel`] was
    /// called.
    fn store_failure(
        &self,
        error: Error,
        change: Option<String>,
        outcome: impl FnOnce(Error) -> ChangeOutcome,
    ) -> ErrorSummary {
        let summary = ErrorSummary::from(&error);
        if error.kind() == ErrorKind::OutcomeUnknown || *self.0.is_cancelled.borrow() {
            self.store(change.or_else(|| summary.idempotency_key.clone()), outcome(error));
        }
        summary
    }

    /// Stores the outcome of the creation or revocation that `change` identifies. If an outcome with the same `change`
    /// is already stored, the new outcome replaces it.
    fn store(&self, change: Option<String>, outcome: ChangeOutcome) {
        let mut unshown = self.unshown();
        unshown.retain(|earlier| earlier.change.is_none() || earlier.change != change);
        unshown.push(Unshown { change, outcome });
    }

    fn unshown(&self) -> MutexGuard<'_, Vec<Unshown>> {
        self.0.unshown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A guard for a creation or revocation in progress. Dropping the guard means that the creation or revocation has
/// ended.
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
