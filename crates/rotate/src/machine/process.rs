//! The run of a rotation: the order of its states, and the actions that several states need.

use std::collections::HashSet;
use std::time::Duration;

use codat_keys::{KeyName, Timestamp};

use super::Port;
use super::action::{Action, Caller, Cause, Event, Failure, FailureKind, ListedKey, Outcome, Stop};
use crate::error::RotationErrorKind;
use crate::event::RotationEvent;
use crate::record::{Record, State};
use crate::sink::{SinkContent, Verification};

/// The number of times that a failing step is tried in one run.
pub(super) const TRIES: u32 = 4;

/// The wait between two lists of the keys. Codat can show a creation or deletion late. A list that does not show an
/// expected change is therefore repeated.
pub(super) const BETWEEN_LISTS: Duration = Duration::from_secs(2);

/// The options of a rotation.
pub struct Config {
    /// How the rotation checks each sink, in the order of [`Record::sinks`].
    pub verifications: Vec<Verification>,
    /// The id of the key to replace. `None` for the key that the client authenticates with.
    pub key: Option<String>,
    /// The base of the new key's name: the name without the tag. `None` to use the base of the old key's name.
    pub base: Option<String>,
    /// The ids of the keys that the rotation may delete if ten keys exist.
    pub delete_first: Vec<String>,
    /// How long the old key stays after all sinks have the new key. `None` if the old key stays until a run with the
    /// goal [`Goal::Finish`].
    pub grace: Option<Duration>,
    /// The time within which the new key must work.
    pub probe_timeout: Duration,
    /// The functions that make names and idempotency keys.
    pub generators: Generators,
}

/// The functions that make names and idempotency keys. The driver and the model check pass different functions.
#[derive(Clone, Copy)]
pub struct Generators {
    /// Returns a name with this base and a new tag.
    pub name: fn(&str, Timestamp) -> Result<KeyName, codat_keys::Error>,
    /// Returns a new idempotency key.
    pub idempotency_key: fn(Timestamp) -> String,
}

/// What the caller asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Start or resume the rotation.
    Continue,
    /// Start or resume the rotation, and delete the old key without a grace period.
    Finish,
    /// Roll the rotation back.
    Abort,
}

/// The run of a rotation.
pub(super) struct Process {
    pub(super) config: Config,
    pub(super) goal: Goal,
    pub(super) record: Record,
    pub(super) port: Port,
    /// Whether this run has added the latest attempt to create the new key, but has not sent the request of this
    /// attempt yet.
    pub(super) is_unsent: bool,
    /// Whether the old key has stopped working. If so, the rotation cannot be rolled back.
    pub(super) is_forward_only: bool,
    /// Whether this run has checked, immediately before [`State::Retire`], that all sinks have the new key. A run that
    /// resumes a rotation in [`State::Retire`] must check the sinks again.
    pub(super) has_checked_sinks: bool,
    /// For each sink, the content before the first write of the rotation. `None` if the sink may have the new key or
    /// may still get it, even if the sink shows other content. This is the case if a write of this run has succeeded or
    /// timed out, or if an earlier run may have written to the sink.
    pub(super) before: Vec<Option<SinkContent>>,
    /// For each sink, whether this run assumes that the caller has checked the content. True if an earlier run has
    /// asked the caller to check the sink, and this run is an abort.
    pub(super) is_checked: Vec<bool>,
    /// The ids of all listed keys whose names have the tag of this rotation, from all lists of this run.
    own_ids: HashSet<String>,
    /// The ids of all listed keys whose names do not have the tag of this rotation, from all lists of this run.
    other_ids: HashSet<String>,
    /// The error that caused the rollback, if this run has begun the rollback.
    cause: Option<Cause>,
    /// The error with which the rotation ends in the state [`State::Aborted`]. `None` if the rotation was rolled back.
    ended: Option<Stop>,
}

impl Process {
    pub(super) fn new(config: Config, goal: Goal, record: Record, port: Port) -> Self {
        Self {
            before: vec![None; record.sinks.len()],
            is_checked: record.sinks.iter().map(|sink| goal == Goal::Abort && sink.to_be_checked).collect(),
            config,
            goal,
            record,
            port,
            is_unsent: false,
            is_forward_only: false,
            has_checked_sinks: false,
            own_ids: HashSet::new(),
            other_ids: HashSet::new(),
            cause: None,
            ended: None,
        }
    }

    pub(super) async fn run(mut self) -> Outcome {
        let stop = self.steps().await.err();
        Outcome { record: self.record, stop }
    }

