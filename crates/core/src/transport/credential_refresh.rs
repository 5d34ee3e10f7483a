//! Follows a key that changes while the program runs.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use crate::credentials::Held;
use crate::domain::ApiKey;
use crate::error::{Error, ErrorKind};
use crate::transport::{Budget, Failure, Transport};

/// Goes with a refusal whose key could not be read again: why.
#[derive(Clone)]
pub(crate) struct NotRead(pub(crate) String);

impl Transport {
    /// One attempt; and one more where Codat refuses the key and its source has another one by now. Safe for every method,
    /// since such a refusal changes nothing.
    pub(crate) async fn attempt(&self, request: &Request<Bytes>, budget: Budget) -> Result<Response<Bytes>, Failure> {
        let key = self.key_to_use(budget).await.map_err(|error| Failure { error, sent: false })?;
        let mut answer = self.attempt_with(&key, request, budget).await?;
        match self.key_instead_of(&key, &mut answer, budget).await {
            Some(another) => self.attempt_with(&another, request, budget).await,
            None => Ok(answer),
        }
    }

    /// Returns the key to authenticate with now. Reads its source if that has not happened yet, or if it may have changed.
    pub(crate) async fn key_to_use(&self, budget: Budget) -> Result<Arc<Held>, Error> {
        match self.key.ready() {
            Some(key) => Ok(key),
            None => self.within(budget, self.key.look()).await,
        }
    }

    /// Returns a key other than the one that Codat rejected, if the source has one.
    pub(crate) async fn key_after_rejection(
        &self,
        rejected: &ApiKey,
        budget: Budget,
    ) -> Result<Option<Arc<Held>>, Error> {
        self.within(budget, self.key.instead_of(rejected)).await
    }

    /// If the answer refuses the key: another one, where the source has one, and enough time is left to use it. The answer
    /// keeps why there is none, if the source cannot be read.
    pub(crate) async fn key_instead_of(
        &self,
        refused: &Held,
        answer: &mut Response<Bytes>,
        budget: Budget,
    ) -> Option<Arc<Held>> {
        if !matches!(answer.status().as_u16(), 401 | 403) {
            return None;
        }
        match self.key_after_rejection(&refused.key, budget).await {
            Ok(another) => another.filter(|_| self.can_send(budget)),
            Err(error) => {
                answer.extensions_mut().insert(NotRead(error.to_string()));
                None
            }
        }
    }

    pub(crate) async fn reload_key(&self, budget: Budget) -> Result<(), Error> {
        self.within(budget, self.key.reload()).await
    }

    async fn within<T>(&self, budget: Budget, read: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let read = tokio::time::timeout(self.remaining(budget), read).await;
        read.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "the key could not be read in time")))
    }
}
