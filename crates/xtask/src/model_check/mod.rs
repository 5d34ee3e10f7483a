//! `cargo xtask model-check`: checks the invariants of `create` and `delete`. It runs their state machines against a
//! model of the server. This model behaves as badly as the documentation of Codat allows. A schedule says which
//! requests of a run fail, and how. The check runs every schedule with up to four faults. It then runs the real client
//! against the emulator with random faults.

mod create;
mod delete;
mod faults;
mod sample;
mod schedule;
mod server;

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

pub(crate) use sample::repeat;
use schedule::Schedule;

const FAULTS: usize = 4;

/// An attempt starts only if at least this much time remains until the deadline of the operation. The real client
/// requires 5250 ms. With this smaller value, more attempts fit into the same time, so the check runs more schedules.
const TIME_TO_SEND: Duration = Duration::from_millis(5001);

const INVARIANTS: &str = "\
create: the call creates at most one key, and never returns another caller's key; after an error that says that no key
        was created, no key appears later; the outcome is unknown only if an attempt was ambiguous;
        `MostLikelyNothing` is reported only after two lists that lack the key; the call ends
delete: a key that is reported as deleted is gone; after an error that says that the key was not deleted, the call does
        not delete it later; the last key is kept, unless a list was stale or another process changed the keys; a list
        and the guards precede every request; the outcome is unknown only if an attempt was ambiguous; the call ends";

/// The initial state of a run of the model check.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    /// Whether the option of the operation is set. For `create`, this is the option `adopt`. If it is set, no other
    /// client in the model creates API keys with the same name. For `delete`, this is the option `allow_key_in_use`. If
    /// it is set, the operation deletes the API key that the client uses.
    option: bool,
    /// The number of API keys at the start of the run.
    keys: usize,
    /// Whether an API key with the requested name exists at the start of the run. Used only for `create`.
    named_before: bool,
}

impl Setup {
    /// Returns a label for the API keys that exist before the run, such as `9+`: their number, and a plus sign if one of
    /// them has the requested name.
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
    Violated(&'static str),
}

type Run = fn(Setup, &mut Schedule) -> RunResult;

const CALLS: [(&str, Run, [usize; 3]); 2] = [("create", create::run, [1, 9, 10]), ("delete", delete::run, [1, 2, 3])];

#[derive(Default)]
struct Tally {
    schedules: u64,
    races: u64,
    violations: u64,
}

/// Runs the whole model check: every schedule of faults, and then random faults over HTTP.
pub(crate) fn all() -> Result<ExitCode> {
    println!("Invariants:\n{INVARIANTS}\n");
    let total = explore_all(FAULTS);
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

/// Repeats one run, with the arguments that [`all`] prints for it. For example, `create no 1 0,3,7` runs `create`
/// without the option `adopt`, and with one API key at the start. The numbers `0,3,7` are the choices of the
/// [`Schedule`]: the first request succeeds, the second has fault number 3, and the third has fault number 7.
pub(crate) fn one(call: &str, option: &str, keys: &str, choices: &str) -> Result<ExitCode> {
    let (_, run, _) = CALLS.into_iter().find(|(name, ..)| *name == call).context("give create or delete")?;
    let option = match option {
        "yes" => true,
        "no" => false,
        _ => bail!("give yes or no"),
    };
    let choices =
        choices.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>().context("give numbers: 0,3,7")?;
    let mut schedule = Schedule::new(choices, FAULTS);
    let named_before = keys.ends_with('+');
    let number = keys.trim_end_matches('+').parse().context("give the number of keys")?;
    let result = run(Setup { option, keys: number, named_before }, &mut schedule);
    println!("{call} with {keys} keys: choices {}", schedule.line());
    Ok(match result {
        RunResult::Held => ExitCode::SUCCESS,
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

/// Runs every schedule with at most `faults` faults. Repeats this for every initial state.
fn explore_all(faults: usize) -> Tally {
    let mut total = Tally::default();
    for (call, run, sizes) in CALLS {
        for (option, named_before) in [(false, false), (true, false), (false, true), (true, true)] {
            if named_before && call == "delete" {
                continue;
            }
            for keys in sizes {
                let started = Instant::now();
                let setup = Setup { option, keys, named_before };
                let tally = explore(call, run, setup, faults);
                println!(
                    "{call} {} {}: {} schedules, {} with the known race, {} violations, {:.1} s",
                    if option { "yes" } else { "no" },
                    setup.size(),
                    tally.schedules,
                    tally.races,
                    tally.violations,
                    started.elapsed().as_secs_f64()
                );
                total.schedules += tally.schedules;
                total.races += tally.races;
                total.violations += tally.violations;
            }
        }
    }
    total
}

fn explore(call: &str, run: Run, setup: Setup, faults: usize) -> Tally {
    let mut tally = Tally::default();
    // Prints each kind of violation only once.
    let mut reported = HashSet::new();
    let mut choices = Some(Vec::new());
    while let Some(given) = choices {
        let mut schedule = Schedule::new(given, faults);
        tally.schedules += 1;
        match run(setup, &mut schedule) {
            RunResult::Held => {}
            RunResult::KnownRace => tally.races += 1,
            RunResult::Violated(what) => {
                tally.violations += 1;
                let option = if setup.option { "yes" } else { "no" };
                if reported.insert(what) {
                    println!(
                        "violated: {what}: cargo xtask model-check {call} {option} {} {}",
                        setup.size(),
                        schedule.line()
                    );
                }
            }
        }
        choices = schedule.next();
    }
    tally
}

#[cfg(test)]
mod tests {
    /// Runs only the schedules with up to two faults, because this is fast. `cargo xtask model-check` runs those with
    /// up to four.
    #[test]
    fn every_schedule_with_two_faults_keeps_the_invariants() {
        let total = super::explore_all(2);
        assert_eq!(total.violations, 0);
        assert!(total.races > 0, "the known race occurs");
    }
}
