//! The commands of this repository. `cargo xtask` without arguments lists these commands.

mod bench;
mod cost;
mod dist;
mod docs;
mod fuzz;
mod generate;
mod hosts;
mod install;
mod layers;
mod lint;
mod model_check;
mod mutants;
mod node;
mod npm;
mod page;
mod parallel;
mod pin;
mod process;
mod public_api;
mod python;
mod runtimes;
mod rust;
mod soak;
mod tally;
mod test;
mod tools;

use std::process::ExitCode;

use anyhow::{Context as _, Result};

const COMMANDS: &str = "\
cargo xtask test                run every test in every language
cargo xtask test SUITE…         run the named suites
cargo xtask lint                run every other check: format, lints, docs, types, generated files, spelling, workflows, licences
cargo xtask lint NAME…          run the named checks
cargo xtask generate            write the generated files: docs/fidelity.md, the error classes, the public API, and the tables and programs on pages
cargo xtask generate --check    fail if a generated file is out of date
cargo xtask pin                 resolve the Python packages of tests and tools, and pin them by version and hash
cargo xtask mutants             run the mutation tests of both kinds: make one change at a time, and check that tests fail
cargo xtask mutants source [FILE…]  run cargo-mutants for the pure modules, or the given ones
cargo xtask mutants patches     run the mutation tests of tests/mutants
cargo xtask mutants NAME…       run the mutation tests of tests/mutants/NAME.patch
cargo xtask model-check         run create, delete and rotations against a model of the server, through every sequence of faults
cargo xtask model-check CALL    run one of them: create, delete or rotate
cargo xtask model-check CALL --faults NUMBER  run one of them through every sequence of up to this number of faults: 3 for rotate
cargo xtask model-check CALL OPTION KEYS CHOICES  repeat one schedule, as printed by the model check
cargo xtask model-check http NUMBER  repeat one run of the sample over HTTP
cargo xtask soak [NUMBER]        rotate 500 keys, or NUMBER, with processes that are killed at random moments
cargo xtask soak --seed SEED     repeat one of these rotations
cargo xtask fuzz --seconds N [TARGET…]  run every fuzz target, or the named ones, for N seconds each (Linux)
cargo xtask bench               compare the client with other clients, and write the tables in bench/README.md (Linux)
cargo xtask bench --smoke [JOB…]  run each client of the bench, or of the named jobs, a few times in a debug build (Linux)
cargo xtask docs                build the documentation site in target/docs, and check its links
cargo xtask docs --pictures     record the pictures of a terminal in docs/images (Unix)
cargo xtask dist                build the pip and npm packages in target/dist, check them, and install them in empty environments";

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode> {
    if let Some(code) = public_api::as_rustdoc() {
        return code;
    }
    // Changes to the root of the repository, because all paths in these commands are relative to it.
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .context("the root of the repository is gone")?;

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => println!("{COMMANDS}"),
        ["test", names @ ..] => return test::run(names),
        ["lint", names @ ..] => return lint::run(names),
        ["generate"] => generate::write()?,
        ["generate", "--check"] => generate::check()?,
        // Runs the model check in an optimized profile, because it takes minutes without optimization.
        ["model-check", arguments @ ..] if cfg!(debug_assertions) => {
            let run = process::command("cargo run --quiet --profile model-check --package xtask -- model-check")
                .args(arguments)
                .status()?;
            return Ok(if run.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        ["bench"] => bench::run()?,
        ["bench", "--smoke", jobs @ ..] => bench::smoke(jobs)?,
        ["docs"] => docs::run()?,
        ["docs", "--pictures"] => docs::pictures()?,
        ["dist"] => dist::run()?,
        ["fuzz", "--seconds", seconds, targets @ ..] => return fuzz::run(seconds, targets),
        ["soak"] => return soak::run(500),
        ["soak", "--seed", seed] => soak::repeat(seed.parse().context("give the seed of a rotation")?)?,
        ["soak", number] => return soak::run(number.parse().context("give a number of rotations")?),
        ["pin"] => pin::write()?,
        ["mutants", arguments @ ..] => return mutants::run(arguments),
        ["model-check"] => return model_check::all(),
        ["model-check", call] => return model_check::only(call, None),
        ["model-check", call, "--faults", faults] => return model_check::only(call, Some(faults)),
        ["model-check", "http", seed] => model_check::repeat(seed.parse().context("give the number of a run")?)?,
        ["model-check", call, option, keys, choices] => return model_check::one(call, option, keys, choices),
        _ => {
            eprintln!("unknown command; the commands are:\n{COMMANDS}");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
