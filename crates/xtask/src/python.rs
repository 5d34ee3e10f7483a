//! Build and tests of the Python package, in its own virtual environment below `target`.

use std::path::{Path, absolute};
use std::process::Command;

use anyhow::Result;

use crate::install::{self, programs};
use crate::process::{program, run_quietly};

/// The package of the working tree.
pub(crate) const HERE: Package = Package { root: ".", built: "target", environment: "target/python-venv" };

/// The locations of a package, relative to the root of this repository.
pub(crate) struct Package {
    /// The root of the sources.
    pub(crate) root: &'static str,
    /// The target directory of cargo.
    pub(crate) built: &'static str,
    pub(crate) environment: &'static str,
}

impl Package {
    /// Installs the tools and builds the package from its current sources.
    pub(crate) fn install(&self) -> Result<()> {
        self.install_tools()?;
        let mut maturin = self.module("maturin develop --quiet --locked")?;
        maturin.env("VIRTUAL_ENV", absolute(self.environment)?).env("CARGO_TARGET_DIR", absolute(self.built)?);
        // Hides an active conda environment, because maturin rejects two environments.
        run_quietly(maturin.env_remove("CONDA_PREFIX"))
    }

    /// Returns the command `python -m LINE` in the folder of the package.
    pub(crate) fn module(&self, line: &str) -> Result<Command> {
        // The path is absolute, because platforms differ in whether a relative program path is resolved from the new
        // folder.
        let mut python = program(absolute(programs(self.environment).join("python"))?);
        python.arg("-m").args(line.split_whitespace()).current_dir(Path::new(self.root).join("python"));
        Ok(python)
    }

    /// Installs the packages in `requirements-dev.txt`, and the earlier SDK in a separate folder, unless they are
    /// installed.
    pub(crate) fn install_tools(&self) -> Result<()> {
        install::environment(self.environment, "python/requirements-dev.txt")?;
        install::folder(self.environment, "earlier-sdk", "python/requirements-earlier-sdk.txt")
    }
}
