//! The Python package, in a virtual environment of its own below `target`.

use std::path::{Path, absolute};
use std::process::Command;

use anyhow::Result;

use crate::install::{self, programs};
use crate::process::{program, run_quietly};

/// The package of the working tree.
pub(crate) const HERE: Package = Package { root: ".", built: "target", environment: "target/python-venv" };

/// A package and where it is installed, each path relative to the root of this repository.
pub(crate) struct Package {
    /// The sources, as far as a repository holds them.
    pub(crate) root: &'static str,
    /// What cargo builds of them.
    pub(crate) built: &'static str,
    pub(crate) environment: &'static str,
}

impl Package {
    /// Installs the tools, then builds the package as its sources stand.
    pub(crate) fn install(&self) -> Result<()> {
        self.install_tools()?;
        let mut maturin = self.module("maturin develop --quiet --locked")?;
        maturin.env("VIRTUAL_ENV", absolute(self.environment)?).env("CARGO_TARGET_DIR", absolute(self.built)?);
        // Beside an active conda, maturin would not know which of the two is meant.
        run_quietly(maturin.env_remove("CONDA_PREFIX"))
    }

    /// `python -m LINE`, to be run in the folder of the package.
    pub(crate) fn module(&self, line: &str) -> Result<Command> {
        // Absolute: whether a relative program is looked for from the new folder differs between platforms.
        let mut python = program(absolute(programs(self.environment).join("python"))?);
        python.arg("-m").args(line.split_whitespace()).current_dir(Path::new(self.root).join("python"));
        Ok(python)
    }

    /// Installs the packages of `requirements-dev.txt`, and the earlier SDK in a separate folder, unless they are installed.
    pub(crate) fn install_tools(&self) -> Result<()> {
        install::environment(self.environment, "python/requirements-dev.txt")?;
        install::folder(self.environment, "earlier-sdk", "python/requirements-earlier-sdk.txt")
    }
}
