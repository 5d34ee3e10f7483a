//! Build and tests of the Rust crates.

use std::process::Command;

use anyhow::Result;

use crate::process::{command, run};

/// The packages that have tests. All of them are built together, because building only some of them may select other
/// features and compile the dependencies again.
const PACKAGES: [&str; 7] = [
    "codat-keys",
    "codat-keys-bench",
    "codat-keys-cli",
    "codat-keys-emulator",
    "codat-keys-portal",
    "codat-keys-server",
    "xtask",
];

/// Builds the Rust tests and the programs that the tests start.
pub(crate) fn build() -> Result<()> {
    run(tests().arg("--no-run"))
}

pub(crate) fn tests() -> Command {
    let mut cargo = command("cargo test --no-fail-fast");
    cargo.args(PACKAGES.map(|package| format!("--package={package}")));
    cargo
}
