//! The states that the search recognizes if a rotation reaches them again. One such state is the start of a run, when
//! the rotation knows only the journal. The other states are at places in the rules of the rotation where no local
//! variable is in use.

use std::hash::{DefaultHasher, Hash, Hasher};

use codat_keys::Timestamp;
use codat_keys_rotate::machine::Action;
use codat_keys_rotate::{Record, SinkProgress, State};

use super::super::RunResult;
use super::super::states::Visit;
use super::server::{FOREIGN_NAME, Key, Landing, OLD_NAME, Server};
use super::{MINUTE, Memory, Model, violated};

/// A place in the rules of the rotation. The rotation reaches the place when it has written a journal entry.
#[derive(Clone, Copy, Hash)]
pub(super) enum Place {
    /// The rotation has entered the state that the journal entry contains.
    Entered,
    /// The journal entry contains new progress of the delivery to the sink with this index.
    Sink(usize),
}

impl Model<'_> {
    /// Returns the place that the rotation reaches after an action. Returns `None` if the search recognizes no states
    /// there.
    pub(super) fn place_after(&self, action: &Action, memory: &mut Memory) -> Option<Place> {
        use State::{Confirm, Create, Deliver, Grace, Probe, Retire, Rollback};
        let (Action::Save(record), Some(before)) = (action, &self.journal) else { return None };
        memory.went_forward |= (before.state, record.state) == (Rollback, Deliver);
        if record.state != before.state {
            let is_known = matches!(record.state, Create | Probe | Deliver | Confirm | Grace | Retire | Rollback);
            return is_known.then_some(Place::Entered);
        }
        let has_changed = |sink: &usize| record.sinks[*sink].progress != before.sinks[*sink].progress;
        let sink = (0..record.sinks.len()).find(has_changed)?;
        memory.begun[sink] |= before.sinks[sink].progress == SinkProgress::Pending;
        matches!(record.state, Deliver | Confirm | Rollback).then_some(Place::Sink(sink))
    }

    /// Advances the clock to the next minute. Returns the error [`RunResult::Explored`], which ends the run, if
    /// everything that can follow was already explored. `place` is `None` at the start of a run.
    pub(super) fn visit(&mut self, place: Option<(Place, &Memory)>) -> Result<(), RunResult> {
        self.time = (self.time / MINUTE + 1) * MINUTE;
        if !self.schedule.is_in_new_state() {
            return Ok(());
        }
        let hash = self.hash(place);
        match self.schedule.visit(hash) {
            Visit::Explore => Ok(()),
            Visit::Skip => Err(RunResult::Explored),
            Visit::Cycle => violated("I8: the rotation repeats itself"),
        }
    }

    fn hash(&self, place: Option<(Place, &Memory)>) -> u64 {
        let mut texts = Texts(vec![OLD_NAME.into(), FOREIGN_NAME.into()]);
        let mut state = DefaultHasher::new();
        place.hash(&mut state);
        self.journal.as_ref().map(|record| self.without_texts(record, &mut texts)).hash(&mut state);
        (self.run, self.goal as u8, &self.foreign, &self.sinks).hash(&mut state);
        (self.has_raced, self.may_appear_later, self.journal_lost, self.names_old_key).hash(&mut state);
        (self.full_at_last_list, &self.is_checked).hash(&mut state);
        for (key, (name, time)) in &self.idempotency_keys {
            (texts.number(key), texts.number(name), self.now().as_millisecond() - time).hash(&mut state);
        }
        hash_server(&self.server, &mut texts, &mut state);
        state.finish()
    }

    /// Returns a copy of a record for the hash of a state. Numbers replace the names and the idempotency keys. Times
    /// are relative to the current time of the model.
    fn without_texts(&self, record: &Record, texts: &mut Texts) -> Record {
        let mut record = record.clone();
        let since = |time: Timestamp| Timestamp::UNIX_EPOCH + time.duration_since(self.now());
        for attempt in &mut record.attempts {
            attempt.idempotency_key = texts.number(&attempt.idempotency_key).to_string();
            attempt.started = since(attempt.started);
        }
        record.name = record.name.map(|name| texts.number(&name).to_string());
        record.grace_until = record.grace_until.map(since);
        // The state machine only prints the reason.
        record.reason = None;
        record
    }
}

fn hash_server(server: &Server, texts: &mut Texts, state: &mut DefaultHasher) {
    let mut hash_keys = |keys: &[Key], state: &mut DefaultHasher| {
        for key in keys {
            (&key.id, texts.number(&key.name), key.created, key.works_in).hash(state);
        }
        keys.len().hash(state);
    };
    hash_keys(&server.keys, state);
    hash_keys(&server.before_newest_change, state);
    for (key, cached) in &server.cached {
        (texts.number(key), cached).hash(state);
    }
    for (steps, landing) in &server.landings {
        steps.hash(state);
        match landing {
            Landing::Create(key, new) => (texts.number(key), texts.number(&new.name), new.works_in).hash(state),
            Landing::CreateAnyway(new) => (texts.number(&new.name), new.works_in).hash(state),
            Landing::Delete(caller, id) => (caller, id).hash(state),
        }
    }
    (&server.ours, server.number, server.has_created_late, server.foreign_deleter).hash(state);
    (server.cached.len(), server.landings.len()).hash(state);
}

/// The names and idempotency keys of a state. These texts depend on earlier steps. The hash of the state therefore
/// contains the index of a text in this list instead of the text.
struct Texts(Vec<String>);

impl Texts {
    fn number(&mut self, text: &str) -> usize {
        self.0.iter().position(|known| known == text).unwrap_or_else(|| {
            self.0.push(text.into());
            self.0.len() - 1
        })
    }
}
