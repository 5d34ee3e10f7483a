//! The Python packages: a wheel and a source distribution of the library, and a wheel of the command-line program.

use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::{DIST, LICENCES, MEGABYTES, VERSION, files, megabytes, name, try_command};
use crate::process::{command, program, run as run_to_end, stdout};
use crate::{install, python, tools};

/// The folders that contain a `pyproject.toml`: the folder of the library, and the folder of the command-line program.
const PROJECTS: [&str; 2] = ["python", "crates/cli"];

/// A Python program that starts an emulator. It prints the number of API keys, and the size of the installed library in
/// bytes.
const TRY: &str = "
from importlib.metadata import files
from codat_keys import Client
from codat_keys.testing import Emulator
with Emulator() as emulator:
    keys = Client(base_url=emulator.base_url, api_key=emulator.api_key).keys.list()
print(len(keys), sum(file.locate().stat().st_size for file in files('codat-keys')))";

pub(super) struct Dist {
    sdist: PathBuf,
    library: PathBuf,
    cli: PathBuf,
}

impl Dist {
    pub(super) fn try_out(&self) -> Result<()> {
        sdist_builds(&self.sdist)?;
        library_stands_alone(&self.library)?;
        extra_brings_the_command(&self.cli)
    }
}

/// Builds the Python packages and checks their contents.
pub(super) fn build() -> Result<Dist> {
    for (project, licence) in PROJECTS.iter().flat_map(|project| LICENCES.map(|licence| (project, licence))) {
        let linked = fs::read(Path::new(project).join(licence)).ok() == Some(fs::read(licence)?);
        ensure!(linked, "{project}/{licence} is not a link to {licence}: git needs core.symlinks to make it one");
    }
    let dist = absolute(DIST)?;

    python::HERE.install_tools()?;
    // Runs the command that pip uses. `maturin sdist` would warn of a missing Cargo.toml that is not needed.
    let sdist = stdout(python::HERE.module("maturin pep517 write-sdist --sdist-directory")?.arg(&dist))?;
    for project in PROJECTS {
        // The wheel is tagged with the oldest system on which it runs. maturin fails if PyPI would reject this tag.
        let mut maturin = python::HERE.module("maturin build --release --locked --compatibility pypi --out")?;
        run_to_end(maturin.arg(&dist).current_dir(project))?;
    }
    let (library, cli) = (wheel(&dist, "codat_keys-")?, wheel(&dist, "codat_keys_cli-")?);
    let dist = Dist { sdist: dist.join(sdist), library, cli };
    check(&dist)?;
    Ok(dist)
}

fn wheel(dist: &Path, start: &str) -> Result<PathBuf> {
    let files: Vec<PathBuf> = fs::read_dir(dist)?.map(|file| file.map(|file| file.path())).collect::<Result<_, _>>()?;
    let is_it = |file: &PathBuf| name(file).starts_with(start) && name(file).ends_with(".whl");
    files.into_iter().find(is_it).with_context(|| format!("there is no {start}*.whl"))
}

fn check(Dist { sdist, library, cli }: &Dist) -> Result<()> {
    run_to_end(tools::twine()?.args(["check", "--strict"]).args([sdist, library, cli]))?;
    run_to_end(tools::abi3audit()?.args(["--strict", "--summary"]).arg(library))?;
    run_to_end(tools::check_wheel_contents()?.arg(library))?;
    // Ignores W007, which requires a library, because this wheel contains only a program.
    run_to_end(tools::check_wheel_contents()?.args(["--ignore", "W007"]).arg(cli))?;

    for archive in [sdist, library, cli] {
        let files = files(archive)?;
        for licence in LICENCES {
            ensure!(files.contains(licence), "{} lacks {licence}", name(archive));
        }
    }
    let sources = files(sdist)?;
    ensure!(sources.contains("Cargo.lock"), "{} pins no dependency", name(sdist));
    let stray = sources.lines().find(|file| is_stray(file));
    ensure!(stray.is_none(), "{} has {}", name(sdist), stray.unwrap_or_default());
    Ok(())
}

