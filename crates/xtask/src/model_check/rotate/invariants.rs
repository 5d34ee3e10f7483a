//! Checks of the invariants of a rotation: I1 to I9 and I11. `cargo xtask model-check` prints what each invariant
//! requires.

use codat_keys_rotate::machine::{Caller, Outcome};
use codat_keys_rotate::{RotationErrorKind, State};

use super::super::RunResult;
use super::faults::AFTER_THE_END;
use super::server::OLD;
use super::{Model, Sink, Value, violated};

impl Model<'_> {
    /// Checks the invariants I6 and I11 before a request that creates a key.
    pub(super) fn check_creation(
        &mut self,
        name: &str,
        idempotency_key: &str,
        is_resumed: bool,
    ) -> Result<(), RunResult> {
        let time = self.now().as_millisecond();
        let first = self.idempotency_keys.entry(idempotency_key.into()).or_insert_with(|| (name.into(), time));
        if first.0 != name {
            return violated("I11: an idempotency key is sent with another name");
        }
        if time - first.1 >= 85 * 60 * 1000 {
            return violated("I11: an idempotency key is sent after 85 minutes");
        }
        if is_resumed && self.full_at_last_list {
            return violated("I6: a key is to be created while ten exist");
        }
        Ok(())
    }

    /// Checks the invariants I2, I4, I5 and I9 before a request that deletes a key.
    pub(super) fn check_deletion(&mut self, caller: &Caller, id: &str) -> Result<(), RunResult> {
        match caller {
            Caller::Key(own) if own != id => {}
            _ => return violated("I5: a key is to delete itself"),
        }
        if id != OLD && !self.server.ours.contains(id) && self.named.as_deref() != Some(id) {
            return violated("I9: the key of another program is to be deleted");
        }
        let new = self.journal.as_ref().and_then(|record| record.new_key.clone());
        let has_new = |sink: &Sink| matches!(&sink.value, Value::Key(value) if Some(value) == new.as_ref());
        let is_excused = |sink: &Sink| sink.was_changed || sink.lies > 1;
        if id == OLD && !self.sinks.iter().all(|sink| has_new(sink) || is_excused(sink)) {
            return violated("I4: the old key is to be deleted before all sinks have the new key");
        }
        // Ignores the sinks whose content the rotation could not determine, because the caller has checked these sinks.
        let unchecked =
            || self.sinks.iter().zip(&self.is_checked).filter(|(_, is_checked)| !**is_checked).map(|(sink, _)| sink);
        let is_in_sink = unchecked().any(|sink| sink.value == Value::Key(id.into()) && !is_excused(sink));
        // A program that wrote a key in another form can still read it.
        let is_in_text = unchecked().any(|sink| sink.value == Value::Text(id.into()));
        if is_in_text && self.server.is_alive(id) {
            return violated("I2: a key that a sink contains in another form is to be deleted");
        }
        // A key that another program has deleted does not work any more.
        if is_in_sink && self.server.is_alive(id) {
            return violated("I2: the key of a sink is to be deleted");
        }
        Ok(())
    }

    /// Checks the invariants I1, I2 and I3 after a step.
    pub(super) fn check_step(&self) -> Result<(), RunResult> {
        let server = &self.server;
        let alive = server.ours.iter().filter(|id| server.is_alive(id));
        let count = alive.clone().count();
        if !server.foreign_deleter {
            if !server.works(OLD) && !alive.clone().any(|id| server.works(id)) {
                return violated("I1: no key of the rotation works");
            }
            for (sink, is_checked) in self.sinks.iter().zip(&self.is_checked) {
                if let Value::Key(id) = &sink.value
                    && !server.works(id)
                    && !is_checked
                    && !sink.was_changed
                    && sink.lies < 2
                {
                    return violated("I2: the value of a sink does not authenticate");
                }
            }
        }
        if server.keys.len() > codat_keys::MAX_KEYS {
            return violated("I6: more than ten keys exist");
        }
        if count > 2 && !self.has_raced && !self.journal_lost {
            return violated("I3: more than two keys with the tag exist");
        }
        Ok(())
    }

    /// Checks the invariants I3 and I8 in the final state.
    pub(super) fn check_end(&mut self, outcome: &Outcome) -> Result<RunResult, RunResult> {
        (0..AFTER_THE_END).for_each(|_| self.server.step());
        self.server.all_lands();
        let record = &outcome.record;
        let rest: Vec<&String> = self.server.ours.iter().filter(|id| self.server.is_alive(id)).collect();
        let kept = record.new_key.as_ref().filter(|_| record.state == State::Done);
        let orphans = rest.iter().filter(|id| Some(**id) != kept).count();
        let knows_nothing = outcome.stop.as_ref().is_some_and(|stop| stop.kind == RotationErrorKind::NothingToResume);
        if orphans > 0 {
            // If the journal is lost, the rotation does not know of a creation that can still take effect.
            let is_lost = self.journal_lost && (self.is_in_use(&rest) || self.server.has_created_late);
            let is_excused = self.has_raced || self.may_appear_later || is_lost;
            if !is_excused {
                return violated("I3: a key without use remains");
            }
            return Ok(RunResult::KnownRace);
        }
        let any_checked = self.is_checked.contains(&true);
        if self.is_excused() || knows_nothing || any_checked || self.sinks.iter().any(|sink| sink.lies > 1) {
            return Ok(RunResult::Held);
        }
        let expected = kept.cloned().unwrap_or_else(|| OLD.into());
        if !self.server.works(&expected) || (kept.is_some() && self.server.is_alive(OLD)) {
            return violated("I8: the number of keys has changed");
        }
        let is_unused = |sink: &Sink| sink.value == Value::Nothing && sink.was_empty && kept.is_none();
        let expected = Value::Key(expected);
        if self.sinks.iter().any(|sink| sink.value != expected && !is_unused(sink)) {
            return violated("I2: a sink does not have the key that remains");
        }
        for id in &self.foreign {
            if !self.server.is_alive(id) {
                return violated("I9: the key of another program was deleted");
            }
        }
        Ok(RunResult::Held)
    }

    /// Returns true if each key in `rest` is in a sink, or if the old key no longer exists.
    pub(super) fn is_in_use(&self, rest: &[&String]) -> bool {
        let is_used = |id: &&String| self.sinks.iter().any(|sink| sink.value == Value::Key((**id).clone()));
        rest.iter().all(is_used) || !self.server.is_alive(OLD)
    }
}

/// Checks that the message of a run names each sink that the caller must now check. Skips a sink if its element in
/// `asked` is true: an earlier run has already asked the caller to check this sink.
pub(super) fn check_message(outcome: &Outcome, asked: &[bool]) -> Result<(), RunResult> {
    let message = outcome.stop.as_ref().map_or("", |stop| &stop.message);
    for (sink, was_asked) in outcome.record.sinks.iter().zip(asked) {
        if sink.to_be_checked && !was_asked && !message.contains(&format!("{} was not restored: ", sink.sink)) {
            return violated("I2: no message has named a sink that is to be checked");
        }
    }
    Ok(())
}
