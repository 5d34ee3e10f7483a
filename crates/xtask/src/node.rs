//! The Node package, built where its sources are.

use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::Result;

use crate::process::{command, run, run_quietly};

/// The package of the working tree.
pub(crate) const HERE: Package = Package { root: ".", built: "target" };

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
        install_tools(&self.folder())?;
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
        npm(&self.folder(), line)
    }

    /// The tests of one of the built files whose names begin so, to be run in the folder of the package.
    pub(crate) fn test(&self, file: &str, name: &str) -> Command {
        let mut node = command("node --test --test-reporter=spec --test-timeout=120000");
        node.arg(format!("--test-name-pattern=^{name}")).arg(format!("tests/built/{file}.test.mjs"));
        node.current_dir(self.folder());
        node
    }

    fn folder(&self) -> PathBuf {
        Path::new(self.root).join("node")
    }
}

pub(crate) fn npm(folder: &Path, line: &str) -> Command {
    let mut npm = command(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(line.split_whitespace()).current_dir(folder);
    npm
}

/// Installs what a folder's `package-lock.json` names, unless it is there already.
pub(crate) fn install_tools(folder: &Path) -> Result<()> {
    let wanted = fs::read(folder.join("package-lock.json"))?;
    let installed = folder.join("node_modules/installed.json");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    run(&mut npm(folder, "ci --silent"))?;
    // Written last: a folder half made is made again.
    fs::write(installed, wanted)?;
    Ok(())
}
