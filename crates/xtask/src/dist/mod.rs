//! `cargo xtask dist`: builds the release packages for pip and npm, checks them, and installs each of them in an empty
//! environment.

mod node;
mod platforms;
mod project;
mod python;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::install;
use crate::process::{command, stdout};
use crate::rust::Profile;

const DIST: &str = "target/dist";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The maximum size of an installed library package, in megabytes.
const MEGABYTES: f64 = 10.0;

/// Builds the packages for pip and npm in `target/dist`. Then installs and runs each package, and prints a line for
/// each one.
pub(crate) fn run() -> Result<()> {
    // Removes wheels of earlier versions, which pip would find.
    if Path::new(DIST).exists() {
        fs::remove_dir_all(DIST)?;
    }
    fs::create_dir_all(DIST)?;
    let (python, node) = (python::build()?, node::build()?);
    println!();
    python.try_out()?;
    node.try_out()
}

/// Builds the two npm archives of the Node library: the main package, and the native package for this platform.
pub(crate) fn node_library(profile: &Profile) -> Result<[PathBuf; 2]> {
    fs::create_dir_all(DIST)?;
    let node::Packed { main, native } = node::library(profile)?;
    Ok([main, native])
}

/// Returns the names of the files in an archive, one per line.
fn files(archive: &Path) -> Result<String> {
    let module = if name(archive).ends_with(".whl") { "zipfile" } else { "tarfile" };
    stdout(command(install::PYTHON).args(["-m", module, "--list"]).arg(archive))
}

/// Checks an installed `codat-keys` command. The command must print its version, and must list the only API key of an
/// emulator. Returns the output of `--version`.
fn try_command(codat_keys: impl Fn() -> Command) -> Result<String> {
    let version = stdout(codat_keys().arg("--version"))?;
    ensure!(version == format!("codat-keys {VERSION}"), "the command says that it is {version}");
    let (mut exec, again) = (codat_keys(), codat_keys());
    exec.args(["emulator", "exec", "--"]).arg(again.get_program()).args(again.get_args()).arg("list");
    let keys = stdout(&mut exec)?;
    ensure!(keys.lines().count() == 1, "the command lists no key, or too many:\n{keys}");
    Ok(version)
}

fn name(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn megabytes(file: &Path) -> Result<f64> {
    Ok(fs::metadata(file)?.len() as f64 / 1e6)
}
