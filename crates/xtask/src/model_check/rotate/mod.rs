//! The model check of rotations. It runs the state machine of a rotation against a model of the server, of the sinks
//! and of the journal, and checks the invariants I1 to I11 after each step.
//!
//! The model differs from reality in these points. A creation and a deletion are one step each, because `create` and
//! `delete` have model checks of their own. A list is one step, including its retries. The clock advances only with the
//! steps. Every sink can be read: the tests of the crate `rotate` cover sinks that cannot be read.

mod faults;
mod server;

use std::collections::HashMap;
use std::time::Duration;

use codat_keys::{KeyName, Timestamp};
use codat_keys_rotate::machine::{
    Action, Caller, Config, Event, Failure, FailureKind, Generators, Goal, Machine, Outcome,
};
use codat_keys_rotate::{Record, RotationErrorKind, SinkContent, SinkProgress, State, Verification};

use super::schedule::Schedule;
use super::server::STARTED;
use super::{RunResult, Setup};
use faults::{
    AFTER_THE_END, CREATE, Crash, CreateFault, DELETE, DeleteFault, LIST, ListFault, Pause, READ, ReadFault, SAVE,
    SaveFault, WRITE, WriteFault,
};
use server::{Cached, OLD, Server};

/// The maximum number of runs of a rotation: the first one, and resumptions after crashes and failures.
const MAX_RUNS: u32 = 12;

/// The maximum number of steps of all runs together.
const MAX_STEPS: u32 = 2_000;

#[derive(Clone, PartialEq)]
enum Value {
    Key(String),
    /// A credential that Codat does not list.
    Foreign,
}

struct Sink {
    value: Value,
    /// Whether another program has changed the content.
    was_changed: bool,
    /// The number of reads that returned something else than the content.
    lies: u32,
}

/// Runs a rotation with the faults of one schedule, and checks the invariants.
pub(super) fn run(setup: Setup, schedule: &mut Schedule) -> RunResult {
    let sinks = if setup.keys == 3 { 2 } else { 1 };
    let value = || Sink { value: Value::Key(OLD.into()), was_changed: false, lies: 0 };
    let mut model = Model {
        setup,
        schedule,
        server: Server::new(setup.keys),
        sinks: (0..sinks).map(|_| value()).collect(),
        journal: None,
        time: 0,
        idempotency_keys: HashMap::new(),
        has_raced: false,
        may_appear_later: false,
        journal_lost: false,
        full_at_last_list: false,
        foreign: Vec::new(),
    };
    model.foreign = model.server.keys.iter().map(|key| key.id.clone()).filter(|id| id != OLD).collect();
    model.run().unwrap_or_else(|violated| violated)
}

struct Model<'a> {
    setup: Setup,
    schedule: &'a mut Schedule,
    server: Server,
    sinks: Vec<Sink>,
    /// The latest record of the journal.
    journal: Option<Record>,
    /// The time since the start, in milliseconds.
    time: i64,
    /// For each idempotency key, the name and the time of its first request.
    idempotency_keys: HashMap<String, (String, i64)>,
    /// Whether a 429 made the server forget an idempotency key, so that a further key can appear.
    has_raced: bool,
    /// Whether the rotation has reported that a key can appear later.
    may_appear_later: bool,
    journal_lost: bool,
    full_at_last_list: bool,
    /// The ids of the keys of other programs. The rotation must not delete them. If ten keys exist at the start, the
    /// first one is an exception: the caller allows its deletion.
    foreign: Vec<String>,
}

/// How a run of the rotation ended.
enum End {
    Complete(Box<Outcome>),
    Crashed,
}

