//! The calls of Codat's API and of the sinks, with the faults of the schedule.

use codat_keys_rotate::machine::{Caller, Cause, Event, Failure, FailureKind};
use codat_keys_rotate::{SinkContent, SinkError};

use super::faults::{
    CONFIRM, CREATE, ConfirmFault, Crash, CreateFault, DELETE, DeleteFault, Effect, LATE_READS, LIST, ListFault, READ,
    ReadFault, WORKS_IN, WRITE, WriteFault,
};
use super::server::{Cached, FOREIGN_NAME, New, OLD, OLD_NAME};
use super::{Memory, Model, UNREADABLE_SINK, Value, failed};

impl Model<'_> {
    pub(super) fn list(&mut self, caller: &Caller, memory: &mut Memory) -> Event {
        let fault = self.schedule.choose(&LIST);
        let new = self.journal.as_ref().and_then(|record| record.new_key.clone());
        match fault {
            ListFault::Failed => return failed(FailureKind::Temporary),
            ListFault::Rejected => return failed(FailureKind::Rejected),
            ListFault::ForeignCreator => self.add_foreign(FOREIGN_NAME),
            ListFault::ForeignNamesake => self.add_foreign(OLD_NAME),
            ListFault::ForeignCreators => (0..10).for_each(|_| self.add_foreign(FOREIGN_NAME)),
            ListFault::ForeignDeleted => {
                if let Some(id) = self.foreign.pop_if(|_| self.server.keys.len() > 1) {
                    self.server.remove(&id);
                }
            }
            ListFault::OldDeleted => self.server.delete_as_another(OLD),
            ListFault::NewDeleted => {
                if let Some(new) = new {
                    self.server.delete_as_another(&new);
                }
            }
            ListFault::None | ListFault::Stale => {}
        }
        let key = match self.key_of(caller, memory) {
            Ok(key) => key,
            Err(event) => return event,
        };
        if !self.server.works(&key) {
            return failed(FailureKind::Rejected);
        }
        let keys = self.server.list(&key, fault == ListFault::Stale);
        self.full_at_last_list = keys.len() >= codat_keys::MAX_KEYS;
        memory.secrets.extend(keys.iter().map(|key| key.id.clone()));
        let name = self.journal.as_ref().and_then(|record| record.name.as_ref());
        memory.listed.extend(keys.iter().map(|key| (key.id.clone(), name.is_some() && key.name.as_ref() == name)));
        Event::Listed(keys)
    }

    /// Returns the id of the key that `caller` stands for. [`Caller::Source`] stands for the content of the first sink
    /// in two cases: if there are two sinks, or if the only sink cannot be read. Otherwise, [`Caller::Source`] stands
    /// for the old key.
    pub(super) fn key_of(&self, caller: &Caller, memory: &Memory) -> Result<String, Event> {
        let follows = self.sinks.len() == 2 || self.setup.keys == UNREADABLE_SINK;
        let source = match &self.sinks[0].value {
            Value::Key(id) if follows => id.clone(),
            Value::Foreign | Value::Text(_) | Value::Nothing if follows => "unlisted".into(),
            _ => OLD.into(),
        };
        match caller {
            Caller::Source => Ok(source),
            Caller::Key(id) if memory.secrets.contains(id) => Ok(id.clone()),
            Caller::Sink(sink) if memory.read[*sink].is_some() => Ok(memory.read[*sink].clone().unwrap_or_default()),
            _ => Err(failed(FailureKind::UnknownSecret)),
        }
    }

    fn add_foreign(&mut self, name: &str) {
        self.foreign.extend(self.server.add_foreign(name));
    }

    pub(super) fn create(
        &mut self,
        caller: &Caller,
        name: &str,
        idempotency_key: &str,
        is_resumed: bool,
        memory: &mut Memory,
    ) -> Option<Event> {
        let fault = self.schedule.choose(&CREATE);
        let known_nothing = if is_resumed { FailureKind::Unknown } else { FailureKind::Temporary };
        let key = match self.key_of(caller, memory) {
            Ok(key) => key,
            Err(event) => return Some(event),
        };
        if !self.server.works(&key) {
            let kind = if is_resumed { FailureKind::Unknown } else { FailureKind::Rejected };
            return Some(failed(kind));
        }
        match fault {
            CreateFault::NotCreated => return Some(failed(known_nothing)),
            CreateFault::Unknown(Effect::Never) => return Some(failed(FailureKind::Unknown)),
            CreateFault::LimitReached => (0..10).for_each(|_| self.add_foreign(FOREIGN_NAME)),
            CreateFault::Crash(Crash::Before(pause)) => return self.crash(Crash::Before(pause)),
            _ => {}
        }
        let new = New { name: name.into(), works_in: self.schedule.choose(&WORKS_IN) };
        match fault {
            CreateFault::Unknown(effect) => {
                self.server.create_with(effect, idempotency_key, new);
                return Some(failed(FailureKind::Unknown));
            }
            CreateFault::Spent(effect) => {
                self.server.fail_creation(effect, idempotency_key, new);
                return Some(failed(FailureKind::Spent));
            }
            _ => {}
        }
        // The core lists the keys before the first request.
        if !is_resumed && self.server.is_full() {
            return Some(failed(FailureKind::KeyLimitReached));
        }
        let created = self.server.create(idempotency_key, new.clone());
        match fault {
            CreateFault::Race(effect) | CreateFault::UnknownRace(effect) => {
                self.has_raced = true;
                self.server.create_anyway(effect, new);
            }
            CreateFault::Crash(crash) => return self.crash(crash),
            _ => {}
        }
        Some(match created {
            _ if matches!(fault, CreateFault::UnknownRace(_)) => failed(FailureKind::Unknown),
            Cached::Made(id) => {
                memory.secrets.insert(id.clone());
                Event::Created(id)
            }
            Cached::Failed => failed(FailureKind::Spent),
            Cached::AtLimit => failed(FailureKind::Unknown),
        })
    }

    pub(super) fn delete(&mut self, caller: &Caller, id: &str) -> Option<Event> {
        let Caller::Key(caller) = caller else { unreachable!("checked before") };
        let fault = self.schedule.choose(&DELETE);
        if !self.server.works(caller) {
            return Some(failed(FailureKind::Rejected));
        }
        match fault {
            DeleteFault::NotDeleted => return Some(failed(FailureKind::Temporary)),
            DeleteFault::NotFound => return Some(failed(FailureKind::NotFound)),
            DeleteFault::Unknown(effect) => {
                self.server.delete_with(effect, caller, id);
                return Some(failed(FailureKind::Unknown));
            }
            DeleteFault::Crash(Crash::Before(pause)) => return self.crash(Crash::Before(pause)),
            DeleteFault::None | DeleteFault::Crash(_) => {}
        }
        let is_found = self.server.is_alive(id);
        self.server.delete(caller, id);
        match fault {
            DeleteFault::Crash(crash) => self.crash(crash),
            _ if is_found => Some(Event::Deleted),
            _ => Some(failed(FailureKind::NotFound)),
        }
    }

    pub(super) fn read(&mut self, sink: usize, memory: &mut Memory) -> Event {
        let new = self.journal.as_ref().and_then(|record| record.new_key.clone());
        let own = &mut self.sinks[sink];
        let mut value = own.shown.as_ref().map_or(&own.value, |(value, _)| value).clone();
        own.shown = own.shown.take().and_then(|(value, left)| Some((value, left.checked_sub(1)?)));
        match self.schedule.choose(&READ) {
            ReadFault::None => {}
            ReadFault::Temporary => return failed(FailureKind::Temporary),
            ReadFault::Permanent => return failed(FailureKind::Permanent),
            ReadFault::Lies => {
                own.lies += 1;
                value = new.map_or(value, Value::Key);
            }
            ReadFault::Changed => value = own.change(Value::Foreign),
            ReadFault::ChangedBack => value = own.change(Value::Key(OLD.into())),
            ReadFault::OtherForm => {
                if let Value::Key(id) = &own.value {
                    value = own.change(Value::Text(id.clone()));
                }
            }
            ReadFault::Emptied => value = own.change(Value::Nothing),
            ReadFault::Conceals => own.is_concealed = true,
        }
        if own.is_concealed {
            memory.read[sink] = None;
            return Event::Content(SinkContent::Other);
        }
        memory.read[sink] = match &value {
            Value::Key(id) => Some(id.clone()),
            Value::Foreign => Some("unlisted".into()),
            Value::Text(_) | Value::Nothing => None,
        };
        Event::Content(match value {
            Value::Key(id) if memory.secrets.contains(&id) => SinkContent::Key(id),
            Value::Key(_) | Value::Foreign => SinkContent::UnknownCredential,
            Value::Text(id) if memory.secrets.contains(&id) => SinkContent::KeysInText(vec![id]),
            Value::Text(_) => SinkContent::Other,
            Value::Nothing => SinkContent::Nothing,
        })
    }

    pub(super) fn write(&mut self, sink: usize, id: &str, memory: &mut Memory) -> Option<Event> {
        if !memory.secrets.contains(id) {
            return Some(failed(FailureKind::UnknownSecret));
        }
        let fault = self.schedule.choose(&WRITE);
        use WriteFault::{Lies, None as NoFault, Permanent, PermanentAfter, ShownLate, Temporary, TemporaryAfter};
        if matches!(fault, NoFault | ShownLate | TemporaryAfter | PermanentAfter | WriteFault::Crash(Crash::After(_))) {
            let own = &mut self.sinks[sink];
            if fault == ShownLate {
                own.shown = Some((own.value.clone(), LATE_READS));
            }
            own.value = Value::Key(id.into());
            // If the sink shows the content of another program, the rotation asks its user to check the sink.
            own.was_changed &= own.shown.is_some();
        }
        if fault == Lies && self.sinks[sink].shown.is_some() {
            // The sink reports a write that it has not made, and reads show an earlier content. The rotation cannot
            // notice this.
            self.sinks[sink].lies += 2;
        }
        match fault {
            NoFault | Lies | ShownLate => {
                let new = self.journal.as_ref().and_then(|record| record.new_key.as_deref());
                memory.written[sink] |= new == Some(id);
                Some(Event::Written)
            }
            Temporary | TemporaryAfter => Some(refused(SinkError::temporary(""))),
            Permanent | PermanentAfter => Some(refused(SinkError::permanent(""))),
            WriteFault::Crash(crash) => self.crash(crash),
        }
    }

    /// Asks a sink whether the programs that use the sink have the key `id`.
    pub(super) fn confirm(&mut self, sink: usize, id: &str, memory: &Memory) -> Event {
        if !memory.secrets.contains(id) {
            return failed(FailureKind::UnknownSecret);
        }
        let has_key = self.sinks[sink].value == Value::Key(id.into());
        match self.schedule.choose(&CONFIRM) {
            ConfirmFault::None => Event::Confirmed(has_key),
            ConfirmFault::NotYet => Event::Confirmed(false),
            ConfirmFault::Temporary => failed(FailureKind::Temporary),
            ConfirmFault::Permanent => failed(FailureKind::Permanent),
        }
    }
}

/// Returns the event of a write that has ended with an error of the sink.
fn refused(error: SinkError) -> Event {
    let kind = if error.is_permanent() { FailureKind::Permanent } else { FailureKind::Temporary };
    Event::Failed(Failure { kind, message: String::new(), cause: Some(Cause::Sink(error)) })
}
