//! The state [`State::Create`]: the creation of the new key. The crate `codat-keys` creates at most one key for each
//! idempotency key. If no response arrives, this or another process looks for the new key in a list of the keys. The
//! new key can be recognized, because its name contains a unique tag.

use std::time::Duration;

use codat_keys::MAX_KEYS;

use super::action::{Action, Caller, Event, Failure, FailureKind, Stop};
use super::preflight::api;
use super::process::{BETWEEN_LISTS, Process, TRIES, failure, unfinished};
use crate::event::RotationEvent;
use crate::record::State;

/// The age from which an idempotency key is no longer sent. Codat forgets an idempotency key after 90 minutes.
const MAX_AGE: Duration = Duration::from_secs(85 * 60);

/// The maximum number of idempotency keys of a rotation. The rotation uses a second idempotency key only if Codat has
/// stored a failure for the first one, or if the first one is too old. With two idempotency keys, the requests can
/// create two API keys. The names of both API keys contain the tag of the rotation.
const MAX_ATTEMPTS: usize = 2;

impl Process {
    pub(super) async fn create(&mut self) -> Result<(), Stop> {
        let mut tries = 0;
        loop {
            let mut is_spent = self.is_too_old();
            if !self.is_unsent {
                match self.find_created(is_spent).await? {
                    Found::Key(id) => return self.created(id).await,
                    Found::Nothing => {}
                    Found::NothingAtLimit => {
                        return Err(unfinished("ten keys exist, so the new key cannot be created", None));
                    }
                }
            }
            if !is_spent {
                match self.send_creation().await {
                    Ok(id) => return self.created(id).await,
                    Err(Failure { kind: FailureKind::Spent, .. }) => is_spent = true,
                    Err(Failure { kind: FailureKind::Unknown, message, cause }) => {
                        tries += 1;
                        if tries == TRIES {
                            let message = format!("it is unknown whether the new key was created: {message}");
                            return Err(unfinished(message, cause));
                        }
                        self.wait_after(tries, &message).await;
                    }
                    Err(failure) => return self.not_created(failure).await,
                }
            }
            if is_spent && let Some(end) = self.replace_attempt().await? {
                return end;
            }
        }
    }

    /// Sends the request that creates the new key, with the latest idempotency key.
    async fn send_creation(&mut self) -> Result<String, Failure> {
        let is_resumed = !std::mem::take(&mut self.is_unsent);
        let idempotency_key = self.record.attempts.last().map(|attempt| attempt.idempotency_key.clone());
        let action = Action::Create {
            caller: Caller::Key(self.old()),
            name: self.record.name.clone().unwrap_or_default(),
            idempotency_key: idempotency_key.unwrap_or_default(),
            is_resumed,
        };
        match self.port.perform(action).await {
            // The rotation could otherwise delete a key that it did not create.
            Event::Created(id) if self.is_of_another(&id) => {
                let message = "the response names a key that existed before".into();
                Err(Failure { kind: FailureKind::Unknown, message, cause: None })
            }
            Event::Created(id) => Ok(id),
            event => Err(failure(event)),
        }
    }

    /// Looks for the new key once more. If the new key is not found, adds an attempt with a new idempotency key, and
    /// returns `None`. Returns `Some` if the creation is over: the key was found, or no further idempotency key may be
    /// used.
    async fn replace_attempt(&mut self) -> Result<Option<Result<(), Stop>>, Stop> {
        if let Found::Key(id) = self.find_created(true).await? {
            return Ok(Some(self.created(id).await));
        }
        self.record.may_appear_later = true;
        if self.record.attempts.len() == MAX_ATTEMPTS {
            return Ok(Some(self.fail("Codat failed to create the new key".into(), None).await));
        }
        self.add_attempt();
        self.save().await;
        Ok(None)
    }

    /// Looks for a key with the tag of this rotation. If `twice` is set and the list contains no such key, lists the
    /// keys again after a wait, because Codat can list a new key late.
    pub(super) async fn find_created(&mut self, twice: bool) -> Result<Found, Stop> {
        let old = self.old();
        let mut is_second = false;
        loop {
            let keys = self.list_with(&old).await.map_err(|failure| {
                let message = format!("the keys cannot be listed with the old key: {}", failure.message);
                unfinished(message, failure.cause)
            })?;
            if let Some(id) = self.ours(&keys).into_iter().next() {
                return Ok(Found::Key(id));
            }
            if !twice || is_second {
                return Ok(if keys.len() >= MAX_KEYS { Found::NothingAtLimit } else { Found::Nothing });
            }
            is_second = true;
            self.wait(BETWEEN_LISTS).await;
        }
    }

    async fn created(&mut self, id: String) -> Result<(), Stop> {
        let name = self.record.name.clone().unwrap_or_default();
        self.port.emit(RotationEvent::Created { id: id.clone(), name });
        self.record.new_key = Some(id);
        self.enter(State::Probe).await;
        Ok(())
    }

    /// Ends the rotation after an attempt that created no key. If there was an earlier attempt, rolls the rotation back
    /// instead, because the earlier attempt may have created a key.
    async fn not_created(&mut self, failure: Failure) -> Result<(), Stop> {
        if self.record.attempts.len() == 1 {
            return self.end(api("the new key was not created", failure)).await;
        }
        self.fail(format!("the new key was not created: {}", failure.message), failure.cause).await
    }

    /// Finds out before a rollback whether the new key was created. If the list does not contain the new key, repeats
    /// the creation request with the same idempotency key if possible. Codat then returns the key that an earlier
    /// request created, or creates the key. After this response, an earlier request that is still in transit cannot
    /// create another key.
    pub(super) async fn settle_creation(&mut self) -> Result<(), Stop> {
        if self.record.new_key.is_some() || self.record.attempts.is_empty() {
            return Ok(());
        }
        let id = match self.find_created(false).await? {
            Found::Key(id) => Some(id),
            Found::Nothing if !self.is_too_old() && !self.record.may_appear_later => {
                self.is_unsent = false;
                match self.send_creation().await {
                    Ok(id) => Some(id),
                    Err(failure) => {
                        self.record.may_appear_later |=
                            matches!(failure.kind, FailureKind::Unknown | FailureKind::Spent);
                        None
                    }
                }
            }
            _ => {
                self.record.may_appear_later = true;
                None
            }
        };
        self.record.new_key = id;
        self.save().await;
        Ok(())
    }

    /// Returns whether the latest idempotency key is too old to be sent. Also returns true if the recorded creation
    /// time of the idempotency key is more than 5 minutes in the future: a clock is then wrong, and the age is unknown.
    fn is_too_old(&self) -> bool {
        let age = self.record.attempts.last().map(|attempt| self.port.now().duration_since(attempt.started));
        age.is_none_or(|age| Duration::try_from(age).is_ok_and(|age| age >= MAX_AGE) || age.as_secs() < -5 * 60)
    }
}

/// The result of a search for the new key.
pub(super) enum Found {
    Key(String),
    Nothing,
    /// The list contains ten keys, and none of them is the new key.
    NothingAtLimit,
}
