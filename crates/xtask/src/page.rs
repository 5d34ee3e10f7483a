//! The browser tests of the API keys page.

use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::Result;

use crate::npm::{install_locked, npm};
use crate::process::{command, run_quietly};

/// The browser tests in this working tree.
pub(crate) const HERE: Tests = Tests { root: ".", built: "target" };

/// The folders of the browser tests and of the program that serves the page, relative to the root of this repository.
pub(crate) struct Tests {
    /// The root folder of the source tree.
    pub(crate) root: &'static str,
    /// The target directory of cargo.
    pub(crate) built: &'static str,
}

/// Returns the reason why this machine cannot run the browser tests. Returns `None` if the machine can run the tests.
pub(crate) fn lacks() -> Option<&'static str> {
    if browser().is_none() {
        return Some("there is no Chromium");
    }
    (node_version() < Some(20)).then_some("Playwright needs Node 20")
}

impl Tests {
    /// Installs the development tools, and builds the program that serves the page. The command `cargo test` builds the
    /// program together with the Rust tests of the package codat-keys-cli. The mutation tests run both.
    pub(crate) fn install(&self) -> Result<()> {
        self.install_tools()?;
        let mut cargo = command("cargo test --quiet --no-run --package codat-keys-cli");
        run_quietly(cargo.current_dir(self.root).env("CARGO_TARGET_DIR", absolute(self.built)?))
    }

    pub(crate) fn all(&self) -> Result<Command> {
        self.ready(npm("test --silent", &self.folder()))
    }

    /// Returns the command that runs some tests of the test file `file`: the tests with names that start with `name`.
    pub(crate) fn some(&self, file: &str, name: &str) -> Result<Command> {
        let mut node = command("node --test --test-reporter=spec --test-timeout=120000");
        node.arg(format!("--test-name-pattern=^{name}")).arg(format!("{file}.test.mjs"));
        node.current_dir(self.folder());
        self.ready(node)
    }

    /// Installs the packages in `package-lock.json`. Does nothing if they are already installed.
    pub(crate) fn install_tools(&self) -> Result<()> {
        install_locked(&self.folder())
    }

    /// Checks the format of the source code of the browser tests.
    pub(crate) fn check(&self) -> Result<()> {
        self.install_tools()?;
        run_quietly(&mut npm("run --silent check", &self.folder()))
    }

    fn ready(&self, mut tests: Command) -> Result<Command> {
        let program = format!("debug/codat-keys{}", std::env::consts::EXE_SUFFIX);
        tests.env("CODAT_KEYS", absolute(Path::new(self.built).join(program))?);
        tests.envs(browser().map(|browser| ("CHROMIUM", browser)));
        Ok(tests)
    }

    fn folder(&self) -> PathBuf {
        Path::new(self.root).join("tests/page")
    }
}

fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH")?;
    let in_path =
        |name: &&str| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    named.or_else(|| ["chromium", "chromium-browser", "google-chrome"].iter().find_map(in_path))
}

fn node_version() -> Option<u32> {
    let said = command("node --version").output().ok()?.stdout;
    std::str::from_utf8(&said).ok()?.strip_prefix('v')?.split('.').next()?.parse().ok()
}
