//! `cargo xtask model-check`: checks the invariants of `create`, `delete` and rotations. It runs their state machines
//! against a model of the server. The model includes the worst behaviour that the documentation of Codat allows. A
//! schedule says which requests of a run have an injected fault, and which fault. The check explores every schedule
//! with up to four faults. For rotations, the limit is two faults. The check then runs the real client against the
//! emulator with random faults.

mod create;
mod delete;
mod faults;
mod rotate;
mod sample;
mod schedule;
mod server;
mod states;

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

pub(crate) use sample::repeat;
use schedule::Schedule;
use states::States;

/// An attempt starts only if at least this much time remains until the deadline of the operation. The real client
/// requires 5250 ms. With this smaller value, more attempts fit into the same time, so the check runs more schedules.
const TIME_TO_SEND: Duration = Duration::from_millis(5001);

const INVARIANTS: &str = "\
create: the call creates at most one key, and never returns another caller's key; after an error that says that no key
        was created, no key appears later; the outcome is unknown only if an attempt was ambiguous;
        `MostLikelyNothing` is reported only after two lists that lack the key; the call ends
delete: a key that is reported as deleted is gone; after an error that says that the key was not deleted, the call does
        not delete it later; the last key is kept, unless a list was stale or another process changed the keys; a list
        and the guards precede every request; the outcome is unknown only if an attempt was ambiguous; the call ends
rotate: I1 a key of the rotation always works; I2 the value of every sink authenticates; I3 at most two keys with the tag
        exist, and none remains without use; I4 the old key is deleted only after all sinks have the new key; I5 no key
        deletes itself; I6 no key is created while ten exist; I7, I8 every rotation ends after a crash anywhere, with as
        many keys as before; I9 the keys of others stay; I11 an idempotency key always has the same name, and is not sent
        after 85 minutes. (I10, no secret in the journal: the state machine knows no secret)";

/// The initial state of a run of the model check.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    /// Whether the option of the operation is set:
    /// - `create`: the option `adopt`. If it is set, no other client in the model creates API keys with the same name.
    /// - `delete`: the option `allow_key_in_use`. If it is set, the operation deletes the API key that the client uses.
    /// - `rotate`: an option of the model. If it is set, the caller aborts an interrupted rotation. Otherwise, the
    ///   caller resumes the rotation.
    option: bool,
    /// The number of API keys at the start of the run. For `rotate`, this number also determines the sinks.
    keys: usize,
    /// Whether an API key with the requested name exists at the start of the run. Used only for `create`.
    named_before: bool,
}

impl Setup {
    /// Returns a label such as `9+`: the number of API keys before the run, and a plus sign if one of these API keys
    /// has the requested name.
    fn size(self) -> String {
        format!("{}{}", self.keys, if self.named_before { "+" } else { "" })
    }
}

/// The result of a run of the model check.
pub(crate) enum RunResult {
    Held,
    /// The operation created two API keys in a way that only the server can prevent. While the server was processing
    /// the first attempt, a response with 429 made the server forget the idempotency key. A later attempt then created
    /// another API key.
    KnownRace,
    /// The search ended the run, because all schedules from the current state had been explored before.
    Explored,
    Violated(&'static str),
}

/// An operation with a state machine.
#[derive(Clone, Copy)]
struct Call {
    name: &'static str,
    run: fn(Setup, &mut Schedule) -> RunResult,
    /// The numbers of API keys with which a run can start.
    sizes: &'static [usize],
    /// Whether [`Setup::named_before`] has an effect.
    has_named_before: bool,
    /// The maximum number of faults in a run. An argument of `cargo xtask model-check` can change this number.
    faults: usize,
    /// Whether the search ends a run in a state that the search has explored before.
    has_states: bool,
    /// Only this many requests at the start of a run can have a fault. Later requests succeed.
    faulty_requests: usize,
}

const CALLS: [Call; 3] = [
    Call {
        name: "create",
        run: create::run,
        sizes: &[1, 9, 10],
        has_named_before: true,
        faults: 4,
        has_states: false,
        faulty_requests: 12,
    },
    Call {
        name: "delete",
        run: delete::run,
        sizes: &[1, 2, 3],
        has_named_before: false,
        faults: 4,
        has_states: false,
        faulty_requests: 12,
    },
    Call {
        name: "rotate",
        run: rotate::run,
        sizes: &[2, 3, 4, 5, 10],
        has_named_before: false,
        faults: 2,
        has_states: true,
        faulty_requests: usize::MAX,
    },
];

#[derive(Default)]
struct Tally {
    schedules: u64,
    /// The number of runs. If the search ends runs in explored states, this number is smaller than the number of
    /// schedules.
    runs: u64,
    /// The number of runs with the known race.
    races: u64,
    /// The number of runs that violate an invariant.
    violations: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.runs += other.runs;
        self.races += other.races;
        self.violations += other.violations;
    }
}

