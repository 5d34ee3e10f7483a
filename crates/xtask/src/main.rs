//! The commands of this repository: `cargo xtask` lists them.

mod bench;
mod dist;
mod fuzz;
mod generate;
mod install;
mod layers;
mod lint;
mod mutants;
mod node;
mod page;
mod parallel;
mod pin;
mod process;
mod prove;
mod python;
mod runtimes;
mod rust;
mod test;
mod tools;

use std::process::ExitCode;

use anyhow::{Context as _, Result};

const COMMANDS: &str = "\
cargo xtask test              run every test in every language
cargo xtask test SUITE…       run the named suites
cargo xtask lint              run every other check: format, lints, docs, types, generated files, spelling, workflows, licences
cargo xtask lint NAME…        run the named checks
cargo xtask generate          write what is generated: docs/fidelity.md, the error tables and the programs on the pages
cargo xtask generate --check  say which of them are not current
cargo xtask pin               resolve the Python packages of tests and tools anew, and pin them by hash
cargo xtask mutants           take one mechanism out at a time, and see the tests that guard it turn red
cargo xtask mutants NAME…     take out those of tests/mutants/NAME.patch alone
cargo xtask prove             walk every sequence of faults that create and delete can meet in a model of the server
cargo xtask prove CALL ADOPT KEYS CHOICES  repeat one schedule, as a line of the walk tells it
cargo xtask prove http NUMBER  repeat one run of the sample over HTTP
cargo xtask fuzz --seconds N [TARGET…]  run each fuzz target, or those named, for N seconds (Linux)
cargo xtask bench             measure the client beside others, and rewrite the tables in bench/README.md (Linux)
cargo xtask dist              build what pip and npm install into target/dist, check it, and install it into empty environments";

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode> {
    // All paths in these commands are relative to the root of the repository.
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .context("the root of the repository is gone")?;

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => println!("{COMMANDS}"),
        ["test", names @ ..] => return test::run(names),
        ["lint", names @ ..] => return lint::run(names),
        ["generate"] => generate::write()?,
        ["generate", "--check"] => generate::check()?,
        // Runs in an optimized profile, because an unoptimized model check takes minutes.
        ["prove", arguments @ ..] if cfg!(debug_assertions) => {
            let run = process::command("cargo run --quiet --profile prove --package xtask -- prove")
                .args(arguments)
                .status()?;
            return Ok(if run.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        ["bench"] => bench::run()?,
        ["dist"] => dist::run()?,
        ["fuzz", "--seconds", seconds, targets @ ..] => return fuzz::run(seconds, targets),
        ["pin"] => pin::write()?,
        ["mutants", names @ ..] => return mutants::run(names),
        ["prove"] => return prove::all(),
        ["prove", "http", seed] => prove::repeat(seed.parse().context("give the number of a run")?)?,
        ["prove", call, adopt, keys, choices] => return prove::one(call, adopt, keys, choices),
        _ => {
            eprintln!("There is no such command. These are:\n{COMMANDS}");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
