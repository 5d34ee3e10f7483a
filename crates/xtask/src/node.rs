//! The Node package, built where its sources are.

use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::Result;

use crate::install::once;
use crate::process::{command, program, run_quietly};

/// The package of the working tree.
pub(crate) const HERE: Package = Package { root: ".", built: "target" };

/// `npm LINE`, to be run in a folder.
pub(crate) fn npm(line: &str, folder: &Path) -> Command {
    let mut npm = command(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(line.split_whitespace()).current_dir(folder);
    npm
}

/// A package, each path relative to the root of this repository.
pub(crate) struct Package {
    /// The sources, as far as a repository holds them.
    pub(crate) root: &'static str,
    /// What cargo builds of them.
    pub(crate) built: &'static str,
}

impl Package {
    /// Installs the tools, then builds the native module, the package and its tests.
    pub(crate) fn install(&self) -> Result<()> {
        self.install_tools()?;
        let mut cargo = command("cargo build --quiet --package codat-keys-node");
        run_quietly(cargo.current_dir(self.root).env("CARGO_TARGET_DIR", absolute(self.built)?))?;
        let library = format!("{}codat_keys_node{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        let module = self.folder().join("codat-keys.node");
        // Removed first: a process that runs has its pages in memory.
        fs::remove_file(&module).ok();
        fs::copy(Path::new(self.built).join("debug").join(library), module)?;
        run_quietly(&mut self.npm("run --silent build"))
    }

    /// `npm LINE`, to be run in the folder of the package.
    pub(crate) fn npm(&self, line: &str) -> Command {
        npm(line, &self.folder())
    }

    /// The tests of one of the built files whose names begin so, to be run in the folder of the package.
    pub(crate) fn test(&self, file: &str, name: &str) -> Command {
        let mut node = command("node --test --test-reporter=spec --test-timeout=120000");
        node.arg(format!("--test-name-pattern=^{name}")).arg(format!("tests/built/{file}.test.mjs"));
        node.current_dir(self.folder());
        node
    }

    /// All tests, by another Node than that of this machine. Not through npm, which an old one does not run.
    pub(crate) fn tests_by(&self, node: &Path) -> Result<Command> {
        let mut node = program(node);
        node.args(["--test", "--test-reporter=spec", "--test-concurrency=3"]).current_dir(self.folder());
        // These versions run the same tests as this machine's Node, with fewer calls under load.
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

    /// Installs what `package-lock.json` names, unless it is there already.
    pub(crate) fn install_tools(&self) -> Result<()> {
        install_locked(&self.folder())
    }
}

/// Has npm install into a folder what its `package-lock.json` pins by hash, unless it is there already.
pub(crate) fn install_locked(folder: &Path) -> Result<()> {
    let record = folder.join("node_modules/installed.json");
    once(&folder.join("package-lock.json"), &record, || run_quietly(&mut npm("ci", folder)))
}
