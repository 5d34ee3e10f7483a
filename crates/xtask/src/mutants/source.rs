//! Mutation tests of the pure modules of the core. cargo-mutants generates the mutations from the source code.

use std::path::Path;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};

use super::{BUILT, COPY};
use crate::tools;

/// The configuration of cargo-mutants, which lists the modules.
const CONFIGURATION: &str = ".cargo/mutants.toml";

/// The mutations that no test noticed.
const MISSED: &str = "target/mutants/mutants.out/missed.txt";

/// Runs cargo-mutants for these files, or for all listed files if `files` is empty. Returns whether the tests noticed
/// every mutation.
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

/// Fails if a listed module does not exist.
pub(super) fn check() -> Result<()> {
    for module in modules()? {
        ensure!(Path::new(&module).is_file(), "{CONFIGURATION} lists {module}, which does not exist");
    }
    Ok(())
}

/// Returns the paths of the listed modules.
fn modules() -> Result<Vec<String>> {
    let text = fs::read_to_string(CONFIGURATION).with_context(|| format!("cannot read {CONFIGURATION}"))?;
    let path = |line: &str| line.trim().strip_prefix('"')?.strip_suffix("\",").map(str::to_owned);
    Ok(text.lines().filter_map(path).filter(|path| path.ends_with(".rs")).collect())
}
