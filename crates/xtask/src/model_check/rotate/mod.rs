//! The model check of rotations. It runs the state machine of a rotation against models of the server, the sinks and
//! the journal. During each run, this module checks the invariants I1 to I9 and I11.
//!
//! The model differs from reality in these points. A creation and a deletion are one step each, because `create` and
//! `delete` have model checks of their own. A list of the keys is one step, including the retries of the client. The
//! clock shows whole minutes, and advances to the next minute when the rotation enters a state. States that differ only
//! by seconds are therefore the same.

mod calls;
mod faults;
mod invariants;
mod server;
mod state;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use codat_keys::{KeyName, Timestamp};
use codat_keys_rotate::machine::{Action, Config, Event, Failure, FailureKind, Generators, Goal, Machine, Outcome};
use codat_keys_rotate::{Record, RotationErrorKind, SinkProgress, State, Verification};

use super::schedule::Schedule;
use super::server::STARTED;
use super::{RunResult, Setup};
use faults::{Crash, Pause, SAVE, SaveFault};
use invariants::check_message;
use server::{OLD, Server};

/// The maximum number of runs of a rotation: the first run, and the resumptions after crashes and failures.
const MAX_RUNS: u32 = 12;

/// The maximum number of steps of a run.
const MAX_STEPS: u32 = 2_000;

/// The value of [`Setup::keys`] for a rotation with two sinks. The client reads its key from the first sink.
const TWO_SINKS: usize = 3;

/// The value of [`Setup::keys`] for a rotation with two sinks, of which the second one is empty. The client reads its
/// key from the first sink.
const EMPTY_SINK: usize = 4;

/// The value of [`Setup::keys`] for a rotation with one sink that cannot be read. The sink can only tell whether the
/// programs that use the sink have a given key.
const UNREADABLE_SINK: usize = 5;

/// A minute in milliseconds.
const MINUTE: i64 = 60 * 1000;

thread_local! {
    /// The number of names and idempotency keys that were generated since the current schedule started.
    static MADE: Cell<u32> = const { Cell::new(0) };
}

#[derive(Clone, PartialEq, Hash)]
enum Value {
    Key(String),
    /// A text that contains the key with this id.
    Text(String),
    /// A credential that Codat does not list.
    Foreign,
    Nothing,
}

#[derive(Hash)]
struct Sink {
    value: Value,
    /// Whether the sink was empty before the rotation.
    was_empty: bool,
    /// Whether another program has changed the content, and the rotation has not overwritten this change.
    was_changed: bool,
    /// Whether another program has ever changed the content.
    was_ever_changed: bool,
    /// The number of reads that returned something other than the content.
    lies: u32,
    /// Whether reads show a text without the key, such as asterisks, instead of the content.
    is_concealed: bool,
    /// The content that the next reads return instead of `value`, and the number of these reads.
    shown: Option<(Value, u8)>,
}

impl Sink {
    /// Writes `value` as another program would. Returns `value`.
    fn change(&mut self, value: Value) -> Value {
        (self.was_changed, self.was_ever_changed, self.shown) = (true, true, None);
        self.value.clone_from(&value);
        value
    }
}

/// Runs a rotation with the faults of one schedule, and checks the invariants.
pub(super) fn run(setup: Setup, schedule: &mut Schedule) -> RunResult {
    MADE.set(0);
    let sink = |value: Value| Sink {
        was_empty: value == Value::Nothing,
        value,
        was_changed: false,
        was_ever_changed: false,
        lies: 0,
        is_concealed: false,
        shown: None,
    };
    let old = || sink(Value::Key(OLD.into()));
    let sinks = match setup.keys {
        TWO_SINKS => vec![old(), old()],
        EMPTY_SINK => vec![old(), sink(Value::Nothing)],
        _ => vec![old()],
    };
    let server = Server::new(setup.keys);
    let is_checked = vec![false; sinks.len()];
    let mut foreign: Vec<String> = server.keys.iter().map(|key| key.id.clone()).filter(|id| id != OLD).collect();
    let named = (setup.keys == codat_keys::MAX_KEYS).then(|| foreign.remove(0));
    let mut model = Model {
        setup,
        schedule,
        server,
        sinks,
        journal: None,
        time: 0,
        run: 0,
        goal: Goal::Continue,
        idempotency_keys: BTreeMap::new(),
        has_raced: false,
        may_appear_later: false,
        journal_lost: false,
        names_old_key: false,
        full_at_last_list: false,
        is_checked,
        foreign,
        named,
    };
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
    /// The number of the current run. Each crash and each failure ends a run.
    run: u32,
    goal: Goal,
    /// For each idempotency key, the name in the first request and the time of this request.
    idempotency_keys: BTreeMap<String, (String, i64)>,
    /// Whether a response with 429 made the server forget an idempotency key. A second API key can then appear.
    has_raced: bool,
    /// Whether the rotation has reported that a key can appear later.
    may_appear_later: bool,
    journal_lost: bool,
    /// Whether the configuration of the rotation contains the id of the old key. If a recovery without this id fails,
    /// the caller adds the id.
    names_old_key: bool,
    full_at_last_list: bool,
    /// For each sink, whether a message asked the caller to check this sink, and the caller then aborted the rotation.
    is_checked: Vec<bool>,
    /// The ids of the keys of other programs. The rotation must not delete these keys.
    foreign: Vec<String>,
    /// The id of a key of another program. The caller allows the rotation to delete this key if ten keys exist at the
    /// start, because ten is Codat's limit. `None` if fewer keys exist at the start.
    named: Option<String>,
}

/// How a run of the rotation ended.
enum End {
    Complete(Box<Outcome>),
    Crashed,
}

