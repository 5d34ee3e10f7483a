//! Model check of `create`: runs a create operation against the model server and checks the invariants.

use std::time::Duration;

use codat_keys::internal::DEFAULT_POLICY;
use codat_keys::internal::create::decision::{Action, Completion, Context, decide};
use codat_keys::internal::create::observed::{AttemptOutcome, Listing, Observed};

use super::faults::{FAULTS, Fault, LIST_FAULTS, ListFault, Pause};
use super::schedule::Schedule;
use super::server::{FIRST_NEW, Key, Landing, Reply, Server, fails, works_on};
use super::{RunResult, Setup};

/// Runs one schedule of faults and checks the invariants of `create`.
pub(crate) fn run(setup: Setup, schedule: &mut Schedule) -> RunResult {
    let mut call = Call {
        setup,
        schedule,
        server: Server::new(setup.keys, setup.named_before),
        observed: Observed::new(setup.adopt, false),
        before: None,
        candidates: None,
        made: None,
        spent: Duration::ZERO,
        age: Duration::ZERO,
        was_resumed: false,
        lists_since_post: 0,
        ours_at_last_list: false,
        a_list_was_stale: false,
        is_ambiguous: false,
    };
    let mut steps = 0;
    let end = loop {
        steps += 1;
        if steps > 200 {
            return RunResult::Violated("the call does not end");
        }
        match call.step() {
            Some(end) => break end,
            None => call.server.step(),
        }
    };
    call.check(end)
}

struct Call<'a> {
    setup: Setup,
    schedule: &'a mut Schedule,
    server: Server,
    observed: Observed,
    /// The ids of the keys in the first list. `None` after a resume.
    before: Option<Vec<u32>>,
    candidates: Option<Vec<u32>>,
    made: Option<u32>,
    spent: Duration,
    age: Duration,
    was_resumed: bool,
    lists_since_post: u8,
    /// Whether a key created by this operation existed when the latest list was requested. Also true if the response
    /// was a stale list.
    ours_at_last_list: bool,
    a_list_was_stale: bool,
    /// Whether the model considers the outcome ambiguous. The model determines this independently of the core.
    is_ambiguous: bool,
}

