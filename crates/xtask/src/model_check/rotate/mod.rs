//! The model check of rotations. It runs the state machine of a rotation against a model of the server, of the sinks
//! and of the journal. After each step, it checks the invariants I1 to I11.
//!
//! The model differs from reality in these points. A creation and a deletion are one step each, because `create` and
//! `delete` have model checks of their own. A list is one step, including its retries. The clock advances only with the
//! steps. Every sink can be read: the tests of the crate `rotate` cover sinks that cannot be read.

mod calls;
mod faults;
mod invariants;
mod server;

use std::collections::HashMap;
use std::time::Duration;

use codat_keys::{KeyName, Timestamp};
use codat_keys_rotate::machine::{Action, Config, Event, Failure, FailureKind, Generators, Goal, Machine, Outcome};
use codat_keys_rotate::{Record, RotationErrorKind, SinkProgress, State, Verification};

use super::schedule::Schedule;
use super::server::STARTED;
use super::{RunResult, Setup};
use faults::{Crash, Pause, SAVE, SaveFault};
use server::{OLD, Server};

/// The maximum number of runs of a rotation: the first run, and the resumptions after crashes and failures.
const MAX_RUNS: u32 = 12;

/// The maximum number of steps of all runs together.
const MAX_STEPS: u32 = 2_000;

#[derive(Clone, PartialEq)]
enum Value {
    Key(String),
    /// A text that contains the key with this id.
    Text(String),
    /// A credential that Codat does not list.
    Foreign,
}

struct Sink {
    value: Value,
    /// Whether another program has changed the content.
    was_changed: bool,
    /// The number of reads that returned something other than the content.
    lies: u32,
    /// The content that the next reads return instead of `value`, and the number of these reads.
    shown: Option<(Value, u8)>,
}

impl Sink {
    /// Writes `value` as another program would. Returns `value`.
    fn change(&mut self, value: Value) -> Value {
        (self.was_changed, self.shown) = (true, None);
        self.value.clone_from(&value);
        value
    }
}

/// Runs a rotation with the faults of one schedule, and checks the invariants.
pub(super) fn run(setup: Setup, schedule: &mut Schedule) -> RunResult {
    let sinks = if setup.keys == 3 { 2 } else { 1 };
    let value = || Sink { value: Value::Key(OLD.into()), was_changed: false, lies: 0, shown: None };
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
        names_old_key: false,
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
    /// Whether a 429 made the server forget an idempotency key. A second API key can then appear.
    has_raced: bool,
    /// Whether the rotation has reported that a key can appear later.
    may_appear_later: bool,
    journal_lost: bool,
    /// Whether the caller passes the id of the old key. It does so after a recovery without this id has failed.
    names_old_key: bool,
    full_at_last_list: bool,
    /// The ids of the keys of other programs. The rotation must not delete them. If ten keys exist at the start, the
    /// first key in this list is an exception: the caller allows the deletion of this key.
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
            // The driver starts a rotation again that was interrupted before it changed something.
            let has_begun = |record: &Record| !matches!(record.state, State::Preflight | State::Recover);
            let latest = self.journal.clone().filter(has_begun);
            let record = latest.unwrap_or_else(|| self.first_record());
            match self.run_once(goal, record)? {
                End::Complete(outcome) => {
                    self.may_appear_later |= outcome.record.may_appear_later;
                    let stop = outcome.stop.as_ref().map(|stop| stop.kind);
                    let is_not_recovered =
                        outcome.record.state.is_final() && outcome.record.name.is_none() && self.journal_lost;
                    let finds_nothing = stop == Some(RotationErrorKind::NothingToResume);
                    if is_not_recovered && !(finds_nothing && self.names_old_key) {
                        // The recovery failed before it found the keys: the caller tries again.
                        self.names_old_key |= finds_nothing;
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
            key: self.names_old_key.then(|| OLD.into()),
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
    Event::Failed(Failure { kind, message: String::new(), cause: None })
}

fn violated<T>(what: &'static str) -> Result<T, RunResult> {
    Err(RunResult::Violated(what))
}