impl Model<'_> {
    fn run(&mut self) -> Result<RunResult, RunResult> {
        for run in 0..MAX_RUNS {
            self.run = run;
            if run > 0 {
                self.visit(None)?;
            }
            // If a rotation was interrupted before it changed anything, the driver starts the rotation again.
            let has_begun = |record: &Record| !matches!(record.state, State::Preflight | State::Recover);
            let latest = self.journal.clone().filter(has_begun);
            let record = latest.unwrap_or_else(|| self.first_record());
            match self.run_once(record)? {
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
                    self.time += 10 * MINUTE;
                }
                End::Crashed if self.journal.is_none() => continue,
                End::Crashed => {}
            }
            self.goal = if self.setup.option || run >= MAX_RUNS / 2 { Goal::Abort } else { Goal::Finish };
        }
        // A process that knows no working key reads the keys in the sinks. It finds no key in a sink that conceals its key.
        let can_prevent = |sink: &Sink| sink.was_ever_changed || sink.lies > 1 || sink.is_concealed;
        if self.is_excused() || self.sinks.iter().any(can_prevent) {
            return Ok(RunResult::Held);
        }
        violated("I8: the rotation does not end")
    }

    /// Returns whether another program has deleted the old or the new key, or has changed a sink. In these cases, the
    /// rotation may be unable to end.
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

    fn run_once(&mut self, record: Record) -> Result<End, RunResult> {
        let verification =
            if self.setup.keys == UNREADABLE_SINK { Verification::Confirm } else { Verification::ReadBack };
        let config = Config {
            verifications: vec![verification; self.sinks.len()],
            key: self.names_old_key.then(|| OLD.into()),
            base: None,
            delete_first: self.named.iter().cloned().collect(),
            grace: Some(Duration::from_secs(60)),
            probe_timeout: Duration::from_secs(120),
            generators: Generators { name, idempotency_key },
        };
        let mut memory = Memory::new(self.sinks.len());
        let asked: Vec<bool> = record.sinks.iter().map(|sink| sink.to_be_checked).collect();
        self.is_checked
            .iter_mut()
            .zip(&asked)
            .for_each(|(is_checked, asked)| *is_checked |= *asked && self.goal == Goal::Abort);
        // The driver does not abort a rotation while the journal of the rotation is being rebuilt.
        let goal = if record.state == State::Recover { Goal::Continue } else { self.goal };
        let mut machine = Machine::new(config, goal, record);
        for _ in 0..MAX_STEPS {
            let action = machine.next(self.now());
            let place = self.place_after(&action, &mut memory);
            self.schedule.trace(|| described(&action));
            let event = match action {
                Action::Complete(outcome) => {
                    check_message(&outcome, &asked)?;
                    return Ok(End::Complete(Box::new(outcome)));
                }
                action => self.perform(action, &mut memory)?,
            };
            self.schedule.trace(|| event.as_ref().map_or("  crash".into(), |event| format!("  {event:?}")));
            self.server.step();
            self.check_step()?;
            match event {
                Some(event) => machine.on_event(event),
                None => return Ok(End::Crashed),
            }
            if let Some(place) = place {
                self.visit(Some((place, &memory)))?;
            }
        }
        Err(RunResult::Violated("I8: a run does not end"))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(STARTED + self.time / MINUTE * MINUTE).expect("a valid time")
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
            Action::Confirm(sink, id) => Some(self.confirm(sink, &id, memory)),
            Action::Complete(_) => unreachable!("the run has ended"),
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
            self.time += 95 * MINUTE;
        }
        None
    }
}

/// What the process keeps only in memory, and loses in a crash.
#[derive(Hash)]
struct Memory {
    /// For each sink, the id of the key that was last read from the sink.
    read: Vec<Option<String>>,
    /// The ids of the keys whose values the process knows.
    secrets: BTreeSet<String>,
    /// For each listed key, the id, and whether the key had the tag of the rotation.
    listed: BTreeSet<(String, bool)>,
    /// For each sink, whether the sink has reported a successful write of the new key.
    written: Vec<bool>,
    /// For each sink, whether the first write to the sink has begun.
    begun: Vec<bool>,
    /// Whether the rotation has returned from the rollback to the delivery of the new key.
    went_forward: bool,
}

impl Memory {
    fn new(sinks: usize) -> Self {
        Self {
            read: vec![None; sinks],
            secrets: BTreeSet::new(),
            listed: BTreeSet::new(),
            written: vec![false; sinks],
            begun: vec![false; sinks],
            went_forward: false,
        }
    }
}

/// Returns the next number for a name or an idempotency key. The numbers begin at 1 in each schedule, so a repeated
/// schedule gets the same numbers.
fn number() -> u32 {
    MADE.set(MADE.get() + 1);
    MADE.get()
}

fn name(base: &str, _now: Timestamp) -> Result<KeyName, codat_keys::Error> {
    let number = number();
    let letter = |divisor: u32| char::from(b"23456789ab"[(number / divisor % 10) as usize]);
    KeyName::parse(&format!("{base}~20260101-{}{}{}{}", letter(1000), letter(100), letter(10), letter(1)))
}

fn idempotency_key(_now: Timestamp) -> String {
    format!("{:04}", number())
}

/// Returns a line about an action.
fn described(action: &Action) -> String {
    match action {
        Action::Save(record) => {
            let sinks: Vec<SinkProgress> = record.sinks.iter().map(|sink| sink.progress).collect();
            format!("Save({:?}, {:?}, {sinks:?})", record.state, record.new_key)
        }
        action => format!("{action:?}"),
    }
}

fn failed(kind: FailureKind) -> Event {
    Event::Failed(Failure { kind, message: String::new(), cause: None })
}

fn violated<T>(what: &'static str) -> Result<T, RunResult> {
    Err(RunResult::Violated(what))
}