impl Model<'_> {
    fn run(&mut self) -> Result<RunResult, RunResult> {
        let mut goal = Goal::Continue;
        for run in 0..MAX_RUNS {
            let record = self.journal.clone().unwrap_or_else(|| self.first_record());
            match self.run_once(goal, record)? {
                End::Complete(outcome) => {
                    self.may_appear_later |= outcome.record.may_appear_later;
                    let stop = outcome.stop.as_ref().map(|stop| stop.kind);
                    if outcome.record.state.is_final()
                        && outcome.record.name.is_none()
                        && self.journal_lost
                        && stop != Some(RotationErrorKind::NothingToResume)
                    {
                        // The recovery failed before it found the keys: the caller tries again.
                        self.journal = None;
                    } else if outcome.record.state.is_final() {
                        return self.check_end(&outcome);
                    }
                    self.time += 10 * 60 * 1000;
                }
                End::Crashed if self.journal.is_none() => continue,
                End::Crashed => {}
            }
            goal = if self.setup.option || run >= MAX_RUNS / 2 { Goal::Abort } else { Goal::Finish };
        }
        if self.is_excused() { Ok(RunResult::Held) } else { Err(RunResult::Violated("I8: the rotation does not end")) }
    }

    /// Returns whether another program may have prevented the end of the rotation: it deleted a key, or changed a sink.
    fn is_excused(&self) -> bool {
        self.server.foreign_deleter || self.sinks.iter().any(|sink| sink.was_changed)
    }

    fn first_record(&self) -> Record {
        let sinks: Vec<_> = (0..self.sinks.len())
            .map(|sink| serde_json::json!({"sink": sink.to_string(), "progress": SinkProgress::Pending}))
            .collect();
        let record = serde_json::json!({
            "state": if self.journal_lost { State::Recover } else { State::Preflight }, "base_url": "", "started": "2026-01-01T00:00:00Z", "sinks": sinks
        });
        serde_json::from_value(record).expect("a record")
    }

    fn run_once(&mut self, goal: Goal, record: Record) -> Result<End, RunResult> {
        let config = Config {
            verifications: vec![Verification::ReadBack; self.sinks.len()],
            key: None,
            base: None,
            delete_first: if self.setup.keys == 10 { vec![self.foreign[0].clone()] } else { Vec::new() },
            grace: Some(Duration::from_secs(60)),
            probe_timeout: Duration::from_secs(120),
            generators: Generators { name, idempotency_key },
        };
        let mut memory = Memory { read: vec![None; self.sinks.len()], secrets: Vec::new() };
        let mut machine = Machine::new(config, goal, record);
        for _ in 0..MAX_STEPS {
            let action = machine.next(self.now());
            let event = match action {
                Action::Complete(outcome) => return Ok(End::Complete(Box::new(outcome))),
                action => self.perform(action, &mut memory)?,
            };
            self.server.step();
            self.check_step()?;
            match event {
                Some(event) => machine.on_event(event),
                None => return Ok(End::Crashed),
            }
        }
        Err(RunResult::Violated("I8: a run does not end"))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(STARTED + self.time).expect("a valid time")
    }

    /// Performs an action with the faults of the schedule. Returns `None` if the process crashes.
    fn perform(&mut self, action: Action, memory: &mut Memory) -> Result<Option<Event>, RunResult> {
        self.time += 100;
        Ok(match action {
            Action::Save(record) => self.save(record),
            Action::List(caller) => Some(self.list(&caller, memory)),
            Action::Create { caller, name, idempotency_key, is_resumed } => {
                self.check_creation(&name, &idempotency_key, is_resumed)?;
                self.create(&caller, &name, &idempotency_key, is_resumed, memory)
            }
            Action::Delete { caller, id } => {
                self.check_deletion(&caller, &id)?;
                self.delete(&caller, &id)
            }
            Action::Read(sink) => Some(self.read(sink, memory)),
            Action::Write(sink, id) => self.write(sink, &id, memory),
            Action::Wait(time) => {
                self.time += time.as_millis() as i64;
                Some(Event::Waited)
            }
            Action::Confirm(..) | Action::Complete(_) => unreachable!("every sink of the model can be read"),
        })
    }

    fn save(&mut self, record: Record) -> Option<Event> {
        self.may_appear_later |= record.may_appear_later;
        match self.schedule.choose(&SAVE) {
            SaveFault::None => {
                self.journal = Some(record);
                Some(Event::Saved)
            }
            SaveFault::Crash(crash) => {
                if let Crash::After(_) = crash {
                    self.journal = Some(record);
                }
                self.crash(crash)
            }
            SaveFault::JournalLost => {
                self.journal_lost = true;
                self.journal = None;
                self.crash(Crash::After(Pause::Short))
            }
        }
    }

    fn crash(&mut self, crash: Crash) -> Option<Event> {
        if let Crash::Before(Pause::Hours) | Crash::After(Pause::Hours) = crash {
            self.server.forget();
            self.time += 95 * 60 * 1000;
        }
        None
    }

    fn list(&mut self, caller: &Caller, memory: &mut Memory) -> Event {
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
    /// from the first sink. Otherwise, it uses the old key.
    fn key_of(&self, caller: &Caller, memory: &Memory) -> Result<String, Event> {
        let source = match &self.sinks[0].value {
            Value::Key(id) if self.sinks.len() == 2 => id.clone(),
            Value::Foreign if self.sinks.len() == 2 => "unlisted".into(),
            _ => OLD.into(),
        };
        match caller {
            Caller::Source => Ok(source),
            Caller::Key(id) if memory.secrets.contains(id) => Ok(id.clone()),
            Caller::Sink(sink) if memory.read[*sink].is_some() => Ok(memory.read[*sink].clone().unwrap_or_default()),
            _ => Err(failed(FailureKind::UnknownSecret)),
        }
    }

    fn add_foreign(&mut self) {
        self.server.add_foreign();
        if let Some(key) = self.server.keys.last().filter(|key| key.name == "foreign") {
            self.foreign.push(key.id.clone());
        }
        self.foreign.dedup();
    }

    fn create(
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

    fn delete(&mut self, caller: &Caller, id: &str) -> Option<Event> {
        let Caller::Key(caller) = caller else { unreachable!("checked before") };
        let fault = self.schedule.choose(&DELETE);
        if !self.server.works(caller) {
            return Some(failed(FailureKind::Rejected));
        }
        match fault {
            DeleteFault::NotDeleted => return Some(failed(FailureKind::Temporary)),
            DeleteFault::Unknown(effect) => {
                self.server.delete_with(effect, caller, id);
                return Some(failed(FailureKind::Unknown));
            }
            DeleteFault::Crash(Crash::Before(pause)) => return self.crash(Crash::Before(pause)),
            DeleteFault::None | DeleteFault::Crash(_) => {}
        }
        self.server.delete(caller, id);
        match fault {
            DeleteFault::Crash(crash) => self.crash(crash),
            _ => Some(Event::Deleted),
        }
    }

    fn read(&mut self, sink: usize, memory: &mut Memory) -> Event {
        let new = self.journal.as_ref().and_then(|record| record.new_key.clone());
        let own = &mut self.sinks[sink];
        let mut value = own.value.clone();
        match self.schedule.choose(&READ) {
            ReadFault::None => {}
            ReadFault::Temporary => return failed(FailureKind::Temporary),
            ReadFault::Permanent => return failed(FailureKind::Permanent),
            ReadFault::Lies => {
                own.lies += 1;
                value = new.map_or(value, Value::Key);
            }
            ReadFault::Changed => {
                (own.was_changed, own.value) = (true, Value::Foreign);
                value = Value::Foreign;
            }
            ReadFault::ChangedBack => {
                (own.was_changed, own.value) = (true, Value::Key(OLD.into()));
                value = own.value.clone();
            }
        }
        memory.read[sink] = Some(match &value {
            Value::Key(id) => id.clone(),
            Value::Foreign => "unlisted".into(),
        });
        Event::Content(match value {
            Value::Key(id) if memory.secrets.contains(&id) => SinkContent::Key(id),
            Value::Key(_) | Value::Foreign => SinkContent::UnknownCredential,
        })
    }

    fn write(&mut self, sink: usize, id: &str, memory: &Memory) -> Option<Event> {
        if !memory.secrets.iter().any(|secret| secret == id) {
            return Some(failed(FailureKind::UnknownSecret));
        }
        let fault = self.schedule.choose(&WRITE);
        use WriteFault::{Lies, None as NoFault, Permanent, PermanentAfter, Temporary, TemporaryAfter};
        if matches!(fault, NoFault | TemporaryAfter | PermanentAfter | WriteFault::Crash(Crash::After(_))) {
            self.sinks[sink].value = Value::Key(id.into());
            self.sinks[sink].was_changed = false;
        }
        match fault {
            NoFault | Lies => Some(Event::Written),
            Temporary | TemporaryAfter => Some(failed(FailureKind::Temporary)),
            Permanent | PermanentAfter => Some(failed(FailureKind::Permanent)),
            WriteFault::Crash(crash) => self.crash(crash),
        }
    }

    /// I6 and I11.
    fn check_creation(&mut self, name: &str, idempotency_key: &str, is_resumed: bool) -> Result<(), RunResult> {
        let time = self.time;
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

    /// I4, I5 and I9.
    fn check_deletion(&mut self, caller: &Caller, id: &str) -> Result<(), RunResult> {
        match caller {
            Caller::Key(own) if own != id => {}
            _ => return violated("I5: a key is to delete itself"),
        }
        let is_named = self.setup.keys == 10 && self.foreign.first().is_some_and(|first| first == id);
        if id != OLD && !self.server.ours.contains(id) && !is_named {
            return violated("I9: the key of another program is to be deleted");
        }
        let new = self.journal.as_ref().and_then(|record| record.new_key.clone());
        let has_new = |sink: &Sink| matches!(&sink.value, Value::Key(value) if Some(value) == new.as_ref());
        let is_excused = |sink: &Sink| sink.was_changed || sink.lies > 1;
        if id == OLD && !self.sinks.iter().all(|sink| has_new(sink) || is_excused(sink)) {
            return violated("I4: the old key is to be deleted before all sinks have the new key");
        }
        if self.sinks.iter().any(|sink| sink.value == Value::Key(id.into()) && !is_excused(sink)) {
            return violated("I2: the key of a sink is to be deleted");
        }
        Ok(())
    }

    /// I1, I2 and I3.
    fn check_step(&self) -> Result<(), RunResult> {
        let server = &self.server;
        let alive = server.ours.iter().filter(|id| server.is_alive(id));
        let count = alive.clone().count();
        if !server.foreign_deleter {
            if !server.works(OLD) && !alive.clone().any(|id| server.works(id)) {
                return violated("I1: no key of the rotation works");
            }
            for sink in &self.sinks {
                if let Value::Key(id) = &sink.value
                    && !server.works(id)
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

    /// I3 and I8: the final state.
    fn check_end(&mut self, outcome: &Outcome) -> Result<RunResult, RunResult> {
        (0..AFTER_THE_END).for_each(|_| self.server.step());
        self.server.all_lands();
        let record = &outcome.record;
        let rest: Vec<&String> = self.server.ours.iter().filter(|id| self.server.is_alive(id)).collect();
        let kept = record.new_key.as_ref().filter(|_| record.state == State::Done);
        let orphans = rest.iter().filter(|id| Some(**id) != kept).count();
        let knows_nothing = outcome.stop.as_ref().is_some_and(|stop| stop.kind == RotationErrorKind::NothingToResume);
        if orphans > 0 {
            // With the journal, the rotation also loses the knowledge of a creation that is still on its way.
            let is_lost = self.journal_lost && (self.is_in_use(&rest) || self.server.has_created_late);
            let is_excused = self.has_raced || self.may_appear_later || is_lost;
            if !is_excused {
                return violated("I3: a key without use remains");
            }
            return Ok(RunResult::KnownRace);
        }
        if self.is_excused() || knows_nothing || self.sinks.iter().any(|sink| sink.lies > 1) {
            return Ok(RunResult::Held);
        }
        let expected = kept.cloned().unwrap_or_else(|| OLD.into());
        if !self.server.works(&expected) || (kept.is_some() && self.server.is_alive(OLD)) {
            return violated("I8: the number of keys has changed");
        }
        if self.sinks.iter().any(|sink| sink.value != Value::Key(expected.clone())) {
            return violated("I2: a sink does not have the key that remains");
        }
        for id in &self.foreign[usize::from(self.setup.keys == 10)..] {
            if !self.server.is_alive(id) {
                return violated("I9: the key of another program was deleted");
            }
        }
        Ok(RunResult::Held)
    }

    /// Returns whether all remaining keys are used by a sink, or the old key does not exist any more.
    fn is_in_use(&self, rest: &[&String]) -> bool {
        let is_used = |id: &&String| self.sinks.iter().any(|sink| sink.value == Value::Key((**id).clone()));
        rest.iter().all(is_used) || !self.server.is_alive(OLD)
    }
}

/// What the process keeps only in memory, and loses in a crash: the values of keys.
struct Memory {
    /// The id of the key that was last read from each sink.
    read: Vec<Option<String>>,
    /// The ids of the keys whose values the process knows.
    secrets: Vec<String>,
}

fn name(base: &str, now: Timestamp) -> Result<KeyName, codat_keys::Error> {
    // Each call has another tag, because the time advances with each step.
    let number = now.as_millisecond() as usize / 100;
    let letter = |position: u32| char::from(b"23456789ab"[(number >> (4 * position)) % 10]);
    KeyName::parse(&format!("{base}~20260101-{}{}{}{}", letter(0), letter(1), letter(2), letter(3)))
}

fn idempotency_key(now: Timestamp) -> String {
    now.to_string()
}

fn failed(kind: FailureKind) -> Event {
    Event::Failed(Failure { kind, message: String::new(), error: None })
}

fn violated<T>(what: &'static str) -> Result<T, RunResult> {
    Err(RunResult::Violated(what))
}
