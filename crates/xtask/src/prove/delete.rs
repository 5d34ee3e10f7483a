//! The server that `delete` meets in the worst of worlds, and what must hold whatever it does.

use std::time::Duration;

use codat_keys::delete::decision::{Answer, End, Look, Next, Observed, decide};
use codat_keys::retry::DEFAULT_POLICY;

use super::schedule::Schedule;
use super::{Verdict, World};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    NotSent,
    Refused,
    /// A gateway's 404.
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

/// More steps than any call makes: what comes so late comes after its end.
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
    /// Somebody else interfered, or a list was stale: then the guards cannot know.
    guards_were_blind: bool,
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

    /// Our request arrives. This server lets the last key be deleted, so that the guards are all that protects it.
    fn arrives(&mut self) -> Answer {
        if self.target != OWN && !self.keys.contains(&OWN) {
            return Answer::NoAccess;
        }
        let target = self.target;
        match self.remove(target) {
            true => {
                self.deleted_by_us = true;
                Answer::Deleted
            }
            false if target == OWN => Answer::NoAccess,
            false => Answer::Absent,
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

/// Runs one schedule, and says what was violated. `world.adopt` here means that the key to delete is the one in use.
pub(crate) fn run(world: World, schedule: &mut Schedule) -> Verdict {
    let keys: Vec<u32> = (0..world.keys as u32).collect();
    let target = if world.adopt { OWN } else { keys.last().copied().unwrap_or(OWN) };
    let mut server = Server {
        before_newest_change: keys.clone(),
        keys,
        landings: Vec::new(),
        target,
        deleted_by_us: false,
        guards_were_blind: false,
    };
    let mut observed = Observed::new();
    let mut spent = Duration::ZERO;
    let (mut guarded, mut is_in_doubt) = (false, false);
    for _ in 0..60 {
        let remaining = Duration::from_secs(30).saturating_sub(spent);
        match decide(&observed, &DEFAULT_POLICY, remaining, remaining > Duration::from_secs(5), 0.5) {
            Next::List => {
                spent += Duration::from_millis(100);
                let look = list(&mut server, schedule);
                guarded = true;
                observed.listed(look, target == OWN && matches!(look, Look::Allowed | Look::Guarded));
            }
            Next::Delete => {
                if !std::mem::take(&mut guarded) {
                    return Verdict::Violated("a request leaves without a list and the guards before it");
                }
                let was_in_doubt = observed.deleting();
                let fault = schedule.choose(&FAULTS);
                spent +=
                    if matches!(fault, Fault::Late(_)) { Duration::from_secs(10) } else { Duration::from_millis(100) };
                let answer = answer(&mut server, fault);
                // The model's own account of it.
                is_in_doubt |= matches!(fault, Fault::LostBefore | Fault::LostAfter | Fault::Late(_));
                observed.answered(answer, was_in_doubt);
            }
            Next::Wait(time) => {
                spent += time;
                observed.waited();
            }
            Next::End(end) => return judge(server, is_in_doubt, end),
        }
        server.step();
    }
    Verdict::Violated("it does not end")
}

fn list(server: &mut Server, schedule: &mut Schedule) -> Look {
    let fault = schedule.choose(&LIST_FAULTS);
    match fault {
        ListFault::Failed => return Look::Failed,
        ListFault::NoAccess => return Look::NoAccess,
        ListFault::Stale => server.guards_were_blind = true,
        ListFault::ForeignBefore => {
            server.guards_were_blind = true;
            server.remove(server.target);
        }
        ListFault::None => {}
    }
    if !server.keys.contains(&OWN) {
        return Look::NoAccess;
    }
    let keys = if let ListFault::Stale = fault { &server.before_newest_change } else { &server.keys };
    match (keys.contains(&server.target), keys.len()) {
        (false, _) => Look::Absent,
        (true, 1) => Look::Guarded,
        (true, _) => Look::Allowed,
    }
}

fn answer(server: &mut Server, fault: Fault) -> Answer {
    match fault {
        Fault::None => server.arrives(),
        Fault::NotSent => Answer::NotSent,
        Fault::LostBefore => Answer::InDoubt(None),
        Fault::LostAfter => {
            server.arrives();
            Answer::InDoubt(None)
        }
        Fault::Late(steps) => {
            server.landings.push(steps);
            Answer::InDoubt(None)
        }
        Fault::AbsentElsewhere => Answer::AbsentElsewhere,
        Fault::Refused => Answer::Refused,
        Fault::RateLimited => Answer::RateLimited(None),
        Fault::RateLimitedForLong => Answer::RateLimited(Some(Duration::from_secs(3600))),
        Fault::NoAccess => Answer::NoAccess,
        Fault::ForeignBefore => {
            server.guards_were_blind = true;
            server.remove(server.target);
            server.arrives()
        }
        Fault::ForeignAfter => {
            let answer = server.arrives();
            server.guards_were_blind = true;
            server.remove(server.target);
            answer
        }
        Fault::OthersDeleted => {
            server.guards_were_blind = true;
            let target = server.target;
            server.keys.retain(|key| *key == target || *key == OWN);
            server.arrives()
        }
    }
}

fn judge(mut server: Server, is_in_doubt: bool, end: End) -> Verdict {
    let is_there = server.keys.contains(&server.target);
    match end {
        End::Deleted if is_there => {
            return Verdict::Violated("it is said to be deleted, and is there");
        }
        End::Unknown | End::ProbablyDeleted if !is_in_doubt => {
            return Verdict::Violated("the outcome is said to be unknown, but was never in doubt");
        }
        _ => {}
    }
    while !server.landings.is_empty() {
        server.landings.pop();
        server.arrives();
    }
    match end {
        End::Error if server.deleted_by_us => Verdict::Violated("we deleted it, after an error that denies it"),
        _ if server.keys.is_empty() && !server.guards_were_blind => Verdict::Violated("the last key is deleted"),
        _ => Verdict::Held,
    }
}
