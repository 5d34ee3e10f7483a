//! Build and tests of the Python package, in a separate virtual environment below `target`.

use std::path::{Path, absolute};
use std::process::Command;

use anyhow::Result;

use crate::install::{self, programs};
use crate::process::{program, run_quietly};

/// The Python package in this working tree.
pub(crate) const HERE: Package = Package { root: ".", built: "target", environment: "target/python-venv" };

/// The folders of the Python package, relative to the root of this repository.
pub(crate) struct Package {
    /// The root folder of the source tree.
    pub(crate) root: &'static str,
    /// The target directory of cargo.
    pub(crate) built: &'static str,
    pub(crate) environment: &'static str,
}

impl Package {
    /// Installs the development tools and builds the package from its current sources.
    pub(crate) fn install(&self) -> Result<()> {
        self.install_tools()?;
        let mut maturin = self.module("maturin develop --quiet --locked")?;
        maturin.env("VIRTUAL_ENV", absolute(self.environment)?).env("CARGO_TARGET_DIR", absolute(self.built)?);
        // Hides an active conda environment, because maturin does not accept two environments.
        run_quietly(maturin.env_remove("CONDA_PREFIX"))
    }

    /// Returns the command `python -m LINE`, which runs in the folder of the package.
    pub(crate) fn module(&self, line: &str) -> Result<Command> {
        // Makes the path absolute. If the path of a program is relative, platforms differ in the folder from which they
        // resolve it.
        let mut python = program(absolute(programs(self.environment).join("python"))?);
        python.arg("-m").args(line.split_whitespace()).current_dir(Path::new(self.root).join("python"));
        Ok(python)
    }

    /// Installs the packages in `requirements-dev.txt`, and an earlier version of `codat-platform` in a separate
    /// folder. The tests use the current and the earlier version of `codat-platform`, a Python SDK of Codat. Does
    /// nothing if the packages are already installed.
    pub(crate) fn install_tools(&self) -> Result<()> {
        install::environment(self.environment, "python/requirements-dev.txt")?;
        install::folder(self.environment, "earlier-sdk", "python/requirements-earlier-sdk.txt")
    }
}
