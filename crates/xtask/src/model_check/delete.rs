//! The model check of `delete`. It runs the state machine of `delete` against a model of the server, and checks the
//! result.

use std::time::{Duration, Instant};

use codat_keys::internal::state_machines::delete::{Action, AttemptOutcome, Event};
use codat_keys::internal::state_machines::{Now, delete_machine, error, operation};
use codat_keys::{ApiKeyDetails, Error, ErrorKind, KeyId, Timestamp};

use super::schedule::Schedule;
use super::server::{STARTED, key};
use super::{RunResult, Setup, TIME_TO_SEND};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    NotSent,
    Refused,
    /// A gateway responds with 404 before the request reaches Codat.
    AbsentElsewhere,
    LostBefore,
    LostAfter,
    Late(u8),
    RateLimited,
    RateLimitedForLong,
    NoAccess,
    ForeignBefore,
    ForeignAfter,
    /// Another process deletes all API keys except the target and the API key of the client.
    OthersDeleted,
}

const FAULTS: [Fault; 16] = [
    Fault::None,
    Fault::NotSent,
    Fault::LostBefore,
    Fault::LostAfter,
    Fault::Late(1),
    Fault::Late(2),
    Fault::Late(4),
    Fault::Late(NEVER_SEEN),
    Fault::AbsentElsewhere,
    Fault::Refused,
    Fault::RateLimited,
    Fault::RateLimitedForLong,
    Fault::NoAccess,
    Fault::ForeignBefore,
    Fault::ForeignAfter,
    Fault::OthersDeleted,
];

/// A delay of a request, in steps of the model. No operation takes that many steps, so the request takes effect only
/// after the end of the operation.
const NEVER_SEEN: u8 = 200;

#[derive(Clone, Copy)]
enum ListFault {
    None,
    Failed,
    NoAccess,
    Stale,
    ForeignBefore,
}

const LIST_FAULTS: [ListFault; 5] =
    [ListFault::None, ListFault::Failed, ListFault::NoAccess, ListFault::Stale, ListFault::ForeignBefore];

struct Server {
    keys: Vec<ApiKeyDetails>,
    before_newest_change: Vec<ApiKeyDetails>,
    landings: Vec<u8>,
    /// The API key that the client authenticates with.
    own: ApiKeyDetails,
    target: KeyId,
    deleted_by_us: bool,
    /// Whether the client checked outdated data before the deletion. True if a listing was out of date, or if another
    /// process deleted API keys.
    guards_were_outdated: bool,
}

impl Server {
    fn new(setup: Setup) -> Self {
        let keys: Vec<ApiKeyDetails> = (0..setup.keys as u32).map(|id| key(id, "model", STARTED)).collect();
        let target = if setup.option { 0 } else { setup.keys - 1 };
        Self {
            own: keys[0].clone(),
            target: keys[target].id.clone(),
            before_newest_change: keys.clone(),
            keys,
            landings: Vec::new(),
            deleted_by_us: false,
            guards_were_outdated: false,
        }
    }

    fn contains(&self, id: &KeyId) -> bool {
        self.keys.iter().any(|key| key.id == *id)
    }

    fn remove_target(&mut self) -> bool {
        let there = self.contains(&self.target);
        if there {
            self.before_newest_change.clone_from(&self.keys);
            self.keys.retain(|key| key.id != self.target);
        }
        there
    }

    /// Simulates that another process deletes the target.
    fn remove_by_another(&mut self) {
        self.guards_were_outdated = true;
        self.remove_target();
    }

