//! Packages from PyPI, pinned by version and hash, in virtual environments below `target`.

use std::fs::{self, File};
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::Result;

use crate::process::{command, program, run};

/// The Python that this machine has.
pub(crate) const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// Creates an environment with the packages of a requirements file, unless it was created from the same file.
pub(crate) fn environment(environment: &str, requirements: &str) -> Result<()> {
    once(Path::new(requirements), &Path::new(environment).join("installed.txt"), || {
        run(command(PYTHON).args(["-m", "venv", "--clear", environment]))?;
        run(&mut pip(environment, requirements)?)
    })
}

/// Installs the packages of a requirements file, without what they depend on, in a folder of an environment that exists.
pub(crate) fn folder(environment: &str, folder: &str, requirements: &str) -> Result<()> {
    let folder = absolute(environment)?.join(folder);
    once(Path::new(requirements), &folder.join("installed.txt"), || {
        // pip does not replace packages there.
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder)?;
        run(pip(environment, requirements)?.arg("--no-deps").arg("--target").arg(&folder))
    })
}

/// Where a virtual environment keeps its programs.
pub(crate) fn programs(environment: &str) -> PathBuf {
    Path::new(environment).join(if cfg!(windows) { "Scripts" } else { "bin" })
}

/// Installs what a file names, unless the record says that the same file was installed before. Checks that run in parallel
/// install one after the other.
pub(crate) fn once(wanted: &Path, record: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    fs::create_dir_all("target")?;
    // Unlocked when it is dropped.
    let lock = File::create("target/install.lock")?;
    lock.lock()?;
    let wanted = fs::read(wanted)?;
    if fs::read(record).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    // Written last: an incomplete installation is repeated.
    fs::write(record, wanted)?;
    Ok(())
}

fn pip(environment: &str, requirements: &str) -> Result<Command> {
    let mut pip = program(programs(environment).join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement"]);
    pip.arg(absolute(requirements)?);
    Ok(pip)
}
