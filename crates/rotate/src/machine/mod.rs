//! The state machine of a rotation. It performs no I/O: `next` returns the next action, and `on_event` receives the
//! result of the action. The state machine knows keys only by their ids, so it holds no secret. The crate `codat-keys`
//! sends the requests.
//!
//! The state machine consists of asynchronous functions that await the result of each action. Steps that repeat, wait
//! or branch are easier to read in this form. The functions await nothing else, so [`Machine`] polls them itself,
//! without a runtime.

mod action;
mod create;
mod deletion;
mod deliver;
mod grace;
mod preflight;
mod probe;
mod process;
mod recover;
mod retire;
mod rollback;
mod sinks;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use codat_keys::Timestamp;

use crate::event::RotationEvent;
use crate::record::Record;

pub use action::{Action, Caller, Cause, Event, Failure, FailureKind, ListedKey, Outcome, Stop};
pub use process::{Config, Generators, Goal};

use process::Process;

/// The state machine of a rotation.
pub struct Machine {
    run: Pin<Box<dyn Future<Output = Outcome> + Send>>,
    port: Port,
}

impl Machine {
    /// Creates the state machine. `record` is the latest record of the journal, or the first record of a new rotation.
    /// The first action saves `record`.
    pub fn new(config: Config, goal: Goal, record: Record) -> Self {
        let port = Port::default();
        let process = Process::new(config, goal, record, port.clone());
        Self { run: Box::pin(process.run()), port }
    }

    /// Returns the next action. Must not be called again after [`Action::Complete`].
    pub fn next(&mut self, now: Timestamp) -> Action {
        self.port.lock().now = now;
        match self.run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Action::Complete(outcome),
            Poll::Pending => self.port.lock().action.take().expect("the functions await only actions"),
        }
    }

    /// Records the result of the latest action.
    pub fn on_event(&mut self, event: Event) {
        self.port.lock().event = Some(event);
    }

    /// Returns the events for the user that have occurred since the previous call.
    pub fn take_events(&mut self) -> VecDeque<RotationEvent> {
        std::mem::take(&mut self.port.lock().events)
    }
}

/// The values that [`Machine`] exchanges with the asynchronous functions.
#[derive(Clone, Default)]
struct Port(Arc<Mutex<Slot>>);

#[derive(Default)]
struct Slot {
    now: Timestamp,
    action: Option<Action>,
    event: Option<Event>,
    events: VecDeque<RotationEvent>,
}

impl Port {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes [`Machine::next`] return this action, and waits for the result that [`Machine::on_event`] receives.
    async fn perform(&self, action: Action) -> Event {
        self.lock().action = Some(action);
        poll_fn(|_| self.lock().event.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn emit(&self, event: RotationEvent) {
        self.lock().events.push_back(event);
    }
}
