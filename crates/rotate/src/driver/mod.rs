//! The driver of the state machine: it performs the I/O.

mod calls;
mod journal;

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use codat_keys::internal::holds_credential;
use codat_keys::{Client, KeyId, MAX_KEYS, Timestamp};
use serde::Serialize;

use crate::error::{RotationError, RotationErrorKind};
use crate::event::RotationEvent;
use crate::journal::JournalStore;
use crate::machine::{Action, Config, Event, Generators, Goal, Machine, Outcome, Stop};
use crate::name;
use crate::record::{Record, SinkProgress, SinkRecord, State};
use crate::report::{Report, Status};
use crate::sink::{Sink, SinkContent, Verification};
use calls::Calls;
use journal::HeldJournal;

/// How long a rotation keeps the old key after all [sinks](crate::Sink) have the new key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grace {
    /// The old key works until the caller runs [`Rotation::finish`](crate::Rotation::finish). Programs that read their
    /// key only when they start use the old key until they are restarted.
    #[default]
    UntilFinish,
    /// The old key is deleted immediately.
    None,
    /// The run waits for this time, and then deletes the old key.
    For(Duration),
}

impl Grace {
    /// Returns how long the old key is kept. Returns `None` for [`Grace::UntilFinish`].
    fn period(self) -> Option<Duration> {
        match self {
            Self::UntilFinish => None,
            Self::None => Some(Duration::ZERO),
            Self::For(time) => Some(time),
        }
    }
}

/// What a rotation would do. Returned by [`Rotation::plan`](crate::Rotation::plan).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The id of the key to replace.
    pub old_key: String,
    /// The name that the new key would have. The random characters at the end of the name change with each call of
    /// [`Rotation::plan`](crate::Rotation::plan).
    pub name: String,
    /// The number of keys that exist.
    pub keys: usize,
    /// The ids of the keys that would be deleted before the new key is created, because ten keys exist.
    pub delete_first: Vec<String>,
    /// The sinks, in the order of delivery.
    pub sinks: Vec<SinkPlan>,
}

/// What a rotation would do with a sink.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SinkPlan {
    /// The [description](crate::Sink::describe) of the sink.
    pub sink: String,
    /// Whether the rotation can read the sink. If not, the rotation calls [`Sink::confirm`](crate::Sink::confirm) after
    /// the delivery.
    pub reads_back: bool,
    /// What the sink contains now.
    pub content: SinkContent,
}

pub(crate) enum Command {
    Start,
    Resume,
    Finish,
    Abort,
    Recover,
}

/// The checked options of a rotation.
pub(crate) struct Options {
    pub(crate) client: Client,
    pub(crate) key: Option<KeyId>,
    pub(crate) name: Option<String>,
    pub(crate) sinks: Vec<Arc<dyn Sink>>,
    /// The texts of [`Sink::describe`], in the order of the sinks.
    pub(crate) descriptions: Vec<String>,
    pub(crate) journal: Arc<dyn JournalStore>,
    pub(crate) journal_name: String,
    /// `None` if the caller has set none.
    pub(crate) grace: Option<Grace>,
    pub(crate) overwrite: bool,
    pub(crate) delete_first: Vec<KeyId>,
    pub(crate) lease: Duration,
    pub(crate) probe_timeout: Duration,
    pub(crate) on_event: Option<Box<dyn Fn(RotationEvent) + Send + Sync>>,
}

