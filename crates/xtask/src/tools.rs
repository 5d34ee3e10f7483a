//! Tools at pinned versions, installed below `target` from the package registries where they are missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::process::{command, run};

const ENVIRONMENT: &str = "target/tools-venv";

/// The Python that this machine has.
pub(crate) const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// Where a virtual environment keeps its programs.
pub(crate) fn programs(environment: &str) -> PathBuf {
    Path::new(environment).join(if cfg!(windows) { "Scripts" } else { "bin" })
}

/// The spell checker.
pub(crate) fn typos() -> Result<Command> {
    from_pypi("typos", "1.52.0")
}

/// The checker of GitHub workflows.
pub(crate) fn zizmor() -> Result<Command> {
    from_pypi("zizmor", "1.32.0")
}

/// The checker of what a package index is told.
pub(crate) fn twine() -> Result<Command> {
    from_pypi("twine", "7.0.0")
}

/// The checker of Python's stable ABI.
pub(crate) fn abi3audit() -> Result<Command> {
    from_pypi("abi3audit", "0.0.26")
}

/// The checker of what a wheel holds.
pub(crate) fn check_wheel_contents() -> Result<Command> {
    from_pypi("check-wheel-contents", "0.6.3")
}

/// The checker of dependencies. The published workflow names the same version.
pub(crate) fn cargo_deny() -> Result<Command> {
    let version = "0.20.2";
    let installed = Path::new("target/tools/bin/cargo-deny");
    if let Some(found) = [Path::new("cargo-deny"), installed].into_iter().find(|tool| has_version(tool, version)) {
        return Ok(Command::new(found));
    }
    // Its dependencies take minutes to optimize, and the check a second to run.
    run(command("cargo install cargo-deny --locked --debug --root target/tools --version").arg(version))?;
    Ok(Command::new(installed))
}

fn from_pypi(name: &str, version: &str) -> Result<Command> {
    let programs = programs(ENVIRONMENT);
    let tool = programs.join(name);
    if !has_version(&tool, version) {
        run(Command::new(PYTHON).args(["-m", "venv", ENVIRONMENT]))?;
        let wanted = format!("{name}=={version}");
        run(Command::new(programs.join("python")).args(["-m", "pip", "install", "--quiet", &wanted]))?;
    }
    Ok(Command::new(tool))
}

/// A tool that cannot be started has no version.
fn has_version(tool: &Path, version: &str) -> bool {
    let Ok(output) = Command::new(tool).arg("--version").output() else { return false };
    version_in(&String::from_utf8_lossy(&output.stdout)) == Some(version)
}

/// The version in `cargo-deny 0.20.2`, or in `twine version 7.0.0 (…`.
fn version_in(said: &str) -> Option<&str> {
    said.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_has_the_version_that_it_says() {
        assert_eq!(version_in("typos-cli 1.52.0\n"), Some("1.52.0"));
        assert_eq!(version_in("twine version 7.0.0 (readme-renderer: 46.0)\n"), Some("7.0.0"));
        assert_eq!(version_in(""), None);
        assert!(!has_version(Path::new("no-such-tool"), "1.52.0"));
        assert!(!has_version(Path::new("cargo"), "1"));
    }
}
