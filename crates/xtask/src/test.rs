//! `cargo xtask test`: runs the tests of every language and counts their results.

use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};

use crate::process::run_by_line;
use crate::{node, page, parallel, python, runtimes, rust};

/// A group of test suites that share a build.
struct Group {
    /// Returns the reason why this machine cannot run the suites. Returns `None` if it can.
    lacks: fn() -> Option<&'static str>,
    build: fn() -> Result<()>,
    suites: &'static [Suite],
}

/// The name of a suite and the command that runs its tests.
type Suite = (&'static str, fn() -> Result<Command>);

/// The groups of test suites. The suites start in this order, the slowest first.
const GROUPS: [Group; 4] = [
    // The tests of the API keys page in a browser.
    Group {
        lacks: page::lacks,
        build: || {
            page::HERE.install_tools()?;
            rust::build()
        },
        suites: &[("page", || page::HERE.all())],
    },
    Group {
        lacks: || None,
        build: || {
            runtimes::install()?;
            node::HERE.install()
        },
        suites: &[
            // These tests also run in Bun and Deno.
            ("node", || Ok(node::HERE.npm("test --silent"))),
            // The oldest and the newest supported versions of Node.
            ("node 18", || node::HERE.tests_by(&runtimes::node("18")?)),
            ("node 22", || node::HERE.tests_by(&runtimes::node("22")?)),
            ("node 24", || node::HERE.tests_by(&runtimes::node("24")?)),
        ],
    },
    Group {
        lacks: || None,
        build: || python::HERE.install(),
        // The package pytest-randomly shuffles the tests.
        suites: &[("python", || python::HERE.module("pytest -q -n 2 --color=no"))],
    },
    // The Rust suite includes the tests of the command line.
    Group { lacks: || None, build: rust::build, suites: &[("rust", || Ok(rust::tests()))] },
];

/// Runs the suites with these names, or all suites if `names` is empty. A failed suite does not stop the others. The
/// last line of the output is `N passed, M failed`.
pub(crate) fn run(names: &[&str]) -> Result<ExitCode> {
    let known: Vec<&str> = GROUPS.iter().flat_map(|group| group.suites).map(|(name, _)| *name).collect();
    for name in names {
        ensure!(known.contains(name), "there is no suite `{name}`, but {}", known.join(", "));
    }
    // Finishes all builds before the first test starts. cargo runs only one build at a time, and a build slows tests
    // down.
    let mut ready: Vec<(Suite, State)> = Vec::new();
    for group in &GROUPS {
        let wanted = group.suites.iter().filter(|(name, _)| names.is_empty() || names.contains(name)).copied();
        let wanted: Vec<Suite> = wanted.collect();
        if !wanted.is_empty() {
            let state = State::of(group);
            ready.extend(wanted.into_iter().map(|suite| (suite, state.clone())));
        }
    }
    let live = ready.len() == 1;
    // The browsers occupy all cores: beside them, test cases with a deadline of two seconds can fail.
    let (alone, together): (Vec<_>, Vec<_>) = ready.into_iter().partition(|((name, _), _)| *name == "page");
    let run = |suites: &[_]| parallel::map(suites, |(suite, state)| run_suite(*suite, state, live));
    let mut outcomes = run(&alone);
    outcomes.extend(run(&together));

    println!("\n== summary");
    let mut total = Tally::default();
    for (line, tally) in outcomes {
        println!("{line}");
        total.passed += tally.passed;
        total.failed += tally.failed;
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Clone)]
enum State {
    Built,
    NotBuilt(String),
    /// This machine cannot run the suite, for the given reason.
    Lacks(&'static str),
}

impl State {
    fn of(group: &Group) -> Self {
        match ((group.lacks)(), (group.build)) {
            (Some(what), _) => Self::Lacks(what),
            (None, build) => build().map_or_else(|error| Self::NotBuilt(format!("{error:#}")), |()| Self::Built),
        }
    }
}

/// Runs a suite. Prints the output when the suite ends, so that the output of parallel suites does not mix. With
/// `live`, prints the output line by line. Returns a summary line and the counts of the suite.
fn run_suite((name, test): Suite, state: &State, live: bool) -> (String, Tally) {
    let mut output = format!("\n== {name}\n");
    let mut write = |line: &str| {
        output += line;
        output += "\n";
        if live {
            print!("{}", std::mem::take(&mut output));
        }
    };
    let mut tally = Tally::default();
    let trouble = match state {
        State::Built => count(test, &mut tally, &mut write).err().map(|error| format!("{error:#}")),
        State::NotBuilt(error) => Some(error.clone()),
        State::Lacks(what) => {
            write(&format!("not run: {what}"));
            print!("{output}");
            return (format!("{name}: not run ({what})"), tally);
        }
    };
    print!("{output}");
    // A suite that did not run to its end counts as failed, also in the last line of the output.
    if trouble.is_some() {
        tally.failed = tally.failed.max(1);
    }
    let Tally { passed, failed, ignored } = tally;
    let trouble = trouble.map(|trouble| format!(" ({trouble})")).unwrap_or_default();
    (format!("{name}: {passed} passed, {failed} failed, {ignored} ignored{trouble}"), tally)
}

/// Runs the tests of a suite and counts the results. Returns an error for any problem other than failed tests.
fn count(test: fn() -> Result<Command>, tally: &mut Tally, mut write: impl FnMut(&str)) -> Result<()> {
    let status = run_by_line(test()?, |line| {
        write(line);
        tally.read(line);
    })?;
    ensure!(tally.passed + tally.failed > 0, "no test ran");
    ensure!(status.success() || tally.failed > 0, "did not run to its end: {status}");
    Ok(())
}

#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Tally {
    /// If the line of output contains counts, adds them to this tally.
    fn read(&mut self, line: &str) {
        if let Some((word, number)) = node_count(line) {
            return self.add(word, number);
        }
        let Some(counts) = cargo_counts(line).or_else(|| pytest_counts(line)) else { return };
        for count in counts.split([';', ',']) {
            let mut words = count.split_whitespace().rev();
            if let (Some(word), Some(number)) = (words.next(), words.next()) {
                self.add(word, number);
            }
        }
    }

    fn add(&mut self, word: &str, number: &str) {
        let Ok(number) = number.parse::<usize>() else { return };
        match word {
            "passed" | "pass" => self.passed += number,
            // pytest counts an error if the setup of a test fails or a file cannot be read.
            "failed" | "fail" | "error" | "errors" | "cancelled" => self.failed += number,
            "ignored" | "skipped" | "todo" => self.ignored += number,
            _ => {}
        }
    }
}

/// Returns the counts in a line of cargo's output, such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn cargo_counts(line: &str) -> Option<&str> {
    line.strip_prefix("test result:")
}