    async fn steps(&mut self) -> Result<(), Stop> {
        // The first entry acquires the journal.
        self.save().await;
        match self.record.state {
            State::Recover => self.recover().await?,
            State::Preflight => {}
            _ => {
                let mut keys = self.connect().await?;
                if self.record.deleting.as_ref().is_some_and(|id| contains(&keys, id)) {
                    // The list can be older than the deletion.
                    self.wait(BETWEEN_LISTS).await;
                    keys = self.connect().await?;
                }
                self.settle_deletion(&keys);
            }
        }
        if self.goal == Goal::Abort {
            self.begin_abort().await?;
        }
        loop {
            match self.record.state {
                State::Preflight | State::DeleteFirst | State::Recover => self.preflight().await?,
                State::Create => self.create().await?,
                State::Probe => self.probe().await?,
                State::Deliver => self.deliver().await?,
                State::Confirm => self.confirm().await?,
                State::Grace => {
                    if !self.grace_is_over().await {
                        return Ok(());
                    }
                    self.begin_retirement().await?;
                }
                State::Done => return Ok(()),
                State::Retire => self.retire().await?,
                State::Rollback => self.roll_back().await?,
                State::Aborted => return self.ended.take().map_or_else(|| self.rolled_back(), Err),
            }
        }
    }

    async fn begin_abort(&mut self) -> Result<(), Stop> {
        let reason = || Some(format!("the caller aborted the rotation{}", self.pending_deletion()));
        match self.record.state {
            State::Preflight | State::DeleteFirst => {
                self.record.reason = reason();
                self.enter(State::Aborted).await;
            }
            // No rollback is begun: the deletion of the old key may have begun, or a rollback has begun, or the
            // rotation has ended.
            State::Retire | State::Rollback | State::Done | State::Aborted => {}
            _ => {
                self.record.reason = reason();
                self.enter(State::Rollback).await;
            }
        }
        Ok(())
    }

    fn rolled_back(&mut self) -> Result<(), Stop> {
        if self.goal == Goal::Abort {
            return Ok(());
        }
        let reason = self.record.reason.as_deref().unwrap_or("it was aborted");
        Err(Stop {
            kind: RotationErrorKind::RolledBack,
            message: format!("the rotation was rolled back: {reason}"),
            hint: match self.record.may_appear_later {
                false => "the old key works as before; correct the cause and start again",
                true => "the old key works as before; delete the new key if a list shows it later",
            }
            .into(),
            cause: self.cause.take(),
        })
    }

    /// Enters a state. Writes the state to the journal before the first step of the state is taken.
    pub(super) async fn enter(&mut self, state: State) {
        self.record.state = state;
        self.save().await;
        self.port.emit(RotationEvent::State { state });
    }

    /// Writes the record to the journal. If the write fails, the driver ends the run, so this function does not return.
    pub(super) async fn save(&mut self) {
        self.port.perform(Action::Save(self.record.clone())).await;
    }

    /// Ends a rotation that has created no key.
    pub(super) async fn end(&mut self, mut stop: Stop) -> Result<(), Stop> {
        let has_changed = self.record.deleting.is_some() || !self.record.deleted.is_empty();
        let what = if has_changed { "no key was created" } else { "nothing was changed" };
        stop.hint = format!("{}; {what}{}", stop.hint, self.pending_deletion());
        self.record.reason = Some(stop.message.clone());
        self.ended = Some(stop);
        self.enter(State::Aborted).await;
        Ok(())
    }

    /// Returns a text to append to a message. The text names the key whose deletion can still take effect, or is empty
    /// if there is no such key.
    fn pending_deletion(&self) -> String {
        let message = |id| format!("; the deletion of the key {id} can still take effect");
        self.record.deleting.as_ref().map(message).unwrap_or_default()
    }

    /// Begins the rollback of the rotation. Returns an error instead if the old key does not work any more.
    pub(super) async fn fail(&mut self, reason: String, cause: Option<Cause>) -> Result<(), Stop> {
        if self.is_forward_only {
            return Err(unfinished(format!("{reason}; the old key does not work any more"), cause));
        }
        self.record.reason = Some(reason);
        self.cause = cause;
        self.enter(State::Rollback).await;
        Ok(())
    }

    /// Lists the keys. The crate `codat-keys` retries the request after transient errors.
    pub(super) async fn list(&mut self, caller: Caller) -> Result<Vec<ListedKey>, Failure> {
        match self.port.perform(Action::List(caller)).await {
            Event::Listed(keys) => {
                let ours = self.ours(&keys);
                self.other_ids.extend(keys.iter().map(|key| &key.id).filter(|id| !ours.contains(id)).cloned());
                self.own_ids.extend(ours);
                Ok(keys)
            }
            event => Err(failure(event)),
        }
    }

