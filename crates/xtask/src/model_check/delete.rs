//! Model check of `delete`: runs a delete operation against a model server and checks the invariants.

use std::time::Duration;

use codat_keys::internal::DEFAULT_POLICY;
use codat_keys::internal::delete::decision::{Action, AttemptOutcome, Completion, Listing, Observed, decide};

use super::schedule::Schedule;
use super::{RunResult, Setup};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    NotSent,
    Refused,
    /// A gateway responds with 404.
    AbsentElsewhere,
    LostBefore,
    LostAfter,
    Late(u8),
    RateLimited,
    RateLimitedForLong,
    NoAccess,
    ForeignBefore,
    ForeignAfter,
    /// Another process deletes every other key.
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

/// A delay in steps that is longer than any operation, so that the effect of the request is not seen.
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

const OWN: u32 = 0;

struct Server {
    keys: Vec<u32>,
    before_newest_change: Vec<u32>,
    landings: Vec<u8>,
    target: u32,
    deleted_by_us: bool,
    /// Whether the client checked the deletion rules against outdated data: a list was stale, or another process
    /// changed the keys.
    guards_were_outdated: bool,
}

impl Server {
    fn remove(&mut self, id: u32) -> bool {
        let there = self.keys.contains(&id);
        if there {
            self.before_newest_change.clone_from(&self.keys);
            self.keys.retain(|key| *key != id);
        }
        there
    }

    /// Handles the delete request. The model server would delete the last key, so only the client's checks protect the
    /// last key.
    fn arrives(&mut self) -> AttemptOutcome {
        if self.target != OWN && !self.keys.contains(&OWN) {
            return AttemptOutcome::NoAccess;
        }
        let target = self.target;
        match self.remove(target) {
            true => {
                self.deleted_by_us = true;
                AttemptOutcome::Deleted
            }
            false if target == OWN => AttemptOutcome::NoAccess,
            false => AttemptOutcome::Absent,
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
}

/// Runs one schedule of faults and checks the invariants of `delete`. For this check, `setup.adopt` means that the key
/// to delete is the key in use.
pub(crate) fn run(setup: Setup, schedule: &mut Schedule) -> RunResult {
    let keys: Vec<u32> = (0..setup.keys as u32).collect();
    let target = if setup.adopt { OWN } else { keys.last().copied().unwrap_or(OWN) };
    let mut server = Server {
        before_newest_change: keys.clone(),
        keys,
        landings: Vec::new(),
        target,
        deleted_by_us: false,
        guards_were_outdated: false,
    };
    let mut observed = Observed::new();
    let mut spent = Duration::ZERO;
    let (mut guarded, mut is_ambiguous) = (false, false);
    for _ in 0..60 {
        let remaining = Duration::from_secs(30).saturating_sub(spent);
        match decide(&observed, &DEFAULT_POLICY, remaining, remaining > Duration::from_secs(5), 0.5) {
            Action::List => {
                spent += Duration::from_millis(100);
                let listing = list(&mut server, schedule);
                guarded = true;
                observed.listed(listing, target == OWN && matches!(listing, Listing::Allowed | Listing::Protected));
            }
            Action::Delete => {
                if !std::mem::take(&mut guarded) {
                    return RunResult::Violated("a request is sent without a preceding list and guards");
                }
                let was_ambiguous = observed.deleting();
                let fault = schedule.choose(&FAULTS);
                spent +=
                    if matches!(fault, Fault::Late(_)) { Duration::from_secs(10) } else { Duration::from_millis(100) };
                let answer = answer(&mut server, fault);
                // The model determines ambiguity independently of the core.
                is_ambiguous |= matches!(fault, Fault::LostBefore | Fault::LostAfter | Fault::Late(_));
                observed.attempted(answer, was_ambiguous);
            }
            Action::Wait(time) => {
                spent += time;
                observed.waited();
            }
            Action::Complete(completion) => return check(server, is_ambiguous, completion),
        }
        server.step();
    }
    RunResult::Violated("the call does not end")
}

fn list(server: &mut Server, schedule: &mut Schedule) -> Listing {
    let fault = schedule.choose(&LIST_FAULTS);
    match fault {
        ListFault::Failed => return Listing::Failed,
        ListFault::NoAccess => return Listing::NoAccess,
        ListFault::Stale => server.guards_were_outdated = true,
        ListFault::ForeignBefore => {
            server.guards_were_outdated = true;
            server.remove(server.target);
        }
        ListFault::None => {}
    }
    if !server.keys.contains(&OWN) {
        return Listing::NoAccess;
    }
    let keys = if let ListFault::Stale = fault { &server.before_newest_change } else { &server.keys };
    match (keys.contains(&server.target), keys.len()) {
        (false, _) => Listing::Absent,
        (true, 1) => Listing::Protected,
        (true, _) => Listing::Allowed,
    }
}

fn answer(server: &mut Server, fault: Fault) -> AttemptOutcome {
    match fault {
        Fault::None => server.arrives(),
        Fault::NotSent => AttemptOutcome::NotSent,
        Fault::LostBefore => AttemptOutcome::Ambiguous(None),
        Fault::LostAfter => {
            server.arrives();
            AttemptOutcome::Ambiguous(None)
        }
        Fault::Late(steps) => {
            server.landings.push(steps);
            AttemptOutcome::Ambiguous(None)
        }
        Fault::AbsentElsewhere => AttemptOutcome::AbsentElsewhere,
        Fault::Refused => AttemptOutcome::Refused,
        Fault::RateLimited => AttemptOutcome::RateLimited(None),
        Fault::RateLimitedForLong => AttemptOutcome::RateLimited(Some(Duration::from_secs(3600))),
        Fault::NoAccess => AttemptOutcome::NoAccess,
        Fault::ForeignBefore => {
            server.guards_were_outdated = true;
            server.remove(server.target);
            server.arrives()
        }
        Fault::ForeignAfter => {
            let answer = server.arrives();
            server.guards_were_outdated = true;
            server.remove(server.target);
            answer
        }
        Fault::OthersDeleted => {
            server.guards_were_outdated = true;
            let target = server.target;
            server.keys.retain(|key| *key == target || *key == OWN);
            server.arrives()
        }
    }
}

fn check(mut server: Server, is_ambiguous: bool, completion: Completion) -> RunResult {
    let is_there = server.keys.contains(&server.target);
    match completion {
        Completion::Deleted if is_there => {
            return RunResult::Violated("the key is reported as deleted, but exists");
        }
        Completion::Unknown | Completion::ProbablyDeleted if !is_ambiguous => {
            return RunResult::Violated("the outcome is reported as unknown, but no attempt was ambiguous");
        }
        _ => {}
    }
    while !server.landings.is_empty() {
        server.landings.pop();
        server.arrives();
    }
    match completion {
        Completion::Error if server.deleted_by_us => {
            RunResult::Violated("an error reports that the key was not deleted, but the call deleted it")
        }
        _ if server.keys.is_empty() && !server.guards_were_outdated => {
            RunResult::Violated("the call deleted the last key")
        }
        _ => RunResult::Held,
    }
}
