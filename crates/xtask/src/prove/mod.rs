//! `cargo xtask prove`: walks every sequence of faults, up to four of them, that `create` and `delete` can meet in a model
//! of the server, and checks what they promise. The decisions are the core's own; the server is the worst that CREATE.md
//! allows. Then a sample of schedules runs over real HTTP on the emulator.

mod create;
mod delete;
mod faults;
mod sample;
mod schedule;
mod server;

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

pub(crate) use sample::repeat;
use schedule::Schedule;

const FAULTS: usize = 4;

const INVARIANTS: &str = "\
create: at most one key of ours; never somebody else's key handed out; an error that denies a key is true, also later;
        unknown only if in doubt; `most likely nothing` only after two looks that found nothing; it ends
delete: what is said to be deleted is gone; an error that denies it is true, also later; the last key stays unless the
        guards were blind (a stale list, another process); a list and the guards before every request; unknown only if
        in doubt; it ends";

/// Where a run takes place.
#[derive(Clone, Copy)]
pub(crate) struct World {
    /// create: the caller is the sole creator. delete: the key to delete is the one in use.
    adopt: bool,
    /// How many keys there are at the start.
    keys: usize,
    /// create: one of them has the name already.
    named_before: bool,
}

impl World {
    /// The number of keys, with a `+` where one has the name already.
    fn size(self) -> String {
        format!("{}{}", self.keys, if self.named_before { "+" } else { "" })
    }
}

/// What a run showed.
pub(crate) enum Verdict {
    Held,
    /// More than one key, by the way that CREATE.md names and only the server could close.
    KnownHole,
    Violated(&'static str),
}

type Run = fn(World, &mut Schedule) -> Verdict;

const CALLS: [(&str, Run, [usize; 3]); 2] = [("create", create::run, [1, 9, 10]), ("delete", delete::run, [1, 2, 3])];

#[derive(Default)]
struct Tally {
    schedules: u64,
    holes: u64,
    violations: u64,
}

/// Walks every schedule, then the sample.
pub(crate) fn all() -> Result<ExitCode> {
    println!("Invariants:\n{INVARIANTS}\n");
    let mut total = Tally::default();
    for (call, run, sizes) in CALLS {
        for (adopt, named_before) in [(false, false), (true, false), (false, true), (true, true)] {
            if named_before && call == "delete" {
                continue;
            }
            for keys in sizes {
                let started = Instant::now();
                let world = World { adopt, keys, named_before };
                let tally = walk(call, run, world);
                println!(
                    "{call} {} {}: {} schedules, {} through the known hole, {} violations, {:.1} s",
                    if adopt { "yes" } else { "no" },
                    world.size(),
                    tally.schedules,
                    tally.holes,
                    tally.violations,
                    started.elapsed().as_secs_f64()
                );
                total.schedules += tally.schedules;
                total.holes += tally.holes;
                total.violations += tally.violations;
            }
        }
    }
    println!(
        "The known hole (a 429 releases the idempotency key while the first attempt is running): {} schedules make a second key.",
        total.holes
    );
    let sampled = sample::run()?;
    println!(
        "http: {} runs on the emulator, {} through the known hole, {} violations",
        sampled.runs, sampled.holes, sampled.violations
    );
    println!("prove: {} schedules, {} violations", total.schedules, total.violations + sampled.violations);
    Ok(if total.violations + sampled.violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Repeats one schedule, as a line of [`all`] told it: `create no 1 0,3,7`.
pub(crate) fn one(call: &str, adopt: &str, keys: &str, choices: &str) -> Result<ExitCode> {
    let (_, run, _) = CALLS.into_iter().find(|(name, ..)| *name == call).context("say create or delete")?;
    let adopt = match adopt {
        "yes" => true,
        "no" => false,
        _ => bail!("say yes or no"),
    };
    let choices =
        choices.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>().context("give numbers: 0,3,7")?;
    let mut schedule = Schedule::new(choices, FAULTS);
    let named_before = keys.ends_with('+');
    let number = keys.trim_end_matches('+').parse().context("give the number of keys")?;
    let verdict = run(World { adopt, keys: number, named_before }, &mut schedule);
    println!("{call} with {keys} keys: choices {}", schedule.line());
    Ok(match verdict {
        Verdict::Held => ExitCode::SUCCESS,
        Verdict::KnownHole => {
            println!("a second key, through the known hole");
            ExitCode::SUCCESS
        }
        Verdict::Violated(what) => {
            println!("violated: {what}");
            ExitCode::FAILURE
        }
    })
}

fn walk(call: &str, run: Run, world: World) -> Tally {
    let mut tally = Tally::default();
    // One example of each is enough to start from.
    let mut told = HashSet::new();
    let mut choices = Some(Vec::new());
    while let Some(given) = choices {
        let mut schedule = Schedule::new(given, FAULTS);
        tally.schedules += 1;
        match run(world, &mut schedule) {
            Verdict::Held => {}
            Verdict::KnownHole => tally.holes += 1,
            Verdict::Violated(what) => {
                tally.violations += 1;
                let adopt = if world.adopt { "yes" } else { "no" };
                if told.insert(what) {
                    println!("violated: {what}: cargo xtask prove {call} {adopt} {} {}", world.size(), schedule.line());
                }
            }
        }
        choices = schedule.next();
    }
    tally
}
