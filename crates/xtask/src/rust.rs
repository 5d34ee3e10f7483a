//! Build and tests of the Rust crates.

use std::process::Command;

use anyhow::Result;

use crate::process::{command, run};

/// All crates, except the module for Python, which only maturin can link. Every build of the tests selects the same crates
/// and kinds of targets, because another selection enables other features, and compiles the dependencies again.
const SELECTION: [&str; 3] = ["--workspace", "--exclude", "codat-keys-python"];

/// The features of the workspace. The default features of the core build aws-lc, which takes a minute of CPU time. Here,
/// every crate uses the core with ring, and the command line has its default features.
pub(crate) const FEATURES: &str = "--no-default-features --features codat-keys-cli/default";

/// Builds the Rust tests, the programs that the tests start, and the native module for Node. The command does not use
/// `--all-targets`, because that option also builds benchmark programs, which no test runs.
pub(crate) fn build() -> Result<()> {
    run(command(&format!("cargo build --lib --bins --tests --examples {FEATURES}")).args(SELECTION))
}

pub(crate) fn tests() -> Command {
    let mut cargo = command(&format!("cargo test --no-fail-fast {FEATURES}"));
    cargo.args(SELECTION);
    cargo
}
