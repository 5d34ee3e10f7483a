//! The refresh of the credential after Codat rejects the API key.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;

use super::{BodyLimit, BodyMode, Failure, Received, Transport};
use crate::credentials::CachedCredential;
use crate::domain::ApiKey;
use crate::error::{Error, ErrorKind};
use crate::timeouts::Deadline;
use crate::wire::Attempt;

impl Transport {
    /// Sends the request, and reads the whole response. If Codat rejects the API key, refreshes the credential: see
    /// [`receive`](Self::receive).
    pub(crate) async fn attempt(
        &self,
        request: &Request<Bytes>,
        deadline: Deadline,
        limit: BodyLimit,
    ) -> Result<Attempt, Failure> {
        self.receive(request, deadline, BodyMode::Whole(limit)).await.map(|received| received.attempt)
    }

    /// Sends the request. If Codat rejects the API key with 401 or 403, refreshes the credential. If the credential
    /// source has another key, sends the request once more with that key. This is safe for every method, because a
    /// rejected request changes nothing.
    pub(crate) async fn receive(
        &self,
        request: &Request<Bytes>,
        deadline: Deadline,
        mode: BodyMode,
    ) -> Result<Received, Failure> {
        let key = self.key_to_use(deadline).await.map_err(|error| Failure { error, sent: false })?;
        let mut received = self.receive_with(&key, request, deadline, mode).await?;
        match self.key_after_response(&key, &mut received.attempt, deadline).await {
            Some(another) => self.receive_with(&another, request, deadline, mode).await,
            None => Ok(received),
        }
    }

    /// Returns the credential for a request. Reads the credential source if no credential is cached, or if the source
    /// may have changed.
    pub(crate) async fn key_to_use(&self, deadline: Deadline) -> Result<Arc<CachedCredential>, Error> {
        match self.credentials().cached() {
            Some(key) => Ok(key),
            None => self.within(deadline, self.credentials().poll_source()).await,
        }
    }

    /// Refreshes the credential after Codat has rejected the API key `rejected`. Returns `None` if the credential
    /// source has no other key.
    pub(crate) async fn key_after_rejection(
        &self,
        rejected: &ApiKey,
        deadline: Deadline,
    ) -> Result<Option<Arc<CachedCredential>>, Error> {
        self.within(deadline, self.credentials().refresh_after_rejection(rejected)).await
    }

    /// Returns another credential if Codat has rejected the credential `refused` with 401 or 403. The request can then
    /// be repeated with the other credential. Returns `None` if the response has another status, if the credential
    /// source has no other key, or if too little time remains. If the source cannot be read, returns `None` and stores
    /// the error in `attempt.refresh_error`.
    pub(crate) async fn key_after_response(
        &self,
        refused: &CachedCredential,
        attempt: &mut Attempt,
        deadline: Deadline,
    ) -> Option<Arc<CachedCredential>> {
        if !matches!(attempt.status().as_u16(), 401 | 403) {
            return None;
        }
        match self.key_after_rejection(&refused.key, deadline).await {
            Ok(another) => another.filter(|_| self.can_send(deadline)),
            Err(error) => {
                attempt.refresh_error = Some(error.to_string());
                None
            }
        }
    }

    pub(crate) async fn reload_key(&self, deadline: Deadline) -> Result<(), Error> {
        self.within(deadline, self.credentials().reload()).await
    }

    async fn within<T>(&self, deadline: Deadline, read: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let read = tokio::time::timeout(self.remaining(deadline), read).await;
        read.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "the key could not be read in time")))
    }
}
