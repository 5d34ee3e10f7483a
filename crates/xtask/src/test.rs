//! `cargo xtask test`: runs the tests of every language and counts their results.

use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};

use crate::cost::{Cost, measure};
use crate::process::{program, run_by_line};
use crate::tally::Tally;
use crate::{generate, hosts, node, page, parallel, python, runtimes, rust};

/// Test suites that share a build.
struct Group {
    /// Returns the reason why this machine cannot run these suites. Returns `None` if the machine can run them.
    lacks: fn() -> Option<&'static str>,
    build: fn() -> Result<()>,
    suites: &'static [Suite],
}

/// The name of a test suite, and the command that runs it.
type Suite = (&'static str, fn() -> Result<Command>);

/// The groups of test suites. The slowest groups come first, so that their suites start early.
const GROUPS: [Group; 7] = [
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
            rust::build()?;
            generate::check_node_types()?;
            node::HERE.assemble()
        },
        suites: &[
            // These tests also run in Bun and Deno.
            ("node", || Ok(node::HERE.npm("test --silent"))),
            // The oldest and the newest supported versions of Node.
            ("node 18", || node::HERE.tests_by("18")),
            ("node 24", || node::HERE.tests_by("24")),
        ],
    },
    Group {
        lacks: || None,
        build: || {
            // A test runs the command line.
            rust::build()?;
            python::HERE.install()
        },
        // The package pytest-randomly shuffles the tests.
        suites: &[("python", || python::HERE.module("pytest -q -n 2 --color=no"))],
    },
    // Applications that use codat-keys, and reqwest with other features. Each suite builds its application itself.
    Group {
        lacks: || None,
        build: || Ok(()),
        suites: &[
            ("host default-tls", || Ok(hosts::test("default-tls"))),
            ("host no-tls", || Ok(hosts::test("no-tls"))),
            ("host other-provider", || Ok(hosts::test("other-provider"))),
            ("host own-client", || Ok(hosts::test("own-client"))),
        ],
    },
    Group {
        lacks: hosts::lacks_native_tls,
        build: || Ok(()),
        suites: &[("host native-tls", || Ok(hosts::test("native-tls")))],
    },
    // Rotations that are killed: `cargo xtask soak`.
    Group {
        lacks: || None,
        build: rust::build,
        suites: &[("soak", || {
            // Not `current_exe`: the build before may have replaced the file of this process.
            let mut soak = program("target/debug/xtask");
            soak.args(["soak", "50"]);
            Ok(soak)
        })],
    },
    // The Rust suite includes the tests of the command line.
    Group { lacks: || None, build: rust::build, suites: &[("rust", || Ok(rust::tests()))] },
];

/// Runs the test suites in `names`. If `names` is empty, runs all suites. A failed suite does not stop the other
/// suites. The last line of the output is `N passed, M failed`.
pub(crate) fn run(names: &[&str]) -> Result<ExitCode> {
    let known: Vec<&str> = GROUPS.iter().flat_map(|group| group.suites).map(|(name, _)| *name).collect();
    for name in names {
        ensure!(known.contains(name), "there is no suite `{name}`, but {}", known.join(", "));
    }
    // Finishes the builds of the groups before the first test starts. cargo runs only one build at a time, and a build
    // slows tests down.
    let mut builds: Vec<(String, Cost)> = Vec::new();
    let mut ready: Vec<(Suite, State)> = Vec::new();
    for group in &GROUPS {
        let wanted = group.suites.iter().filter(|(name, _)| names.is_empty() || names.contains(name)).copied();
        let wanted: Vec<Suite> = wanted.collect();
        if !wanted.is_empty() {
            let (state, cost) = measure(|| State::of(group));
            let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
            builds.push((names.join(", "), cost));
            ready.extend(wanted.into_iter().map(|suite| (suite, state.clone())));
        }
    }
    let live = ready.len() == 1;
    // The browsers and the builds of the applications occupy all cores: beside them, test cases with a deadline of two
    // seconds can fail.
    let is_first = |name: &str| name == "page" || name.starts_with("host ");
    let (first, then): (Vec<_>, Vec<_>) = ready.into_iter().partition(|((name, _), _)| is_first(name));
    // A suite spends about a sixth of its time waiting. Running one more suite than there are cores uses this time.
    let run = |suites: &[_]| {
        parallel::map(suites, parallel::cores() + 1, |(suite, state)| measure(|| run_suite(*suite, state, live)))
    };
    let mut outcomes = run(&first);
    outcomes.extend(run(&then));

    println!("\n== summary");
    let mut total = Tally::default();
    for (suites, cost) in builds {
        println!("build of {suites}: {cost}");
    }
    for ((line, tally), cost) in outcomes {
        println!("{line} ({cost})");
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
    /// This machine cannot run the suite. The text is the reason.
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

/// Runs a test suite. If `live` is true, prints each line of its output immediately. Otherwise, prints the output when
/// the suite ends, so that the outputs of parallel suites do not mix. Returns a summary line and the numbers of passed
/// and failed tests.
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

/// Runs a test suite, and counts its passed and failed tests in `tally`. Returns an error if the suite did not run to
/// its end.
fn count(test: fn() -> Result<Command>, tally: &mut Tally, mut write: impl FnMut(&str)) -> Result<()> {
    let status = run_by_line(&mut test()?, |line| {
        write(line);
        tally.read(line);
    })?;
    ensure!(tally.passed + tally.failed > 0, "no test ran");
    ensure!(status.success() || tally.failed > 0, "did not run to its end: {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::command;

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