/// Returns the counts in a line of pytest's output, such as `1 failed, 3 passed, 1 skipped in 0.31s`.
fn pytest_counts(line: &str) -> Option<&str> {
    let (counts, time) = line.split_once(" in ")?;
    let seconds = time.split_whitespace().next()?.strip_suffix('s')?;
    (counts.starts_with(|first: char| first.is_ascii_digit()) && seconds.parse::<f64>().is_ok()).then_some(counts)
}

/// Returns the name and value of a count in a line of Node's test runner, such as `ℹ pass 3`. The runner prints one
/// line for each count.
fn node_count(line: &str) -> Option<(&str, &str)> {
    line.trim_end().strip_prefix("ℹ ")?.split_once(' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::command;

    #[test]
    fn result_lines_are_added_up_and_other_lines_are_not() {
        let mut tally = Tally::default();
        for line in [
            "running 4 tests",
            "test deletes_a_key ... ok",
            "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.02s",
            "test result: ok. 20 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.31s\r",
            "a test says: 5 passed; 5 failed",
            "........................................................................ [ 19%]",
            "367 passed in 44.34s",
            "1 failed, 300 passed, 2 skipped, 1 warning in 75.20s (0:01:15)",
            "1 passed, 2 errors in 3.20s",
            "1 error in 0.20s",
            "no tests ran in 0.01s",
            "a test says: 5 passed in 1s",
            "5 passed in time",
            "ℹ tests 7",
            "ℹ pass 4",
            "ℹ fail 1",
            "ℹ cancelled 1",
            "ℹ skipped 1\r",
            "ℹ duration_ms 1402.61",
        ] {
            tally.read(line);
        }
        assert_eq!(tally, Tally { passed: 695, failed: 7, ignored: 5 });
    }

    #[test]
    fn a_suite_that_cannot_be_built_or_runs_no_test_fails() {
        let outcome = |build, test| {
            let group = Group { lacks: || None, build, suites: &[] };
            run_suite(("none", test), &State::of(&group), false)
        };
        let failed = |line: &str| {
            (format!("none: 0 passed, 1 failed, 0 ignored ({line})"), Tally { failed: 1, ..Tally::default() })
        };
        let version: fn() -> Result<Command> = || Ok(command("cargo --version"));
        assert_eq!(outcome(|| Ok(()), version), failed("no test ran"));
        assert_eq!(outcome(|| anyhow::bail!("no compiler"), version), failed("no compiler"));
        let (line, _) = outcome(|| Ok(()), || Ok(command("no-such-program")));
        assert!(line.contains("`no-such-program` cannot start"), "{line}");
    }

    #[test]
    fn a_suite_that_this_machine_cannot_run_does_not_fail() {
        let group = Group { lacks: || Some("no browser"), build: || Ok(()), suites: &[] };
        let (line, tally) = run_suite(("none", || Ok(command("false"))), &State::of(&group), false);
        assert_eq!((line.as_str(), tally), ("none: not run (no browser)", Tally::default()));
    }
}