impl Call<'_> {
    fn step(&mut self) -> Option<Completion> {
        let remaining = Duration::from_secs(60).saturating_sub(self.spent);
        match decide(
            &self.observed,
            &DEFAULT_POLICY,
            Context { remaining, age: self.age, can_send: remaining > Duration::from_secs(5), jitter: 0.5 },
        ) {
            Action::List => self.list(),
            Action::Post => self.post(),
            Action::Wait(time) => {
                self.pass(time);
                self.observed.waited();
            }
            Action::Complete(completion) => return Some(completion),
        }
        None
    }

    fn pass(&mut self, time: Duration) {
        self.spent += time;
        self.age += time;
    }

    fn list(&mut self) {
        self.pass(Duration::from_millis(100));
        let fault = self.schedule.choose(if self.setup.adopt { &LIST_FAULTS[..3] } else { &LIST_FAULTS });
        if let ListFault::Failed = fault {
            self.candidates = None;
            return self.observed.listed(None);
        }
        if let ListFault::ForeignBefore = fault {
            self.server.add(false);
        }
        let stale = matches!(fault, ListFault::Stale);
        self.a_list_was_stale |= stale;
        self.lists_since_post += 1;
        self.ours_at_last_list = self.server.ours() > 0;
        let keys = if stale { &self.server.before_newest_change } else { &self.server.keys };
        let is_new = |key: &&Key| match &self.before {
            Some(before) => !before.contains(&key.id),
            // A resumed operation recognizes new keys by their dates. All other keys are much older.
            None => self.was_resumed && key.id >= FIRST_NEW,
        };
        let candidates: Vec<u32> =
            keys.iter().filter(|key| key.has_the_name).filter(is_new).map(|key| key.id).collect();
        let adoptable = candidates.iter().filter(|id| **id >= FIRST_NEW).count();
        let is_first = self.before.is_none() && !self.was_resumed;
        let listing = if is_first {
            Listing { keys: keys.len(), candidates: 0, adoptable: 0 }
        } else {
            Listing { keys: keys.len(), candidates: candidates.len(), adoptable }
        };
        self.observed.listed(Some(listing));
        if self.before.is_none() && !self.was_resumed {
            self.before = Some(keys.iter().map(|key| key.id).collect());
        }
        self.candidates = Some(candidates);
    }

    fn post(&mut self) {
        // With `adopt`, no other client creates a key with this name.
        let options: Vec<Fault> = FAULTS
            .into_iter()
            .filter(|fault| !(self.setup.adopt && matches!(fault, Fault::ForeignBefore | Fault::ForeignAfter)))
            .filter(|fault| !(self.was_resumed && matches!(fault, Fault::CrashBefore(_) | Fault::CrashAfter(_))))
            .collect();
        let fault = self.schedule.choose(&options);
        self.lists_since_post = 0;
        let was_ambiguous = self.observed.posting();
        if let Fault::CrashBefore(pause) | Fault::CrashAfter(pause) = fault {
            if let Fault::CrashAfter(_) = fault {
                drop(self.server.arrives());
            }
            return self.resume(pause);
        }
        let time = match fault {
            Fault::Late(_) | Fault::Slow(_) => Duration::from_secs(15),
            _ => Duration::from_millis(100),
        };
        self.pass(time);
        let reply = self.answer(fault);
        // A response is unambiguous only if it states the outcome of this request.
        self.is_ambiguous |= match reply.outcome {
            AttemptOutcome::Lost
            | AttemptOutcome::StillRunning
            | AttemptOutcome::Failed(..)
            | AttemptOutcome::Mismatch => true,
            AttemptOutcome::Created
            | AttemptOutcome::NotSent
            | AttemptOutcome::RateLimited(_)
            | AttemptOutcome::AtLimit
            | AttemptOutcome::Refused => false,
            AttemptOutcome::Invalid | AttemptOutcome::FailedPermanently => {
                unreachable!("the model server sends no such response")
            }
        };
        self.made = reply.made.or(self.made);
        self.observed.attempted(reply.outcome, was_ambiguous);
    }

    fn answer(&mut self, fault: Fault) -> Reply {
        let server = &mut self.server;
        match fault {
            Fault::None | Fault::CrashBefore(_) | Fault::CrashAfter(_) => server.arrives(),
            Fault::Refused => Reply::only(AttemptOutcome::NotSent),
            Fault::LostBefore => Reply::only(AttemptOutcome::Lost),
            Fault::LostAfter => {
                drop(server.arrives());
                Reply::only(AttemptOutcome::Lost)
            }
            Fault::Late(steps) => {
                server.landings.push((steps, Landing::Arrives));
                Reply::only(AttemptOutcome::Lost)
            }
            Fault::Slow(steps) => works_on(server, steps).unwrap_or(Reply::only(AttemptOutcome::Lost)),
            Fault::GatewaySlow(steps) => {
                works_on(server, steps).unwrap_or(Reply::only(AttemptOutcome::Failed(None, None)))
            }
            Fault::Failed => fails(server, None),
            Fault::FailedAfter => fails(server, Some(0)),
            Fault::FailedLate(steps) => fails(server, Some(steps)),
            Fault::Gateway => Reply::only(AttemptOutcome::Failed(Some(format!("gateway {}", server.number())), None)),
            Fault::GatewayAfter => {
                drop(server.arrives());
                Reply::only(AttemptOutcome::Failed(Some(format!("gateway {}", server.number())), None))
            }
            Fault::RateLimited | Fault::RateLimitedForLong => {
                server.allows_known_race |= server.running.is_some();
                server.running = None;
                let wait = if fault == Fault::RateLimited { None } else { Some(Duration::from_secs(3600)) };
                Reply::only(AttemptOutcome::RateLimited(wait))
            }
            Fault::NoAccess => Reply::only(AttemptOutcome::Refused),
            Fault::Mismatch => Reply::only(AttemptOutcome::Mismatch),
            Fault::ForeignBefore => {
                server.add(false);
                server.arrives()
            }
            Fault::ForeignAfter => {
                let reply = server.arrives();
                server.add(false);
                reply
            }
        }
    }

    /// Resumes the operation in another process, which knows only the idempotency key.
    fn resume(&mut self, pause: Pause) {
        if pause == Pause::TooLong {
            self.server.all_lands();
            self.server.cached = None;
            self.age = Duration::from_secs(92 * 60);
        }
        self.was_resumed = true;
        self.is_ambiguous = true;
        self.spent = Duration::ZERO;
        self.before = None;
        self.observed = Observed::new(self.setup.adopt, true);
    }

    fn check(mut self, completion: Completion) -> RunResult {
        let is_ours = |server: &Server, id: u32| server.keys.iter().any(|key| key.id == id && key.is_ours);
        let returned = match completion {
            Completion::Created => self.made,
            Completion::Adopt => self.candidates.as_ref().and_then(|candidates| candidates.last().copied()),
            _ => None,
        };
        let returns_key = matches!(completion, Completion::Created | Completion::Adopt);
        if returns_key && !returned.is_some_and(|id| is_ours(&self.server, id)) {
            return RunResult::Violated("the call returns a missing key or another caller's key");
        }
        if matches!(completion, Completion::Unknown | Completion::MostLikelyNothing) && !self.is_ambiguous {
            return RunResult::Violated("the outcome is reported as unknown, but no attempt was ambiguous");
        }
        let seen = self.ours_at_last_list && !self.a_list_was_stale;
        if completion == Completion::MostLikelyNothing && (seen || self.lists_since_post < 2) {
            return RunResult::Violated("`MostLikelyNothing` is reported without two lists that lack the key");
        }
        self.server.all_lands();
        let ours = self.server.ours();
        let result = match completion {
            _ if ours > 1 => RunResult::Violated("the call created more than one key"),
            Completion::Error | Completion::LimitReached if ours > 0 => {
                RunResult::Violated("an error reports that no key was created, but the key exists")
            }
            _ => RunResult::Held,
        };
        match result {
            RunResult::Violated(_) if self.server.allows_known_race => RunResult::KnownRace,
            result => result,
        }
    }
}