    /// Handles a delete request. Unlike Codat, the model also deletes the last API key. Only the checks of the client
    /// therefore protect the last API key.
    fn arrives(&mut self) -> Event<'static> {
        if !self.contains(&self.own.id) {
            failed(AttemptOutcome::NoAccess)
        } else if self.remove_target() {
            self.deleted_by_us = true;
            Event::Deleted
        } else {
            failed(AttemptOutcome::Absent)
        }
    }

    fn list(&mut self, fault: ListFault) -> Event<'_> {
        match fault {
            ListFault::Stale => self.guards_were_outdated = true,
            ListFault::ForeignBefore => self.remove_by_another(),
            ListFault::None | ListFault::Failed | ListFault::NoAccess => {}
        }
        let has_access = self.contains(&self.own.id);
        let keys = match fault {
            ListFault::Failed => return Event::ListFailed(error(ErrorKind::Server, None, None)),
            ListFault::Stale if has_access => &self.before_newest_change,
            ListFault::None | ListFault::ForeignBefore if has_access => &self.keys,
            _ => return Event::ListFailed(error(ErrorKind::Unauthorized, None, None)),
        };
        Event::Listed(keys, Some(&self.own.api_key))
    }

    fn answer(&mut self, fault: Fault) -> Event<'static> {
        match fault {
            Fault::None => self.arrives(),
            Fault::NotSent => failed(AttemptOutcome::NotSent),
            Fault::LostBefore => failed(AttemptOutcome::Ambiguous),
            Fault::LostAfter => {
                self.arrives();
                failed(AttemptOutcome::Ambiguous)
            }
            Fault::Late(steps) => {
                self.landings.push(steps);
                failed(AttemptOutcome::Ambiguous)
            }
            Fault::AbsentElsewhere => failed(AttemptOutcome::AbsentElsewhere),
            Fault::Refused => failed(AttemptOutcome::Refused),
            Fault::RateLimited | Fault::RateLimitedForLong => {
                let wait = (fault == Fault::RateLimitedForLong).then_some(Duration::from_secs(3600));
                Event::Failed(AttemptOutcome::RateLimited, error(ErrorKind::RateLimited, None, wait))
            }
            Fault::NoAccess => failed(AttemptOutcome::NoAccess),
            Fault::ForeignBefore => {
                self.remove_by_another();
                self.arrives()
            }
            Fault::ForeignAfter => {
                let event = self.arrives();
                self.remove_by_another();
                event
            }
            Fault::OthersDeleted => {
                self.guards_were_outdated = true;
                self.keys.retain(|key| key.id == self.target || key.id == self.own.id);
                self.arrives()
            }
        }
    }

    fn step(&mut self) {
        let due = self.landings.iter().filter(|steps| **steps == 0).count();
        self.landings.retain(|steps| *steps > 0);
        self.landings.iter_mut().for_each(|steps| *steps -= 1);
        for _ in 0..due {
            self.arrives();
        }
    }

    fn check(mut self, is_ambiguous: bool, result: &Result<(), Error>) -> RunResult {
        let kind = result.as_ref().err().map(Error::kind);
        if kind.is_none() && self.contains(&self.target) {
            return RunResult::Violated("the key is reported as deleted, but exists");
        }
        if kind == Some(ErrorKind::OutcomeUnknown) && !is_ambiguous {
            return RunResult::Violated("the outcome is reported as unknown, but no attempt was ambiguous");
        }
        while self.landings.pop().is_some() {
            self.arrives();
        }
        match kind {
            Some(kind) if kind != ErrorKind::OutcomeUnknown && self.deleted_by_us => {
                RunResult::Violated("an error reports that the key was not deleted, but the call deleted it")
            }
            _ if self.keys.is_empty() && !self.guards_were_outdated => {
                RunResult::Violated("the call deleted the last key")
            }
            _ => RunResult::Held,
        }
    }
}

/// Runs `delete` with the faults of one schedule, and checks that the result satisfies the invariants of `delete`.
pub(crate) fn run(setup: Setup, schedule: &mut Schedule) -> RunResult {
    let mut server = Server::new(setup);
    let (started, system) = (Instant::now(), Timestamp::from_millisecond(STARTED).expect("a valid time"));
    let operation = operation(started, Duration::from_secs(30), TIME_TO_SEND);
    let mut machine = delete_machine(operation, &server.target, setup.option);
    let mut spent = Duration::ZERO;
    let (mut guarded, mut is_ambiguous) = (false, false);
    for _ in 0..60 {
        match machine.next(Now { instant: started + spent, system: system + spent }) {
            Action::List => {
                spent += Duration::from_millis(100);
                guarded = true;
                machine.on_event(server.list(schedule.choose(&LIST_FAULTS)));
            }
            Action::Delete => {
                if !std::mem::take(&mut guarded) {
                    return RunResult::Violated("a request is sent without a preceding list and guards");
                }
                let fault = schedule.choose(&FAULTS);
                spent +=
                    if matches!(fault, Fault::Late(_)) { Duration::from_secs(10) } else { Duration::from_millis(100) };
                // The model decides itself whether an outcome is unknown to the client, instead of asking the core.
                is_ambiguous |= matches!(fault, Fault::LostBefore | Fault::LostAfter | Fault::Late(_));
                machine.on_event(server.answer(fault));
            }
            Action::Wait(time) => {
                spent += time;
                machine.on_event(Event::Waited);
            }
            Action::Complete(result) => return server.check(is_ambiguous, &result),
        }
        server.step();
    }
    RunResult::Violated("the call does not end")
}

/// Returns the event of an attempt that failed with `outcome`.
fn failed(outcome: AttemptOutcome) -> Event<'static> {
    Event::Failed(outcome, error(ErrorKind::Server, None, None))
}
