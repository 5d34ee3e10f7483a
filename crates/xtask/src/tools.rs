//! Tools at pinned versions, installed below `target` from the package registries if they are missing.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::install;
use crate::process::{command, program, run};

/// The spell checker.
pub(crate) fn typos() -> Result<Command> {
    from_pypi("checks", "typos")
}

/// The checker of GitHub workflows, as to their security.
pub(crate) fn zizmor() -> Result<Command> {
    from_pypi("checks", "zizmor")
}

/// The checker of what a package index is told.
pub(crate) fn twine() -> Result<Command> {
    from_pypi("dist", "twine")
}

/// The checker of Python's stable ABI.
pub(crate) fn abi3audit() -> Result<Command> {
    from_pypi("dist", "abi3audit")
}

/// The checker of what a wheel holds.
pub(crate) fn check_wheel_contents() -> Result<Command> {
    from_pypi("dist", "check-wheel-contents")
}

/// The resolver of Python packages.
pub(crate) fn uv() -> Result<Command> {
    from_pypi("pin", "uv")
}

/// The checker of GitHub workflows, as to their syntax and types. Go compiles it: `None` without Go.
pub(crate) fn actionlint() -> Option<Command> {
    command("go version").output().is_ok_and(|go| go.status.success()).then(|| {
        // Go compares its hash with the public checksum database.
        command("go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
    })
}

/// The checker of dependencies. The published workflow names the same version.
pub(crate) fn cargo_deny() -> Result<Command> {
    let (name, version) = ("cargo-deny", "0.20.2");
    let installed = Path::new("target/tools/bin").join(name);
    if let Some(found) = [Path::new(name), &installed].into_iter().find(|tool| has_version(tool, version)) {
        return Ok(program(found));
    }
    let mut install = command("cargo install --locked --debug --root target/tools --version");
    // Dependencies take minutes to optimize, and the tool takes seconds to run.
    run(install.args([version, name]).env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    Ok(program(installed))
}

/// A program of the packages that `tools/SET.txt` pins.
fn from_pypi(set: &str, name: &str) -> Result<Command> {
    let environment = format!("target/tools-{set}");
    install::environment(&environment, &format!("crates/xtask/tools/{set}.txt"))?;
    Ok(program(install::programs(&environment).join(name)))
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
