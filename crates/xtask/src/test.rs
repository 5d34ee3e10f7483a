//! `cargo xtask test`: every test in every language, and how many passed.

use std::io::{BufRead as _, BufReader};
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::process::{command, run as run_to_end};

struct Suite {
    language: &'static str,
    build: &'static str,
    test: &'static str,
}

/// One entry a language; the line in which its test runner counts is read by [`Tally::read`].
const SUITES: [Suite; 2] = [
    Suite {
        language: "rust",
        build: "cargo test --no-run -p codat-keys -p codat-keys-emulator -p codat-keys-bench -p xtask",
        test: "cargo test --no-fail-fast -p codat-keys -p codat-keys-emulator -p codat-keys-bench -p xtask",
    },
    // The tests that drive the command line.
    Suite {
        language: "shell",
        build: "cargo test --no-run -p codat-keys-cli",
        test: "cargo test --no-fail-fast -p codat-keys-cli",
    },
];

/// Runs every suite, whatever became of the one before. The last line printed is `N passed, M failed`.
pub(crate) fn run() -> ExitCode {
    let mut total = Tally::default();
    let mut summary = String::new();
    for suite in &SUITES {
        println!("\n== {}: {}", suite.language, suite.test);
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
    run_to_end(&mut command(suite.build))?;
    let mut tests = command(suite.test).stdout(Stdio::piped()).spawn()?;
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
    /// Adds what a line counts, `test result: ok. 3 passed; 0 failed; 1 ignored; …`; other lines count nothing.
    fn read(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result:") else { return };
        for count in counts.split(';') {
            let mut words = count.split_whitespace().rev();
            let word = words.next();
            let Some(number) = words.next().and_then(|number| number.parse::<usize>().ok()) else { continue };
            match word {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                Some("ignored") => self.ignored += number,
                _ => {}
            }
        }
    }
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
        ] {
            tally.read(line);
        }
        assert_eq!(tally, Tally { passed: 23, failed: 1, ignored: 2 });
    }

    #[test]
    fn a_suite_that_cannot_be_built_or_runs_no_test_is_in_trouble() {
        let trouble = |build, test| {
            let suite = Suite { language: "none", build, test };
            run_suite(&suite, &mut Tally::default()).unwrap_err().to_string()
        };
        assert!(trouble("no-such-program", "cargo --version").contains("cannot start"));
        assert_eq!(trouble("cargo --version", "cargo --version"), "no test ran");
    }
}
