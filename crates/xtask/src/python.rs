//! The Python package, in a virtual environment of its own below `target`.

use std::fs;
use std::path::{Path, absolute};
use std::process::Command;

use anyhow::Result;

use crate::process::{command, program, run};
use crate::tools::{PYTHON, programs};

const ENVIRONMENT: &str = "target/python-venv";

/// Installs the tools, then builds the package as it stands in the working tree.
pub(crate) fn install() -> Result<()> {
    install_tools()?;
    // Beside an active conda, maturin would not know which of the two is meant.
    run(module("maturin develop --quiet --locked")?
        .env("VIRTUAL_ENV", absolute(ENVIRONMENT)?)
        .env_remove("CONDA_PREFIX"))
}

/// `python -m LINE`, to be run in the folder of the package.
pub(crate) fn module(line: &str) -> Result<Command> {
    // Absolute: whether a relative program is looked for from the new folder differs between platforms.
    let mut python = program(absolute(programs(ENVIRONMENT).join("python"))?);
    python.arg("-m").args(line.split_whitespace()).current_dir("python");
    Ok(python)
}

/// Installs what `requirements-dev.txt` names, unless the environment has it already.
pub(crate) fn install_tools() -> Result<()> {
    let wanted = fs::read("python/requirements-dev.txt")?;
    let installed = Path::new(ENVIRONMENT).join("requirements-dev.txt");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    run(command(PYTHON).args(["-m", "venv", "--clear", ENVIRONMENT]))?;
    run(&mut module("pip install --quiet --disable-pip-version-check -r requirements-dev.txt")?)?;
    // Written last: an environment half made is made again.
    fs::write(installed, wanted)?;
    Ok(())
}