/// Returns true if the source distribution must not contain this file.
fn is_stray(file: &str) -> bool {
    let file = file.trim_end();
    let built = [".so", ".pyd", ".dylib", ".pyc"].iter().any(|end| file.ends_with(end));
    built || file.split('/').any(|folder| ["examples", "target", "tests"].contains(&folder))
}

fn sdist_builds(sdist: &Path) -> Result<()> {
    let environment = Environment::new("sdist")?;
    let start = Instant::now();
    run_to_end(environment.pip("install --quiet").arg(sdist))?;
    let seconds = start.elapsed().as_secs();
    environment.try_library()?;
    println!("{} ({:.1} MB): builds in {seconds} s, lists keys", name(sdist), megabytes(sdist)?);
    Ok(())
}

fn library_stands_alone(library: &Path) -> Result<()> {
    let environment = Environment::new("library")?;
    environment.install_offline("codat-keys", &["codat-keys"])?;
    let installed = environment.try_library()?;
    ensure!(installed <= MEGABYTES, "the library takes {installed:.1} MB, more than {MEGABYTES} MB");
    println!(
        "{} ({:.1} MB): installs {installed:.1} MB and nothing else, lists keys",
        name(library),
        megabytes(library)?
    );
    Ok(())
}

fn extra_brings_the_command(cli: &Path) -> Result<()> {
    let environment = Environment::new("cli")?;
    environment.install_offline("codat-keys[cli]", &["codat-keys", "codat-keys-cli"])?;
    let codat_keys = environment.programs.join("codat-keys");
    let version = try_command(|| program(&codat_keys))?;
    println!("{} ({:.1} MB): comes with codat-keys[cli], `{version}` lists keys", name(cli), megabytes(cli)?);
    Ok(())
}

/// An empty virtual environment, in which the built packages are installed and tried.
struct Environment {
    programs: PathBuf,
}

impl Environment {
    fn new(name: &str) -> Result<Self> {
        let folder = format!("target/dist-venvs/{name}");
        run_to_end(command(install::PYTHON).args(["-m", "venv", "--clear", &folder]))?;
        Ok(Self { programs: absolute(install::programs(&folder))? })
    }

    fn python(&self) -> Command {
        let mut python = program(self.programs.join("python"));
        // In isolated mode, Python ignores the current folder and Python's environment variables.
        python.arg("-I");
        python
    }

    fn pip(&self, line: &str) -> Command {
        let mut pip = self.python();
        pip.args(["-m", "pip", "--disable-pip-version-check"]).args(line.split_whitespace());
        pip
    }

    /// Installs the package `wanted` from the folder `target/dist`. Then checks that the environment contains exactly
    /// the packages in `packages`.
    fn install_offline(&self, wanted: &str, packages: &[&str]) -> Result<()> {
        // In isolated mode, pip ignores its environment variables, which could name other sources.
        run_to_end(self.pip("--isolated install --quiet --no-index --find-links").args([DIST, wanted]))?;
        let brought = stdout(&mut self.pip("--isolated freeze"))?;
        let expected: Vec<String> = packages.iter().map(|package| format!("{package}=={VERSION}")).collect();
        ensure!(brought.lines().eq(&expected), "{wanted} brings\n{brought}");
        Ok(())
    }

    /// Lists the API keys of an emulator with the installed library. Returns the size of the library in megabytes.
    fn try_library(&self) -> Result<f64> {
        let answer = stdout(self.python().args(["-c", TRY]))?;
        let bytes: f64 = answer.strip_prefix("1 ").with_context(|| format!("wanted one key: {answer}"))?.parse()?;
        Ok(bytes / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extra_pins_the_version_of_the_workspace() {
        let project = include_str!("../../../../python/pyproject.toml");
        assert!(project.contains(&format!("cli = [\"codat-keys-cli=={VERSION}\"]")), "write {VERSION} there");
    }

    #[test]
    fn tests_and_what_was_built_are_no_sources() {
        for file in ["k-1/crates/core/tests/main.rs", "k-1/target/x", "k-1/codat_keys/_native.abi3.so "] {
            assert!(is_stray(file), "{file}");
        }
        for file in ["k-1/codat_keys/testing.py ", "k-1/crates/core/src/retry.rs", "k-1/Cargo.lock"] {
            assert!(!is_stray(file), "{file}");
        }
    }
}