/// Runs the whole model check: every schedule of faults, and then random faults over HTTP.
pub(crate) fn all() -> Result<ExitCode> {
    println!("Invariants:\n{INVARIANTS}\n");
    let total = explore_all(None, None);
    println!(
        "The known race (a 429 releases the idempotency key while the first attempt is running): {} schedules create a second key.",
        total.races
    );
    let sampled = sample::run()?;
    println!(
        "http: {} runs on the emulator, {} with the known race, {} violations",
        sampled.runs, sampled.races, sampled.violations
    );
    println!("model check: {} schedules, {} violations", total.schedules, total.violations + sampled.violations);
    Ok(if total.violations + sampled.violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Repeats one run, with the arguments that [`all`] prints for a violation. Prints the steps if the run is a rotation.
/// For example, `create no 1 0,3,7` runs `create` without the option `adopt`, and with one API key at the start. The
/// numbers `0,3,7` are the choices of the [`Schedule`]: the first request succeeds, the second has fault number 3, and
/// the third has fault number 7.
pub(crate) fn one(call: &str, option: &str, keys: &str, choices: &str) -> Result<ExitCode> {
    let operation = CALLS.iter().find(|operation| operation.name == call).context("give create, delete or rotate")?;
    let option = match option {
        "yes" => true,
        "no" => false,
        _ => bail!("give yes or no"),
    };
    let choices =
        choices.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>().context("give numbers: 0,3,7")?;
    let mut schedule = Schedule::new(choices, usize::MAX, operation.faulty_requests).traced();
    let named_before = keys.ends_with('+');
    let number = keys.trim_end_matches('+').parse().context("give the number of keys")?;
    let result = (operation.run)(Setup { option, keys: number, named_before }, &mut schedule);
    println!("{call} with {keys} keys: choices {}", schedule.line());
    Ok(match result {
        RunResult::Held | RunResult::Explored => ExitCode::SUCCESS,
        RunResult::KnownRace => {
            println!("the call created a second key through the known race");
            ExitCode::SUCCESS
        }
        RunResult::Violated(what) => {
            println!("violated: {what}");
            ExitCode::FAILURE
        }
    })
}

/// Runs the schedules with at most `faults` faults, for every initial state of the operation `call`. If `faults` is
/// `None`, the limit of the operation applies.
pub(crate) fn only(call: &str, faults: Option<&str>) -> Result<ExitCode> {
    ensure!(CALLS.iter().any(|operation| operation.name == call), "give create, delete or rotate");
    let faults = faults.map(str::parse).transpose().context("give a number of faults")?;
    ensure!(faults.is_none_or(|faults| faults <= states::MAX_FAULTS), "give at most {} faults", states::MAX_FAULTS);
    let total = explore_all(faults, Some(call));
    println!("model check: {} schedules, {} violations", total.schedules, total.violations);
    Ok(if total.violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the schedules with at most `faults` faults, for every initial state of the operation `only`. If `only` is
/// `None`, runs the schedules of all operations. If `faults` is `None`, the limit of each operation applies.
fn explore_all(faults: Option<usize>, only: Option<&str>) -> Tally {
    let mut total = Tally::default();
    for call in CALLS.into_iter().filter(|call| only.is_none_or(|only| only == call.name)) {
        for (option, named_before) in [(false, false), (true, false), (false, true), (true, true)] {
            if named_before && !call.has_named_before {
                continue;
            }
            for &keys in call.sizes {
                let setup = Setup { option, keys, named_before };
                total.add(&explore(&call, setup, faults.unwrap_or(call.faults)));
            }
        }
    }
    total
}

/// Runs the schedules with at most `faults` faults, for the initial state `setup`. Prints the numbers of schedules, of
/// known races and of violations.
fn explore(call: &Call, setup: Setup, faults: usize) -> Tally {
    let started = Instant::now();
    let mut schedule = Schedule::new(Vec::new(), faults, call.faulty_requests);
    if call.has_states {
        schedule = schedule.with_states();
    }
    let option = if setup.option { "yes" } else { "no" };
    let mut tally = Tally::default();
    // Prints each kind of violation only once.
    let mut reported = HashSet::new();
    loop {
        tally.runs += 1;
        let result = (call.run)(setup, &mut schedule);
        let was_complete = !matches!(result, RunResult::Explored);
        match result {
            RunResult::Held | RunResult::Explored => {}
            RunResult::KnownRace => tally.races += 1,
            RunResult::Violated(what) => {
                tally.violations += 1;
                if reported.insert(what) {
                    let line = schedule.line();
                    println!(
                        "violated: {what}: cargo xtask model-check {} {option} {} {line}",
                        call.name,
                        setup.size()
                    );
                }
            }
        }
        if !schedule.next(was_complete) {
            break;
        }
    }
    tally.schedules = tally.runs;
    let mut how = String::new();
    if let Some((states, schedules)) = schedule.into_states().map(States::totals) {
        tally.schedules = schedules;
        how = format!(" in {} runs through {states} states", tally.runs);
    }
    println!(
        "{} {option} {}: {} schedules{how}, {} with the known race, {} violations, {:.1} s",
        call.name,
        setup.size(),
        tally.schedules,
        tally.races,
        tally.violations,
        started.elapsed().as_secs_f64()
    );
    tally
}

#[cfg(test)]
mod tests {
    use super::{CALLS, Call, Setup, explore, explore_all};

    /// Runs only the schedules with up to two faults, so that the test is fast. `cargo xtask model-check` runs the
    /// schedules with up to four faults.
    #[test]
    fn every_schedule_with_two_faults_keeps_the_invariants() {
        for call in ["create", "delete"] {
            let total = explore_all(Some(2), Some(call));
            assert_eq!(total.violations, 0);
            assert!(call != "create" || total.races > 0, "the known race occurs");
        }
    }

    /// Runs all schedules with one fault. Runs the schedules with two faults only for one initial state, because there
    /// are many such schedules. `cargo xtask model-check` runs the schedules with two faults for all initial states.
    #[test]
    fn every_rotation_with_one_fault_keeps_the_invariants() {
        assert_eq!(explore_all(Some(1), Some("rotate")).violations, 0);
        let setup = Setup { option: false, keys: 2, named_before: false };
        assert_eq!(explore(&CALLS[2], setup, 2).violations, 0);
    }

    /// Compares a search that recognizes states with a search that does not. A search that recognizes states does not
    /// run the schedules that lead to an explored state, but counts them. If this search mistook two different states
    /// for the same state, the two searches would count different numbers of schedules.
    #[test]
    fn a_search_with_states_stands_for_every_schedule() {
        let every = Call { has_states: false, ..CALLS[2] };
        for (option, keys) in [(false, 2), (true, 5)] {
            let setup = Setup { option, keys, named_before: false };
            let (with, without) = (explore(&CALLS[2], setup, 2), explore(&every, setup, 2));
            assert_eq!(with.schedules, without.schedules);
            assert!(with.runs < without.runs);
        }
    }
}
