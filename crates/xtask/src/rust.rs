//! Build and tests of the Rust crates.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::process::{command, run};

/// Selects all crates except the native module for Python, because only maturin can link that module. Every build uses
/// this selection. Another selection would change the features of dependencies, and cargo would compile the
/// dependencies again.
const SELECTION: [&str; 3] = ["--workspace", "--exclude", "codat-keys-python"];

/// Selects the default features of the command-line program. With them, the core uses ring for TLS. The default
/// features of the core select aws-lc instead, and compiling aws-lc takes a minute of CPU time.
pub(crate) const FEATURES: &str = "--no-default-features --features codat-keys-cli/default";

/// Builds the Rust tests, the programs that the tests start, and the native module for Node. Does not use
/// `--all-targets`, because this option also builds the benchmarks.
pub(crate) fn build() -> Result<()> {
    run(command(&format!("cargo build --lib --bins --tests --examples {FEATURES}")).args(SELECTION))
}

/// Builds the programs, without the tests.
pub(crate) fn build_programs() -> Result<()> {
    run(command(&format!("cargo build --quiet --bins {FEATURES}")).args(SELECTION))
}

/// Returns the path of a program that [`build`] or [`build_programs`] has built.
pub(crate) fn built_program(name: &str) -> PathBuf {
    Path::new("target/debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

pub(crate) fn tests() -> Command {
    let mut cargo = command(&format!("cargo test --no-fail-fast {FEATURES}"));
    cargo.args(SELECTION);
    cargo
}

/// A build profile of cargo.
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    /// The folder in `target` that contains the programs.
    pub(crate) folder: &'static str,
}

pub(crate) const RELEASE: Profile = Profile { name: "release", folder: "release" };
pub(crate) const DEBUG: Profile = Profile { name: "dev", folder: "debug" };

impl Profile {
    /// Builds a crate.
    pub(crate) fn build(&self, package: &str) -> Result<()> {
        run(command("cargo build --locked --profile").args([self.name, "--package", package]))
    }
}
