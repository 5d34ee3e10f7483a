//! Commands that run npm.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::install::once;
use crate::process::{command, run_quietly};

/// Returns the command `npm LINE`, which runs in `folder`.
pub(crate) fn npm(line: &str, folder: &Path) -> Command {
    let mut npm = command(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(line.split_whitespace()).current_dir(folder);
    npm
}

/// Installs the packages in the `package-lock.json` of a folder. Does nothing if they are already installed. The lock
/// file pins each package by hash.
pub(crate) fn install_locked(folder: &Path) -> Result<()> {
    let record = folder.join("node_modules/installed.json");
    once(&folder.join("package-lock.json"), &record, || run_quietly(&mut npm("ci", folder)))
}
