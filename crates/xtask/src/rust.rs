//! The tests in Rust.

use std::process::Command;

use anyhow::Result;

use crate::process::{command, run};

/// The packages that have tests. A build of only some of them may select other features, and then compiles dependencies
/// once more.
const PACKAGES: [&str; 7] = [
    "codat-keys",
    "codat-keys-bench",
    "codat-keys-cli",
    "codat-keys-emulator",
    "codat-keys-portal",
    "codat-keys-server",
    "xtask",
];

/// Builds the tests and the programs that they start.
pub(crate) fn build() -> Result<()> {
    run(tests().arg("--no-run"))
}

pub(crate) fn tests() -> Command {
    let mut cargo = command("cargo test --no-fail-fast");
    cargo.args(PACKAGES.map(|package| format!("--package={package}")));
    cargo
}
