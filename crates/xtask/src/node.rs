//! Build and tests of the Node package.

use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::Result;

use crate::npm::{install_locked, npm};
use crate::process::{command, program, run_quietly};
use crate::runtimes;

/// The Node package in this working tree.
pub(crate) const HERE: Package = Package { root: ".", built: "target" };

/// The folders of the Node package, relative to the root of this repository.
pub(crate) struct Package {
    /// The root folder of the source tree.
    pub(crate) root: &'static str,
    /// The target directory of cargo.
    pub(crate) built: &'static str,
}

impl Package {
    /// Installs the development tools, and builds the native module, the package and its tests.
    pub(crate) fn install(&self) -> Result<()> {
        let mut cargo = command("cargo build --quiet --package codat-keys-node");
        run_quietly(cargo.current_dir(self.root).env("CARGO_TARGET_DIR", absolute(self.built)?))?;
        self.assemble()
    }

    /// Installs the development tools, and builds the package and its tests. Cargo must have built the native module
    /// before.
    pub(crate) fn assemble(&self) -> Result<()> {
        let library = format!("{}codat_keys_node{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        let module = self.folder().join("codat-keys.node");
        // Removes the old file instead of overwriting it, because a running process may have mapped the file.
        fs::remove_file(&module).ok();
        fs::copy(Path::new(self.built).join("debug").join(library), module)?;
        self.build()
    }

    /// Installs the development tools, and builds the package and its tests. Does not build the native module.
    pub(crate) fn build(&self) -> Result<()> {
        self.install_tools()?;
        run_quietly(&mut self.npm("run --silent build"))
    }

    /// Returns the command `npm LINE`, which runs in the folder of the package.
    pub(crate) fn npm(&self, line: &str) -> Command {
        npm(line, &self.folder())
    }

    /// Returns the command that runs some tests of the compiled test file `file`: the tests with names that start with
    /// `name`.
    pub(crate) fn test(&self, file: &str, name: &str) -> Command {
        let mut node = command("node --test --test-reporter=spec --test-timeout=120000");
        node.arg(format!("--test-name-pattern=^{name}")).arg(format!("tests/built/{file}.test.mjs"));
        node.current_dir(self.folder());
        node
    }

    /// Returns the command that runs all tests of the package with the given version of Node. The command does not use
    /// npm, because npm does not support old versions of Node.
    pub(crate) fn tests_by(&self, version: &str) -> Result<Command> {
        let mut node = program(runtimes::node(version)?);
        node.args(["--test", "--test-reporter=spec", "--test-concurrency=3"]).current_dir(self.folder());
        // Node 18 lacks this option. With Node 18, only `support.mts` ends a test file that hangs.
        if version != "18" {
            node.arg("--test-timeout=1800000");
        }
        // Reduces the number of requests in the tests under load.
        node.env("CODAT_KEYS_CALLS", "100");
        let built = fs::read_dir(self.folder().join("tests/built"))?.map(|file| file.map(|file| file.path()));
        for file in built.collect::<Result<Vec<_>, _>>()? {
            if file.to_str().is_some_and(|file| file.ends_with(".test.mjs")) {
                node.arg(absolute(file)?);
            }
        }
        Ok(node)
    }

    fn folder(&self) -> PathBuf {
        Path::new(self.root).join("node")
    }

    /// Installs the packages in `package-lock.json`. Does nothing if they are already installed.
    pub(crate) fn install_tools(&self) -> Result<()> {
        install_locked(&self.folder())
    }
}
