//! The model check of `create`. It runs the state machine of `create` against a model of the server, and checks the
//! result.

use std::time::{Duration, Instant};

use codat_keys::internal::state_machines::create::{Action, AttemptOutcome, Event};
use codat_keys::internal::state_machines::{CreateMachine, Now, create_machine, error, operation};
use codat_keys::{Creation, Error, ErrorKind, KeyName, Timestamp};

use super::faults::{Fault, LIST_FAULTS, ListFault, Pause, faults};
use super::schedule::Schedule;
use super::server::{IDEMPOTENCY_KEY, NAME, STARTED, Server, failed};
use super::{RunResult, Setup, TIME_TO_SEND};

/// Runs `create` with the faults of one schedule, and checks that the result satisfies the invariants of `create`.
pub(crate) fn run(setup: Setup, schedule: &mut Schedule) -> RunResult {
    let origin = Instant::now();
    let mut call = Call {
        setup,
        schedule,
        server: Server::new(setup.keys, setup.named_before),
        machine: machine(origin, setup.option, false),
        origin,
        spent: Duration::ZERO,
        age: Duration::ZERO,
        was_resumed: false,
        lists_since_post: 0,
        ours_at_last_list: false,
        a_list_was_stale: false,
        is_ambiguous: false,
    };
    for _ in 0..200 {
        if let Some(result) = call.step() {
            return call.check(&result);
        }
        call.server.step();
    }
    RunResult::Violated("the call does not end")
}

fn machine(started: Instant, adopt: bool, resumed: bool) -> CreateMachine {
    let name = KeyName::parse(NAME).expect("a valid name");
    let operation = operation(started, Duration::from_secs(60), TIME_TO_SEND);
    create_machine(operation, &name, IDEMPOTENCY_KEY, adopt, resumed).expect("a valid idempotency key")
}

struct Call<'a> {
    setup: Setup,
    schedule: &'a mut Schedule,
    server: Server,
    machine: CreateMachine,
    /// The time at which the run started.
    origin: Instant,
    /// The time since the current call of `create` started. This time restarts at zero when the operation is resumed
    /// after a crash.
    spent: Duration,
    /// The time since the first call of `create` started. This time continues when the operation is resumed after a
    /// crash.
    age: Duration,
    was_resumed: bool,
    lists_since_post: u8,
    /// Whether the server had an API key of this operation at the time of the latest list request. True even if the
    /// response was out of date and did not contain the API key.
    ours_at_last_list: bool,
    a_list_was_stale: bool,
    /// Whether the outcome of an attempt is unknown to the client. The model computes this value itself, and does not
    /// read it from the state machine.
    is_ambiguous: bool,
}