impl Options {
    /// Checks the texts that the journal stores. Returns a message if one of the texts contains an API key.
    pub(crate) fn check_texts(&self) -> Result<(), String> {
        let ids = self.key.iter().chain(&self.delete_first).map(|id| ("the id of a key", id.as_str()));
        let descriptions = self.descriptions.iter().map(|text| ("the description of a sink", text.as_str()));
        let name = self.name.iter().map(|name| ("the name for the new key", name.as_str()));
        let others = [("the name of the journal", &*self.journal_name), ("the base URL", self.client.base_url())];
        let mut texts = ids.chain(descriptions).chain(name).chain(others);
        let has_key = |text: &str| holds_credential(text) || self.client.redact(text) != text;
        match texts.find(|(_, text)| has_key(text)) {
            Some((what, _)) => Err(format!("{what} contains an API key, or what looks like one")),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotation")
            .field("sinks", &self.descriptions)
            .field("journal", &self.journal_name)
            .finish_non_exhaustive()
    }
}

/// A future that completes when the rotation is to be cancelled.
pub(crate) type Cancellation = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a rotation until it ends, fails or is cancelled.
pub(crate) async fn run(
    options: &Options,
    command: Command,
    cancelled: Option<Cancellation>,
) -> Result<Report, RotationError> {
    let (mut journal, latest) = HeldJournal::open(options).await?;
    let (goal, record) = begin(options, &command, latest.map(|entry| entry.rotation))?;
    let order = sink_order(options, &record)?;
    let mut machine = Machine::new(config(options, &order, goal, &record), goal, record);
    let mut calls = Calls::new(options, order);
    let mut cancelled = cancelled.unwrap_or_else(|| Box::pin(pending()));
    let outcome = match drive(options, &mut machine, &mut calls, &mut journal, &mut cancelled).await {
        Ok(outcome) => outcome,
        Err(Interruption::Failed(error)) => return Err(error),
        Err(Interruption::Cancelled) => {
            journal.release().await?;
            let report = journal.record().map(Report::of);
            let has_begun = report.as_ref().is_some_and(|report| has_begun(report.state));
            let hint =
                if has_begun { "resume the rotation, or abort it" } else { "start or recover the rotation again" };
            let error = error(RotationErrorKind::Cancelled, "the rotation was cancelled", hint);
            return Err(match report {
                Some(report) => error.with_report(report),
                None => error,
            });
        }
    };
    journal.release().await?;
    let report = Report::of(&outcome.record);
    match outcome.stop {
        None => Ok(report),
        Some(stop) => {
            let of_sink = calls.take_sink_error(&stop.message);
            let error = stopped(stop);
            Err(of_sink.into_iter().fold(error, RotationError::with_source).with_report(report))
        }
    }
}

/// Returns the state of the latest rotation in the journal.
pub(crate) async fn status(options: &Options) -> Result<Option<Status>, RotationError> {
    let entry = journal::latest(options).await?;
    Ok(entry.map(|entry| {
        let is_held = !entry.rotation.state.is_final() && entry.expires > Timestamp::now();
        Status {
            report: Report::of(&entry.rotation),
            started: entry.rotation.started,
            updated: entry.written,
            held_until: is_held.then_some(entry.expires),
            holder: is_held.then_some(entry.holder),
        }
    }))
}

/// Returns what a new rotation would do. Runs the state machine until the next action would change something.
pub(crate) async fn plan(options: &Options) -> Result<Plan, RotationError> {
    let record = first_record(options, State::Preflight);
    let order: Vec<usize> = (0..options.sinks.len()).collect();
    let mut machine = Machine::new(config(options, &order, Goal::Continue, &record), Goal::Continue, record);
    let mut calls = Calls::new(options, order);
    loop {
        let event = match machine.next(Timestamp::now()) {
            Action::Save(record) if matches!(record.state, State::DeleteFirst | State::Create) => {
                return Ok(planned(options, &calls, &record));
            }
            Action::Save(_) => Event::Saved,
            Action::Complete(outcome) => {
                let stop = outcome.stop.expect("a rotation saves its record before it succeeds");
                return Err(stopped(stop));
            }
            action => calls.perform(action).await,
        };
        machine.on_event(event);
    }
}

fn planned(options: &Options, calls: &Calls<'_>, record: &Record) -> Plan {
    let surplus = (calls.listed() + 1).saturating_sub(MAX_KEYS);
    let sinks =
        options.sinks.iter().zip(&options.descriptions).enumerate().map(|(index, (sink, description))| SinkPlan {
            sink: description.clone(),
            reads_back: sink.verification() == Verification::ReadBack,
            content: calls.content(index),
        });
    let delete_first = options.delete_first.iter().filter(|id| calls.knows(id.as_str())).take(surplus);
    Plan {
        old_key: record.old_key.clone().unwrap_or_default(),
        name: record.name.clone().unwrap_or_default(),
        keys: calls.listed(),
        delete_first: delete_first.map(|id| id.as_str().to_owned()).collect(),
        sinks: sinks.collect(),
    }
}

/// Why a run ended before its state machine completed.
enum Interruption {
    Cancelled,
    /// The journal failed.
    Failed(RotationError),
}

impl From<RotationError> for Interruption {
    fn from(error: RotationError) -> Self {
        Self::Failed(error)
    }
}

/// Performs the actions of the state machine until it completes. `cancelled` interrupts every action but the creation of
/// an entry of the journal: the run must know whether the entry exists.
async fn drive(
    options: &Options,
    machine: &mut Machine,
    calls: &mut Calls<'_>,
    journal: &mut HeldJournal<'_>,
    cancelled: &mut Cancellation,
) -> Result<Outcome, Interruption> {
    loop {
        let action = machine.next(Timestamp::now());
        for event in machine.take_events() {
            if let Some(on_event) = &options.on_event {
                on_event(event);
            }
        }
        let event = match action {
            Action::Complete(outcome) => return Ok(outcome),
            Action::Save(record) => {
                journal.save(record).await?;
                journal.record().inspect(|record| calls.update_client(record));
                Event::Saved
            }
            Action::Wait(time) => {
                journal.wait(time, cancelled).await?;
                Event::Waited
            }
            action => {
                journal.outlive(calls.limit(&action)).await?;
                or_cancelled(calls.perform(action), cancelled).await?
            }
        };
        machine.on_event(event);
    }
}

/// Returns the goal and the first record of a run. `latest` is the latest record of the journal.
fn begin(options: &Options, command: &Command, latest: Option<Record>) -> Result<(Goal, Record), RotationError> {
    let unfinished = latest.filter(|record| !record.state.is_final() && has_begun(record.state));
    let goal = match command {
        Command::Start | Command::Recover if unfinished.is_some() => {
            let message = "the journal contains an unfinished rotation";
            let error = error(RotationErrorKind::InProgress, message, "resume, finish or abort it first");
            return Err(match &unfinished {
                Some(record) => error.with_report(Report::of(record)),
                None => error,
            });
        }
        Command::Start => return Ok((Goal::Continue, first_record(options, State::Preflight))),
        Command::Recover => return Ok((Goal::Continue, first_record(options, State::Recover))),
        Command::Resume => Goal::Continue,
        Command::Finish => Goal::Finish,
        Command::Abort => Goal::Abort,
    };
    let mut record = unfinished.ok_or_else(|| {
        let message = "the journal contains no unfinished rotation";
        error(RotationErrorKind::NothingToResume, message, "start a rotation, or recover one whose journal was lost")
    })?;
    if record.base_url != options.client.base_url() {
        return Err(foreign("the journal belongs to a rotation at another base URL"));
    }
    if let Some(grace) = options.grace {
        record.grace = grace.period();
    }
    Ok((goal, record))
}

/// Returns whether a rotation in this state may have changed something. A rotation that has changed nothing is not
/// resumed, because the journal does not contain all of its options.
fn has_begun(state: State) -> bool {
    !matches!(state, State::Preflight | State::Recover)
}

fn first_record(options: &Options, state: State) -> Record {
    let sinks =
        options.descriptions.iter().map(|sink| SinkRecord { sink: sink.clone(), progress: SinkProgress::Pending });
    Record {
        state,
        base_url: options.client.base_url().to_owned(),
        started: Timestamp::now(),
        old_key: None,
        name: None,
        attempts: Vec::new(),
        new_key: None,
        sinks: sinks.collect(),
        overwrite: options.overwrite,
        grace: options.grace.and_then(Grace::period),
        deleted: Vec::new(),
        deleting: None,
        grace_until: None,
        reason: None,
        may_appear_later: false,
    }
}

/// Returns, for each sink of the record, the index of the same sink in the options.
fn sink_order(options: &Options, record: &Record) -> Result<Vec<usize>, RotationError> {
    let index = |sink: &SinkRecord| options.descriptions.iter().position(|description| *description == sink.sink);
    let order: Option<Vec<usize>> = record.sinks.iter().map(index).collect();
    order.filter(|order| order.len() == options.sinks.len()).ok_or_else(|| {
        let sinks: Vec<&str> = record.sinks.iter().map(|sink| sink.sink.as_str()).collect();
        foreign(&format!("the sinks differ from those of the rotation in the journal: {}", sinks.join(", ")))
    })
}

fn config(options: &Options, order: &[usize], goal: Goal, record: &Record) -> Config {
    Config {
        verifications: order.iter().map(|index| options.sinks[*index].verification()).collect(),
        key: options.key.as_ref().map(|id| id.as_str().to_owned()),
        base: options.name.clone(),
        delete_first: options.delete_first.iter().map(|id| id.as_str().to_owned()).collect(),
        grace: record.grace.or((goal == Goal::Finish).then_some(Duration::ZERO)),
        probe_timeout: options.probe_timeout,
        generators: Generators { name: name::generate, idempotency_key },
    }
}

fn idempotency_key(_now: Timestamp) -> String {
    uuid::Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext)).to_string()
}

/// Awaits the future `run`, unless `cancelled` completes first.
async fn or_cancelled<T>(run: impl Future<Output = T>, cancelled: &mut Cancellation) -> Result<T, Interruption> {
    let mut run = pin!(run);
    poll_fn(|context| {
        if cancelled.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(Interruption::Cancelled));
        }
        run.as_mut().poll(context).map(Ok)
    })
    .await
}

fn stopped(stop: Stop) -> RotationError {
    let error = error(stop.kind, stop.message, stop.hint);
    match stop.error {
        Some(source) => error.with_source(source),
        None => error,
    }
}

fn foreign(message: &str) -> RotationError {
    let hint = "use the sinks and the base URL with which the rotation was started";
    error(RotationErrorKind::ForeignJournal, message, hint)
}

fn error(kind: RotationErrorKind, message: impl Into<String>, hint: impl Into<String>) -> RotationError {
    RotationError::new(kind, message, hint)
}
