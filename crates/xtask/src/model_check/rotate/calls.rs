//! The calls of Codat's API and of the sinks, with the faults of the schedule.

use codat_keys_rotate::SinkContent;
use codat_keys_rotate::machine::{Caller, Event, FailureKind};

use super::faults::{
    CREATE, Crash, CreateFault, DELETE, DeleteFault, LATE_READS, LIST, ListFault, READ, ReadFault, WRITE, WriteFault,
};
use super::server::{Cached, OLD};
use super::{Memory, Model, Value, failed};

impl Model<'_> {
    pub(super) fn list(&mut self, caller: &Caller, memory: &mut Memory) -> Event {
        let fault = self.schedule.choose(&LIST);
        let new = self.journal.as_ref().and_then(|record| record.new_key.clone());
        match fault {
            ListFault::Failed => return failed(FailureKind::Temporary),
            ListFault::Rejected => return failed(FailureKind::Rejected),
            ListFault::ForeignCreator => self.add_foreign(),
            ListFault::ForeignCreators => (0..10).for_each(|_| self.add_foreign()),
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
        Event::Listed(keys)
    }

    /// Returns the id of the key with which a caller authenticates. If there are two sinks, the client reads its key
    /// from the first sink. Otherwise, the client uses the old key.
    pub(super) fn key_of(&self, caller: &Caller, memory: &Memory) -> Result<String, Event> {
        let source = match &self.sinks[0].value {
            Value::Key(id) if self.sinks.len() == 2 => id.clone(),
            Value::Foreign | Value::Text(_) if self.sinks.len() == 2 => "unlisted".into(),
            _ => OLD.into(),
        };
        match caller {
            Caller::Source => Ok(source),
            Caller::Key(id) if memory.secrets.contains(id) => Ok(id.clone()),
            Caller::Sink(sink) if memory.read[*sink].is_some() => Ok(memory.read[*sink].clone().unwrap_or_default()),
            _ => Err(failed(FailureKind::UnknownSecret)),
        }
    }

    pub(super) fn add_foreign(&mut self) {
        self.server.add_foreign();
        if let Some(key) = self.server.keys.last().filter(|key| key.name == "foreign") {
            self.foreign.push(key.id.clone());
        }
        self.foreign.dedup();
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
            CreateFault::Unknown(effect) => {
                self.server.create_with(effect, idempotency_key, name);
                return Some(failed(FailureKind::Unknown));
            }
            CreateFault::Spent(effect) => {
                self.server.fail_creation(effect, idempotency_key, name);
                return Some(failed(FailureKind::Spent));
            }
            CreateFault::LimitReached => (0..10).for_each(|_| self.add_foreign()),
            CreateFault::Crash(Crash::Before(pause)) => return self.crash(Crash::Before(pause)),
            _ => {}
        }
        // The core lists the keys before the first request.
        if !is_resumed && self.server.is_full() {
            return Some(failed(FailureKind::KeyLimitReached));
        }
        let created = self.server.create(idempotency_key, name);
        if let CreateFault::Race(effect) = fault {
            self.has_raced = true;
            self.server.create_anyway(effect, name);
        }
        if let CreateFault::Crash(crash) = fault {
            return self.crash(crash);
        }
        Some(match created {
            Cached::Made(id) => {
                match fault {
                    CreateFault::WorksLate => self.server.set_works_in(&id, Some(12)),
                    CreateFault::NeverWorks => self.server.set_works_in(&id, None),
                    _ => {}
                }
                memory.secrets.push(id.clone());
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
        }
        memory.read[sink] = match &value {
            Value::Key(id) => Some(id.clone()),
            Value::Foreign => Some("unlisted".into()),
            Value::Text(_) => None,
        };
        Event::Content(match value {
            Value::Key(id) if memory.secrets.contains(&id) => SinkContent::Key(id),
            Value::Key(_) | Value::Foreign => SinkContent::UnknownCredential,
            Value::Text(id) if memory.secrets.contains(&id) => SinkContent::KeysInText(vec![id]),
            Value::Text(_) => SinkContent::Other,
        })
    }

    pub(super) fn write(&mut self, sink: usize, id: &str, memory: &Memory) -> Option<Event> {
        if !memory.secrets.iter().any(|secret| secret == id) {
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
            // The sink claims a write that it has not made, and shows its content: no read can notice this.
            self.sinks[sink].lies += 2;
        }
        match fault {
            NoFault | Lies | ShownLate => Some(Event::Written),
            Temporary | TemporaryAfter => Some(failed(FailureKind::Temporary)),
            Permanent | PermanentAfter => Some(failed(FailureKind::Permanent)),
            WriteFault::Crash(crash) => self.crash(crash),
        }
    }
}
