//! Installation of Python packages in virtual environments below `target`. The packages are pinned by version and hash.

use std::fs::{self, File};
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::Result;

use crate::process::{command, program, run};

/// The name of the Python program on this machine.
pub(crate) const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// Creates a virtual environment with the packages of the file `requirements`. Does nothing if the environment already
/// contains these packages.
pub(crate) fn environment(environment: &str, requirements: &str) -> Result<()> {
    once(Path::new(requirements), &Path::new(environment).join("installed.txt"), || {
        run(command(PYTHON).args(["-m", "venv", "--clear", environment]))?;
        run(&mut pip(environment, requirements)?)
    })
}

/// Installs the packages of the file `requirements` in the subfolder `folder` of an existing virtual environment. Does
/// not install the dependencies of these packages.
pub(crate) fn folder(environment: &str, folder: &str, requirements: &str) -> Result<()> {
    let folder = absolute(environment)?.join(folder);
    once(Path::new(requirements), &folder.join("installed.txt"), || {
        // Removes the folder, because pip does not replace packages in a target folder.
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder)?;
        run(pip(environment, requirements)?.arg("--no-deps").arg("--target").arg(&folder))
    })
}

/// Returns the folder that contains the programs of a virtual environment.
pub(crate) fn programs(environment: &str) -> PathBuf {
    Path::new(environment).join(if cfg!(windows) { "Scripts" } else { "bin" })
}

/// Calls `install` unless the packages in the file `wanted` are already installed. The packages count as installed if
/// the file `record` has the same content as `wanted`. After `install` succeeds, copies `wanted` to `record`. A lock
/// prevents two processes from installing at the same time.
pub(crate) fn once(wanted: &Path, record: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    fs::create_dir_all("target")?;
    // Dropping the file releases the lock.
    let lock = File::create("target/install.lock")?;
    lock.lock()?;
    let wanted = fs::read(wanted)?;
    if fs::read(record).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    // Writes the record last, so that an incomplete installation is repeated.
    fs::write(record, wanted)?;
    Ok(())
}

fn pip(environment: &str, requirements: &str) -> Result<Command> {
    let mut pip = program(programs(environment).join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement"]);
    pip.arg(absolute(requirements)?);
    Ok(pip)
}
