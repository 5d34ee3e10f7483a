//! The Node package, built as it stands in the working tree.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process::{command, run};

const FOLDER: &str = "node";

/// Installs the tools, builds the native module and then the package.
pub(crate) fn install() -> Result<()> {
    install_tools()?;
    run(&mut command("cargo build --package codat-keys-node"))?;
    let built = format!("{}codat_keys_node{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let module = Path::new(FOLDER).join("codat-keys.node");
    // Removed first: a process that runs has its pages in memory.
    fs::remove_file(&module).ok();
    fs::copy(Path::new("target/debug").join(built), module)?;
    run(&mut npm("run --silent build"))
}

/// `npm LINE`, to be run in the folder of the package.
pub(crate) fn npm(line: &str) -> Command {
    let mut npm = command(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(line.split_whitespace()).current_dir(FOLDER);
    npm
}

/// Installs what `package-lock.json` names, unless it is there already.
fn install_tools() -> Result<()> {
    let wanted = fs::read(Path::new(FOLDER).join("package-lock.json"))?;
    let installed = Path::new(FOLDER).join("node_modules/installed.json");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    run(&mut npm("ci --silent"))?;
    // Written last: a folder half made is made again.
    fs::write(installed, wanted)?;
    Ok(())
}