    /// Lists the keys with the key `id` as the credential. If Codat rejects this key, repeats the request up to three
    /// times, because Codat can reject a valid key for a moment.
    pub(super) async fn list_with(&mut self, id: &str) -> Result<Vec<ListedKey>, Failure> {
        let mut tries = 1;
        loop {
            match self.list(Caller::Key(id.into())).await {
                Err(failure) if failure.kind == FailureKind::Rejected && tries < TRIES => {
                    self.wait_after(tries, &failure.message).await;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    /// Deletes a key, and records the deletion. Returns the failure if the deletion failed or its outcome is unknown.
    pub(super) async fn delete(&mut self, caller: &str, id: &str) -> Result<(), Failure> {
        debug_assert_ne!(caller, id, "a key does not delete itself");
        let action = Action::Delete { caller: Caller::Key(caller.into()), id: id.into() };
        match self.port.perform(action).await {
            Event::Deleted => {
                if !self.was_deleted(id) {
                    self.record.deleted.push(id.into());
                    self.port.emit(RotationEvent::Deleted { id: id.into() });
                    self.save().await;
                }
                Ok(())
            }
            event => Err(failure(event)),
        }
    }

    /// Returns whether this rotation has deleted the key with this id.
    pub(super) fn was_deleted(&self, id: &str) -> bool {
        self.record.deleted.iter().any(|deleted| deleted == id)
    }

    /// Waits after a failure: 1 s after the first try, and twice as long after each further try, up to 8 s.
    pub(super) async fn wait_after(&mut self, tries: u32, error: &str) {
        let wait = Duration::from_secs(1 << tries.saturating_sub(1).min(3));
        self.port.emit(RotationEvent::Retrying { error: error.into(), wait });
        self.wait(wait).await;
    }

    /// Waits before the next try. Returns the failure instead if the failed try was the last one.
    pub(super) async fn try_again(&mut self, failure: Failure, tries: &mut u32) -> Result<(), Failure> {
        if *tries == TRIES {
            return Err(failure);
        }
        self.wait_after(*tries, &failure.message).await;
        *tries += 1;
        Ok(())
    }

    pub(super) async fn wait(&mut self, time: Duration) {
        self.port.perform(Action::Wait(time)).await;
    }

    /// Returns the id of the old key. The id is known in every state after the preflight.
    pub(super) fn old(&self) -> String {
        self.record.old_key.clone().unwrap_or_default()
    }

    /// Returns the id of the new key. The id is known in every state after the creation.
    pub(super) fn new_key(&self) -> String {
        self.record.new_key.clone().unwrap_or_default()
    }

    /// Returns whether the key with this id is the new key or a duplicate of the new key.
    pub(super) fn is_ours(&self, id: &str) -> bool {
        self.record.new_key.as_deref() == Some(id) || self.own_ids.contains(id)
    }

    /// Returns whether the key with this id belongs to another program. This is the case if a list of this run
    /// contained the key, and the name of the key did not have the tag of this rotation.
    pub(super) fn is_of_another(&self, id: &str) -> bool {
        self.other_ids.contains(id)
    }

    /// Returns the ids of the listed keys that this rotation has created. These keys have the name of the new key. This
    /// name contains the tag of the rotation.
    pub(super) fn ours(&self, keys: &[ListedKey]) -> Vec<String> {
        let is_ours = |key: &&ListedKey| key.name.is_some() && key.name == self.record.name;
        keys.iter().filter(is_ours).map(|key| key.id.clone()).collect()
    }
}

/// Returns the failure in an event. An event without a failure shows a bug in the driver, and becomes a failure with
/// the kind [`FailureKind::Unknown`].
pub(super) fn failure(event: Event) -> Failure {
    match event {
        Event::Failed(failure) => failure,
        other => {
            Failure { kind: FailureKind::Unknown, message: format!("an unexpected event: {other:?}"), cause: None }
        }
    }
}

/// Returns whether the list contains the key with this id.
pub(super) fn contains(keys: &[ListedKey], id: &str) -> bool {
    keys.iter().any(|key| key.id == id)
}

pub(super) fn unfinished(message: impl Into<String>, cause: Option<Cause>) -> Stop {
    Stop {
        kind: RotationErrorKind::Unfinished,
        message: message.into(),
        hint: "resume the rotation, or abort it".into(),
        cause,
    }
}
