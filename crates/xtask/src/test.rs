//! `cargo xtask test`: every test in every language, and how many passed.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::process::{command, run as run_to_end};
use crate::{node, page, python, runtimes};

struct Suite {
    language: &'static str,
    /// What this machine lacks, so that it is not run.
    lacks: fn() -> Option<&'static str>,
    build: fn() -> Result<()>,
    test: fn() -> Result<Command>,
}

impl Suite {
    const fn new(language: &'static str, build: fn() -> Result<()>, test: fn() -> Result<Command>) -> Self {
        Self { language, lacks: || None, build, test }
    }
}

/// One entry a language, or a version of it; the line in which its test runner counts is read by [`Tally::read`].
const SUITES: [Suite; 8] = [
    Suite::new(
        "rust",
        || {
            run_to_end(&mut command(
                "cargo test --no-run -p codat-keys -p codat-keys-emulator -p codat-keys-portal -p codat-keys-server -p codat-keys-bench -p xtask",
            ))
        },
        || {
            Ok(command(
                "cargo test --no-fail-fast -p codat-keys -p codat-keys-emulator -p codat-keys-portal -p codat-keys-server -p codat-keys-bench -p xtask",
            ))
        },
    ),
    // The tests that drive the command line.
    Suite::new(
        "shell",
        || run_to_end(&mut command("cargo test --no-run -p codat-keys-cli")),
        || Ok(command("cargo test --no-fail-fast -p codat-keys-cli")),
    ),
    // pytest-randomly shuffles them.
    Suite::new("python", || python::HERE.install(), || python::HERE.module("pytest -q -n 2 --color=no")),
    // In Bun and Deno as well.
    Suite::new(
        "node",
        || {
            runtimes::install()?;
            node::HERE.install()
        },
        || Ok(node::HERE.npm("test --silent")),
    ),
    // What was built above, by the oldest Node and the newest ones.
    Suite::new("node 18", runtimes::install, || node::HERE.tests_by(&runtimes::node("18")?)),
    Suite::new("node 22", runtimes::install, || node::HERE.tests_by(&runtimes::node("22")?)),
    Suite::new("node 24", runtimes::install, || node::HERE.tests_by(&runtimes::node("24")?)),
    // The API keys page, in a browser.
    Suite { lacks: page::lacks, ..Suite::new("page", || page::HERE.install(), || page::HERE.all()) },
];

/// Runs every suite, whatever became of the one before. The last line printed is `N passed, M failed`.
pub(crate) fn run() -> ExitCode {
    let mut total = Tally::default();
    let mut summary = String::new();
    for suite in &SUITES {
        println!("\n== {}", suite.language);
        if let Some(lacking) = (suite.lacks)() {
            println!("not run: {lacking}");
            summary += &format!("{}: not run ({lacking})\n", suite.language);
            continue;
        }
        let mut tally = Tally::default();
        let trouble = run_suite(suite, &mut tally).err();
        // A suite in trouble never looks green, not even in the last line.
        if trouble.is_some() {
            tally.failed = tally.failed.max(1);
        }
        let Tally { passed, failed, ignored } = tally;
        let trouble = trouble.map(|error| format!(" ({error:#})")).unwrap_or_default();
        summary += &format!("{}: {passed} passed, {failed} failed, {ignored} ignored{trouble}\n", suite.language);
        total.passed += passed;
        total.failed += failed;
    }
    println!("\n== summary\n{summary}{} passed, {} failed", total.passed, total.failed);
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Failed tests are counted; an error is anything else that went wrong.
fn run_suite(suite: &Suite, tally: &mut Tally) -> Result<()> {
    // Built first, so that no compiler speaks between the tests.
    (suite.build)()?;
    let mut tests = (suite.test)()?.stdout(Stdio::piped()).spawn()?;
    let output = tests.stdout.take().context("the tests have no output")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{}", line.trim_end());
        tally.read(&line);
    }
    let status = tests.wait()?;
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
    /// Adds what a line counts, if it is one that counts.
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
            // An error of pytest is a test that could not be set up, or a file that could not be read.
            "failed" | "fail" | "error" | "errors" | "cancelled" => self.failed += number,
            "ignored" | "skipped" | "todo" => self.ignored += number,
            _ => {}
        }
    }
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; …`
fn cargo_counts(line: &str) -> Option<&str> {
    line.strip_prefix("test result:")
}

/// `1 failed, 3 passed, 1 skipped in 0.31s`
fn pytest_counts(line: &str) -> Option<&str> {
    let (counts, time) = line.split_once(" in ")?;
    let seconds = time.split_whitespace().next()?.strip_suffix('s')?;
    (counts.starts_with(|first: char| first.is_ascii_digit()) && seconds.parse::<f64>().is_ok()).then_some(counts)
}

/// `ℹ pass 3`: one line for each count
fn node_count(line: &str) -> Option<(&str, &str)> {
    line.trim_end().strip_prefix("ℹ ")?.split_once(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_suite_that_cannot_be_built_or_runs_no_test_is_in_trouble() {
        let trouble = |build| {
            let suite = Suite::new("none", build, || Ok(command("cargo --version")));
            run_suite(&suite, &mut Tally::default()).unwrap_err().to_string()
        };
        assert!(trouble(|| run_to_end(&mut command("no-such-program"))).contains("cannot start"));
        assert_eq!(trouble(|| Ok(())), "no test ran");
    }
}
