//! The state [`State::Grace`], in which the old key still works, and the last checks before the old key is deleted.

use std::time::Duration;

use super::action::{Caller, Failure, FailureKind, Stop};
use super::deliver::changed;
use super::process::{BETWEEN_LISTS, Goal, Process, TRIES, contains, unfinished};
use crate::event::RotationEvent;
use crate::record::{SinkProgress, State};
use crate::sink::{SinkContent, Verification};

impl Process {
    /// Waits for the end of the grace period, and returns true. Returns true without waiting if the goal is
    /// [`Goal::Finish`], or if the old key does not work any more. Returns false without waiting if the grace period
    /// has no end time: only [`Goal::Finish`] ends such a period.
    pub(super) async fn grace_is_over(&mut self) -> bool {
        if self.goal == Goal::Finish || self.is_forward_only {
            return true;
        }
        let Some(until) = self.record.grace_until else { return false };
        let left = Duration::try_from(until.duration_since(self.port.now())).unwrap_or_default();
        if !left.is_zero() {
            self.port.emit(RotationEvent::Waiting { until });
            self.wait(left).await;
        }
        true
    }

    /// Checks the sinks and the new key once more, and enters the state in which the old key is deleted.
    pub(super) async fn begin_retirement(&mut self) -> Result<(), Stop> {
        if let Some(reason) = self.new_key_fails().await? {
            return self.fail(reason, None).await;
        }
        self.check_sinks().await?;
        self.enter(State::Retire).await;
        Ok(())
    }

    /// Lists the keys, with the new key as the credential. Returns `None` if the new key works. Otherwise, returns the
    /// reason why the new key does not work.
    pub(super) async fn new_key_fails(&mut self) -> Result<Option<String>, Stop> {
        let new = self.new_key();
        let (mut tries, mut is_unlisted) = (1, false);
        loop {
            let reason = match self.list_with(&new).await {
                Ok(keys) if contains(&keys, &new) => return Ok(None),
                Ok(_) => "the list of keys does not contain the new key".into(),
                Err(failure) if failure.kind == FailureKind::UnknownSecret && tries < TRIES => {
                    // The value of the new key is not known, because the list at the start of this run was out of date.
                    // A list that authenticates with the old key contains the value.
                    let keys = self.list(Caller::Key(self.old())).await;
                    is_unlisted = keys.is_ok_and(|keys| !contains(&keys, &new));
                    failure.message
                }
                Err(Failure { kind: FailureKind::UnknownSecret, .. }) if is_unlisted => {
                    "the new key does not work any more: Codat does not list it".into()
                }
                Err(Failure { kind: FailureKind::Rejected | FailureKind::UnknownSecret, message, .. }) => {
                    format!("the new key does not work any more: {message}")
                }
                Err(failure) => {
                    return Err(unfinished(format!("the new key cannot be tried: {}", failure.message), failure.cause));
                }
            };
            if tries == TRIES {
                return Ok(Some(reason));
            }
            tries += 1;
            self.wait(BETWEEN_LISTS).await;
        }
    }

    /// Checks that every sink has the new key. If a sink contains the old key, a duplicate of the new key, or nothing,
    /// writes the new key to the sink.
    pub(super) async fn check_sinks(&mut self) -> Result<(), Stop> {
        for sink in 0..self.record.sinks.len() {
            if let Err(failure) = self.check_delivery(sink).await {
                let message = self.sink_message(sink, "does not have the new key", &failure);
                return Err(unfinished(format!("the old key was not deleted: {message}"), failure.cause));
            }
        }
        self.has_checked_sinks = true;
        Ok(())
    }

    async fn check_delivery(&mut self, sink: usize) -> Result<(), Failure> {
        let new = self.new_key();
        if self.config.verifications[sink] != Verification::ReadBack {
            return self.ask_sink(sink, &new).await;
        }
        match self.read_sink(sink).await? {
            SinkContent::Key(id) if id == new => return Ok(()),
            SinkContent::Nothing => {}
            SinkContent::Key(id) if id == self.old() || self.is_ours(&id) => {}
            _ => return Err(changed()),
        }
        self.set_progress(sink, SinkProgress::Writing).await;
        self.write_sink(sink, &new).await?;
        self.set_progress(sink, SinkProgress::Confirmed).await;
        Ok(())
    }
}
