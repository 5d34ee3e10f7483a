//! The changes in progress, and how to stop them when the page closes.

use std::sync::{Arc, Mutex, PoisonError};

use codat_keys::{Error, KeyId};
use tokio::sync::watch;

use crate::notice::Problem;

/// Stops the changes that a page has begun: [`Portal::changes`](crate::Portal::changes). Its clones share them.
#[derive(Clone, Default)]
pub struct Changes(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_stopped: watch::Sender<bool>,
    under_way: watch::Sender<usize>,
    ended: Mutex<Vec<Ended>>,
}

/// The result of a change that ended after the page was closed.
pub enum Ended {
    /// A key was created.
    Created(KeyId),
    /// A key was revoked.
    Revoked(KeyId),
    /// It failed, was stopped before it changed anything, or its outcome is unknown.
    Failed(Error),
}

impl Changes {
    /// Stops each change as [`Create::until`](codat_keys::Create::until) does, and returns how each ended. A later one
    /// sends nothing.
    pub async fn stop(&self) -> Vec<Ended> {
        self.0.is_stopped.send_replace(true);
        // The sender lives as long as `self`.
        let _ = self.0.under_way.subscribe().wait_for(|under_way| *under_way == 0).await;
        std::mem::take(&mut *self.0.ended.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Completes once the changes are to stop.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut is_stopped = self.0.is_stopped.subscribe();
        async move {
            if is_stopped.wait_for(|is_stopped| *is_stopped).await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Waits for a change.
    pub(crate) async fn run<T>(
        &self,
        change: impl IntoFuture<Output = Result<T, Error>>,
        done: impl FnOnce(&T) -> Ended,
    ) -> Result<T, Problem> {
        let _under_way = UnderWay::begin(&self.0.under_way);
        match change.await {
            Ok(made) => {
                self.end(|| done(&made));
                Ok(made)
            }
            Err(error) => {
                let problem = Problem::from(&error);
                self.end(|| Ended::Failed(error));
                Err(problem)
            }
        }
    }

    fn end(&self, ended: impl FnOnce() -> Ended) {
        if *self.0.is_stopped.borrow() {
            self.0.ended.lock().unwrap_or_else(PoisonError::into_inner).push(ended());
        }
    }
}

struct UnderWay<'a>(&'a watch::Sender<usize>);

impl<'a> UnderWay<'a> {
    fn begin(under_way: &'a watch::Sender<usize>) -> Self {
        under_way.send_modify(|under_way| *under_way += 1);
        Self(under_way)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|under_way| *under_way -= 1);
    }
}
