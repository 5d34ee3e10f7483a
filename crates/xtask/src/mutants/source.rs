//! Mutation tests of some modules of the core. These modules perform no input or output. cargo-mutants generates the
//! mutations.

use std::path::Path;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};

use super::{BUILT, COPY};
use crate::tools;

/// The configuration of cargo-mutants. It lists the modules to mutate.
const CONFIGURATION: &str = ".cargo/mutants.toml";

/// The file in which cargo-mutants lists the mutations that no test noticed.
const MISSED: &str = "target/mutants/mutants.out/missed.txt";

/// Runs cargo-mutants for the modules in `files`. If `files` is empty, runs cargo-mutants for all modules in
/// `.cargo/mutants.toml`. Returns whether the tests noticed every mutation.
pub(super) fn run(files: &[&str]) -> Result<bool> {
    let modules = modules()?;
    for file in files {
        ensure!(modules.iter().any(|module| module == file), "{CONFIGURATION} does not list {file}");
    }
    let root = env::current_dir()?;
    let mut mutants = tools::cargo_mutants()?;
    mutants.args(["--package", "codat-keys", "--in-place", "--dir", COPY, "--output", "target/mutants"]);
    mutants.args(files.iter().flat_map(|file| ["--re".to_owned(), format!("^{file}:")]));
    // With few random cases, the examples in the tests must notice the mutations, so that the result does not vary.
    mutants.env("PROPTEST_CASES", "16").env("CARGO_TARGET_DIR", root.join(BUILT));
    let status = mutants.status()?;
    let missed = fs::read_to_string(MISSED).with_context(|| format!("cargo-mutants wrote no {MISSED}"))?;
    // The status 3 means that tests timed out, which an endless loop causes. Other mutations may have been missed.
    Ok(matches!(status.code(), Some(0 | 3)) && missed.is_empty())
}

/// Fails if `.cargo/mutants.toml` lists a module that does not exist.
pub(super) fn check() -> Result<()> {
    for module in modules()? {
        ensure!(Path::new(&module).is_file(), "{CONFIGURATION} lists {module}, which does not exist");
    }
    Ok(())
}

/// Returns the paths of the modules in `.cargo/mutants.toml`.
fn modules() -> Result<Vec<String>> {
    let text = fs::read_to_string(CONFIGURATION).with_context(|| format!("cannot read {CONFIGURATION}"))?;
    let path = |line: &str| line.trim().strip_prefix('"')?.strip_suffix("\",").map(str::to_owned);
    Ok(text.lines().filter_map(path).filter(|path| path.ends_with(".rs")).collect())
}
