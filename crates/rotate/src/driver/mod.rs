//! The driver of a rotation. It runs the state machine and performs the I/O.

mod calls;
mod ended;
mod journal;
mod options;

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use codat_keys::{MAX_KEYS, Timestamp};

use crate::error::{RotationError, RotationErrorKind};
use crate::machine::{Action, Cause, Config, Event, Generators, Goal, Machine, Outcome, Stop};
use crate::name;
use crate::record::{Record, SinkProgress, SinkRecord, State};
use crate::report::{Report, Status};
use crate::sink::Verification;
use calls::Calls;
use journal::{HeldJournal, is_interruption};

pub(crate) use options::Options;
pub use options::{Grace, Plan, SinkPlan};

pub(crate) enum Command {
    Start,
    Resume,
    Finish,
    Abort,
    Recover,
}

/// A future that completes when the rotation is to be cancelled.
pub(crate) type Cancellation = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a rotation until it ends, fails or is cancelled.
pub(crate) async fn run(
    options: &Options,
    command: Command,
    cancelled: Option<Cancellation>,
) -> Result<Report, RotationError> {
    let mut cancelled = cancelled.unwrap_or_else(|| Box::pin(pending()));
    let (mut journal, latest) = match or_cancelled(HeldJournal::open(options), &mut cancelled).await {
        Ok(opened) => opened.map_err(|error| if is_interruption(&error) { was_cancelled(None) } else { error })?,
        Err(_) => return Err(was_cancelled(None)),
    };
    let (goal, record) = begin(options, &command, latest.map(|entry| entry.rotation))?;
    let order = sink_order(options, &record)?;
    let mut machine = Machine::new(config(options, &order, goal, &record), goal, record);
    let mut calls = Calls::new(options, order);
    let driven = drive(options, &mut machine, &mut calls, &mut journal, &mut cancelled).await;
    let released = match driven {
        Err(Interruption::Failed(_)) => {
            journal.end();
            Ok(())
        }
        _ => journal.release().await,
    };
    let outcome = released.and(driven).map_err(|interruption| match interruption {
        Interruption::Failed(error) => error,
        Interruption::Cancelled => was_cancelled(journal.record().map(Report::of)),
    })?;
    let report = Report::of(&outcome.record);
    match outcome.stop {
        None => Ok(report),
        Some(stop) => Err(stopped(stop).with_report(report)),
    }
}

/// Returns the error of a cancelled run. `report` is `None` if the run has written no journal entry.
fn was_cancelled(report: Option<Report>) -> RotationError {
    let hint = match &report {
        None => "this run has changed nothing; repeat it",
        Some(report) if has_begun(report.state) => "resume the rotation, or abort it",
        Some(_) => "start or recover the rotation again",
    };
    let error = error(RotationErrorKind::Cancelled, "the rotation was cancelled", hint);
    match report {
        Some(report) => error.with_report(report),
        None => error,
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

/// Performs the actions of the state machine until the state machine completes. The future `cancelled` interrupts every
/// action except the creation of a journal entry. The run waits for this creation, because the run must know whether
/// the entry exists.
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

/// Returns whether a rotation in this state may have changed something. A rotation that has changed nothing cannot be
/// resumed, because the next steps of the rotation need options that the journal does not contain.
fn has_begun(state: State) -> bool {
    !matches!(state, State::Preflight | State::Recover)
}

fn first_record(options: &Options, state: State) -> Record {
    let sinks = options.descriptions.iter().map(|sink| SinkRecord {
        sink: sink.clone(),
        progress: SinkProgress::Pending,
        to_be_checked: false,
    });
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

/// Returns the index in `options.sinks` for each sink in `record`.
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
    match stop.cause {
        Some(Cause::Api(source)) => error.with_source(source),
        Some(Cause::Sink(source)) => error.with_source(source),
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
