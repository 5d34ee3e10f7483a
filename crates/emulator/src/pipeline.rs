//! The steps of handling a request to Codat's API: receive, authenticate, count against the quota, check the
//! idempotency key, perform, store the response.

use axum::body::Bytes;
use axum::http::Method;
use axum::http::request::Parts;

use crate::authentication::Credential;
use crate::fault::Fault;
use crate::idempotency::{Claim, Lookup};
use crate::journal::Entry;
use crate::operations;
use crate::server::Server;
use crate::wire::{ApiError, ApiResponse};

/// A request whose head and body the emulator has received.
pub(crate) struct ReceivedRequest {
    pub(crate) head: Parts,
    body: Result<Bytes, ApiError>,
    /// The id of the API key that authenticates the request. `None` if the request has no valid API key.
    key_id: Option<String>,
    /// The sequence number of the journal entry for this request.
    pub(crate) seq: u64,
}

/// The result of the checks before a request is performed.
pub(crate) enum Admission {
    /// The request is not performed, and the client receives this response.
    Respond(ApiResponse),
    /// The request can be performed. The [`Claim`] is the permission to store the response under the idempotency key of
    /// the request. There is no claim if the idempotency key is absent or ignored.
    Perform(Option<Claim>),
}

impl ReceivedRequest {
    /// Returns the idempotency key and the body of the request. Returns `None` if the operation ignores idempotency
    /// keys, if the idempotency key is absent or empty, or if the body could not be read.
    fn idempotency(&self) -> Option<(&[u8], &Bytes)> {
        if self.head.method != Method::POST || self.head.uri.path() != "/apiKeys" {
            return None;
        }
        let key = self.head.headers.get("idempotency-key")?.as_bytes();
        let body = self.body.as_ref().ok()?;
        (!key.is_empty()).then_some((key, body))
    }
}

impl Server {
    /// Performs the delayed requests that are due, and then records a new request in the journal. Returns the new
    /// request and the injected fault that applies to it. The fault is `None` if no fault applies.
    pub(crate) fn receive(&mut self, head: Parts, body: Result<Bytes, ApiError>) -> (ReceivedRequest, Option<Fault>) {
        self.perform_delayed_requests();
        let credential = self.authenticate(&head.headers);
        let bytes = body.as_deref().unwrap_or_default();
        let mut entry = Entry::new(&head, bytes, &credential, &self.masker(&head.headers), self.clock.now());
        let key_id = match credential {
            Credential::Valid { key_id } => Some(key_id),
            Credential::Invalid | Credential::Missing => None,
        };
        let fault = self.faults.take_next(head.method.as_str(), head.uri.path(), key_id.is_some());
        let (name, fault) = fault.unzip();
        entry.fault = name;
        let seq = self.journal.record(entry);
        (ReceivedRequest { head, body, key_id, seq }, fault)
    }

    /// Handles a received request: checks it, performs it, stores the response, and returns the response.
    pub(crate) fn handle(&mut self, request: &ReceivedRequest) -> ApiResponse {
        self.handle_with(request, |server| server.perform(request))
    }

    /// Handles a received request as [`Server::handle`] does, but calls `perform` in place of [`Server::perform`].
    pub(crate) fn handle_with(
        &mut self,
        request: &ReceivedRequest,
        perform: impl FnOnce(&mut Server) -> ApiResponse,
    ) -> ApiResponse {
        let admission = self.admit(request);
        self.complete(admission, perform)
    }

    /// Handles a received request for which an injected fault requires a 429 response. `perform` returns this response.
    ///
    /// The client gets the 429 even if the cache contains a response for the idempotency key of the request. If an
    /// earlier request with this idempotency key is still running, the emulator removes the idempotency key from the
    /// cache.
    pub(crate) fn handle_rate_limited(
        &mut self,
        request: &ReceivedRequest,
        perform: impl FnOnce(&mut Server) -> ApiResponse,
    ) -> ApiResponse {
        if let Err(error) = self.authorize(request) {
            return self.error_response(error);
        }
        self.release_idempotency_key(request);
        perform(self)
    }

    /// Checks the API key, the quota and the idempotency key of a request, in this order. [`Server::perform`] makes all
    /// other checks.
    pub(crate) fn admit(&mut self, request: &ReceivedRequest) -> Admission {
        if let Err(error) = self.authorize(request) {
            return Admission::Respond(self.error_response(error));
        }
        let Some((key, body)) = request.idempotency() else { return Admission::Perform(None) };
        match self.idempotency.claim(key, body, self.clock.now()) {
            Lookup::Claimed(claim) => Admission::Perform(Some(claim)),
            Lookup::Replay(response) => {
                self.journal.set_replayed(request.seq, true);
                Admission::Respond(response)
            }
            Lookup::Rejected(error) => Admission::Respond(self.error_response(error)),
        }
    }

    /// Calls `perform` if `admission` is [`Admission::Perform`], and stores the returned response in the idempotency
    /// cache. If `admission` is [`Admission::Respond`], returns the response in `admission`.
    pub(crate) fn complete(
        &mut self,
        admission: Admission,
        perform: impl FnOnce(&mut Server) -> ApiResponse,
    ) -> ApiResponse {
        match admission {
            Admission::Respond(response) => response,
            Admission::Perform(claim) => {
                let response = perform(self);
                self.store_response(claim, &response);
                response
            }
        }
    }

    pub(crate) fn perform(&mut self, request: &ReceivedRequest) -> ApiResponse {
        let key_id = request.key_id.as_deref().unwrap_or_default();
        let outcome = request.body.clone().and_then(|body| operations::dispatch(self, key_id, &request.head, &body));
        outcome.unwrap_or_else(|error| self.error_response(error))
    }

    pub(crate) fn store_response(&mut self, claim: Option<Claim>, response: &ApiResponse) {
        if let Some(claim) = claim {
            self.idempotency.store(claim, response, self.clock.now());
        }
    }

    /// Checks the API key of a request, and counts the request against the daily quota.
    fn authorize(&mut self, request: &ReceivedRequest) -> Result<(), ApiError> {
        if request.key_id.is_none() {
            return Err(ApiError::unauthorized());
        }
        let now = self.clock.now();
        let account = &mut self.account;
        if !account.quota.count_request(account.companies, now) && account.enforce_limits {
            let reset = account.quota.at(account.companies, now).seconds_to_reset;
            self.release_idempotency_key(request);
            return Err(ApiError::too_many_requests(reset));
        }
        Ok(())
    }

    fn release_idempotency_key(&mut self, request: &ReceivedRequest) {
        if let Some((key, _)) = request.idempotency() {
            self.idempotency.release(key);
        }
    }
}
