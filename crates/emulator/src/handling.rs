//! The way of a request to one of Codat's operations: it arrives, is let in, performed, and kept for a repetition.

use axum::body::Bytes;
use axum::http::Method;
use axum::http::request::Parts;

use crate::codat;
use crate::fault::Fault;
use crate::idempotency::{Claim, Lookup};
use crate::journal::Entry;
use crate::server::{Credential, Server};
use crate::wire::{Answer, Refusal};

/// A request that has arrived as a whole.
pub(crate) struct Arrival {
    pub(crate) head: Parts,
    body: Result<Bytes, Refusal>,
    /// Of the key that it came with; none unless that is valid.
    key_id: Option<String>,
    /// Its number in the journal.
    pub(crate) seq: u64,
}

/// What is decided before a request is performed.
pub(crate) enum Admission {
    /// It is not to be performed.
    Answered(Answer),
    /// It is; with a claim, its answer is to be kept.
    Open(Option<Claim>),
}

impl Arrival {
    /// The idempotency key and the body that belongs to it. An empty key counts as none, and so does one whose body is lost.
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
    /// Performs the effects that waited for a request, adds it to the journal, and finds its fault.
    pub(crate) fn arrive(&mut self, head: Parts, body: Result<Bytes, Refusal>) -> (Arrival, Option<Fault>) {
        self.bring_pending_effects();
        let credential = self.credential(&head.headers);
        let written = body.as_deref().unwrap_or_default();
        let mut entry = Entry::new(&head, written, &credential, &self.masks(&head.headers), self.clock.now());
        let key_id = match credential {
            Credential::Valid { key_id } => Some(key_id),
            Credential::Invalid | Credential::Missing => None,
        };
        let fault = self.faults.next(head.method.as_str(), head.uri.path(), key_id.is_some());
        entry.fault = fault.as_ref().map(|(name, _)| *name);
        let seq = self.journal.push(entry);
        (Arrival { head, body, key_id, seq }, fault.map(|(_, fault)| fault))
    }

    /// The whole way.
    pub(crate) fn handle(&mut self, arrival: &Arrival) -> Answer {
        self.handle_with(arrival, |server| server.perform(arrival))
    }

    /// The whole way, but performed in another manner.
    pub(crate) fn handle_with(&mut self, arrival: &Arrival, perform: impl FnOnce(&mut Server) -> Answer) -> Answer {
        let admission = self.admit(arrival);
        self.finish(admission, perform)
    }

    /// The way of a request that gets a 429: the cache is not asked, and the idempotency key is released.
    pub(crate) fn handle_throttled(
        &mut self,
        arrival: &Arrival,
        perform: impl FnOnce(&mut Server) -> Answer,
    ) -> Answer {
        if let Err(refusal) = self.enter(arrival) {
            return self.refuse(refusal);
        }
        self.release(arrival);
        perform(self)
    }

    /// Authentication first, then the quota, then the idempotency key: nothing else is looked at before.
    pub(crate) fn admit(&mut self, arrival: &Arrival) -> Admission {
        if let Err(refusal) = self.enter(arrival) {
            return Admission::Answered(self.refuse(refusal));
        }
        let Some((key, body)) = arrival.idempotency() else { return Admission::Open(None) };
        match self.answers.claim(key, body, self.clock.now()) {
            Lookup::First(claim) => Admission::Open(Some(claim)),
            Lookup::Replay(answer) => {
                self.journal.replayed(arrival.seq);
                Admission::Answered(answer)
            }
            Lookup::Refused(refusal) => Admission::Answered(self.refuse(refusal)),
        }
    }

    pub(crate) fn finish(&mut self, admission: Admission, perform: impl FnOnce(&mut Server) -> Answer) -> Answer {
        match admission {
            Admission::Answered(answer) => answer,
            Admission::Open(claim) => {
                let answer = perform(self);
                self.keep(claim, &answer);
                answer
            }
        }
    }

    pub(crate) fn perform(&mut self, arrival: &Arrival) -> Answer {
        let key_id = arrival.key_id.as_deref().unwrap_or_default();
        let outcome = arrival.body.clone().and_then(|body| codat::answer(self, key_id, &arrival.head, &body));
        outcome.unwrap_or_else(|refusal| self.refuse(refusal))
    }

    pub(crate) fn keep(&mut self, claim: Option<Claim>, answer: &Answer) {
        if let Some(claim) = claim {
            self.answers.settle(claim, answer, self.clock.now());
        }
    }

    fn enter(&mut self, arrival: &Arrival) -> Result<(), Refusal> {
        if arrival.key_id.is_none() {
            return Err(Refusal::unauthorized());
        }
        let now = self.clock.now();
        let account = &mut self.account;
        if !account.quota.spend(account.companies, now) && account.enforce_limits {
            let reset = account.quota.at(account.companies, now).seconds_to_reset;
            self.release(arrival);
            return Err(Refusal::too_many_requests(reset));
        }
        Ok(())
    }

    fn release(&mut self, arrival: &Arrival) {
        if let Some((key, _)) = arrival.idempotency() {
            self.answers.release(key);
        }
    }
}