impl Call<'_> {
    fn step(&mut self) -> Option<Result<Creation, Error>> {
        let started = Timestamp::from_millisecond(STARTED).expect("a valid time");
        match self.machine.next(Now { instant: self.origin + self.spent, system: started + self.age }) {
            Action::List(_) => self.list(),
            Action::Post => self.post(),
            Action::Wait(time) => {
                self.pass(time);
                self.machine.on_event(Event::Waited);
            }
            Action::Complete(result) => return Some(result),
        }
        None
    }

    fn pass(&mut self, time: Duration) {
        self.spent += time;
        self.age += time;
    }

    fn list(&mut self) {
        self.pass(Duration::from_millis(100));
        let fault = self.schedule.choose(if self.setup.option { &LIST_FAULTS[..3] } else { &LIST_FAULTS });
        if let ListFault::Failed = fault {
            return self.machine.on_event(Event::ListFailed(error(ErrorKind::Server, None, None)));
        }
        if let ListFault::ForeignBefore = fault {
            self.server.add(false);
        }
        let stale = matches!(fault, ListFault::Stale);
        self.a_list_was_stale |= stale;
        self.lists_since_post += 1;
        self.ours_at_last_list = !self.server.ours.is_empty();
        self.machine.on_event(Event::Listed(self.server.list(stale)));
    }

    fn post(&mut self) {
        let fault = self.schedule.choose(faults(self.setup.option, self.was_resumed));
        self.lists_since_post = 0;
        if let Fault::CrashBefore(pause) | Fault::CrashAfter(pause) = fault {
            if let Fault::CrashAfter(_) = fault {
                self.server.arrives();
            }
            return self.resume(pause);
        }
        self.pass(match fault {
            Fault::Late(_) | Fault::Slow(_) => Duration::from_secs(15),
            _ => Duration::from_millis(100),
        });
        let event = self.answer(fault);
        // The outcome is known only if the response states the outcome of this request.
        self.is_ambiguous |= matches!(
            event,
            Event::Failed(
                AttemptOutcome::Lost | AttemptOutcome::StillRunning | AttemptOutcome::Failed | AttemptOutcome::Mismatch,
                _,
            )
        );
        self.machine.on_event(event);
    }

    fn answer(&mut self, fault: Fault) -> Event<'static> {
        let server = &mut self.server;
        match fault {
            Fault::None | Fault::CrashBefore(_) | Fault::CrashAfter(_) => server.arrives(),
            Fault::Refused => failed(AttemptOutcome::NotSent),
            Fault::LostBefore => failed(AttemptOutcome::Lost),
            Fault::LostAfter => {
                server.arrives();
                failed(AttemptOutcome::Lost)
            }
            Fault::Late(steps) => {
                server.arrives_late(steps);
                failed(AttemptOutcome::Lost)
            }
            Fault::Slow(steps) => server.works_on(steps, AttemptOutcome::Lost),
            Fault::GatewaySlow(steps) => server.works_on(steps, AttemptOutcome::Failed),
            Fault::Failed => server.fails(None),
            Fault::FailedAfter => server.fails(Some(0)),
            Fault::FailedLate(steps) => server.fails(Some(steps)),
            Fault::Gateway => server.gateway_fails(),
            Fault::GatewayAfter => {
                server.arrives();
                server.gateway_fails()
            }
            Fault::RateLimited | Fault::RateLimitedForLong => {
                server.release();
                let wait = (fault == Fault::RateLimitedForLong).then_some(Duration::from_secs(3600));
                Event::Failed(AttemptOutcome::RateLimited, error(ErrorKind::RateLimited, None, wait))
            }
            Fault::NoAccess => failed(AttemptOutcome::Refused),
            Fault::Mismatch => failed(AttemptOutcome::Mismatch),
            Fault::ForeignBefore => {
                server.add(false);
                server.arrives()
            }
            Fault::ForeignAfter => {
                let event = server.arrives();
                server.add(false);
                event
            }
        }
    }

    /// Resumes the operation after a crash, with a new state machine that knows only the idempotency key. `pause` is
    /// the time between the crash and the resumption.
    fn resume(&mut self, pause: Pause) {
        if pause == Pause::TooLong {
            self.server.forget();
            self.age = Duration::from_secs(92 * 60);
        }
        self.was_resumed = true;
        self.is_ambiguous = true;
        self.spent = Duration::ZERO;
        self.machine = machine(self.origin, self.setup.option, true);
    }

    fn check(mut self, result: &Result<Creation, Error>) -> RunResult {
        let unknown = result.as_ref().err().filter(|error| error.kind() == ErrorKind::OutcomeUnknown);
        let seen = self.ours_at_last_list && !self.a_list_was_stale;
        match (result, unknown) {
            (Ok(creation), _) if !self.server.ours.contains(&creation.key.id) => {
                return RunResult::Violated("the call returns another caller's key");
            }
            (_, Some(_)) if !self.is_ambiguous => {
                return RunResult::Violated("the outcome is reported as unknown, but no attempt was ambiguous");
            }
            (_, Some(error)) if (seen || self.lists_since_post < 2) && says_most_likely_nothing(error) => {
                return RunResult::Violated("`most likely nothing` is reported without two lists that lack the key");
            }
            _ => {}
        }
        self.server.all_lands();
        let ours = self.server.ours.len();
        let violated = match result {
            _ if ours > 1 => "the call created more than one key",
            Err(_) if unknown.is_none() && ours > 0 => "an error reports that no key was created, but the key exists",
            _ => return RunResult::Held,
        };
        if self.server.allows_known_race { RunResult::KnownRace } else { RunResult::Violated(violated) }
    }
}

fn says_most_likely_nothing(error: &Error) -> bool {
    error.to_string().contains("most likely nothing was made")
}
