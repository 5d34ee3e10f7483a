//! The references that other tools write: rustdoc, pdoc and TypeDoc.

use std::path::{Path, absolute};
use std::{env, fs};

use anyhow::{Context as _, Result};

use super::files::{SOURCES, write as write_file};
use super::links::remove_dead;
use crate::install::programs;
use crate::npm::{install_locked, npm};
use crate::process::{command, program, run, run_quietly, stdout};
use crate::{node, python, tools};

/// The folder that contains the documentation tools from npm, and the settings of all documentation tools.
pub(super) const FOLDER: &str = "docs/site";

/// The Python code that prints the folder of the installed packages.
const LIBRARIES: &str = "import sysconfig; print(sysconfig.get_path('purelib'))";

/// The public modules of the Python package.
const PYTHON_MODULES: [&str; 8] = [
    "codat_keys",
    "codat_keys.aws",
    "codat_keys.scan",
    "codat_keys.testing",
    "codat_keys.integrations.aiohttp",
    "codat_keys.integrations.httpx",
    "codat_keys.integrations.official",
    "codat_keys.integrations.requests",
];

const NATIVE_STUB: &str = "python/codat_keys/_native.pyi";

/// Writes the references of all languages to the folder `target`.
pub(super) fn write(target: &Path) -> Result<()> {
    fs::create_dir_all(target)?;
    rust(&target.join("rust"))?;
    python(&target.join("python"))?;
    node(&target.join("node"))
}

fn rust(target: &Path) -> Result<()> {
    // Removes the documentation of other crates, because rustdoc lists all crates in this folder.
    fs::remove_dir_all("target/doc").ok();
    run(command(
        "cargo doc --locked --no-deps --lib --package codat-keys --package codat-keys-emulator --package codat-keys-rotate \
         --no-default-features --features codat-keys/ring",
    )
    .env("RUSTDOCFLAGS", "-D warnings"))?;
    fs::rename("target/doc", target).context("cannot move target/doc")?;
    // The help and the settings of rustdoc link to this page, which rustdoc does not write for several crates.
    let first =
        "<!DOCTYPE html><title>Rust</title><meta http-equiv=\"refresh\" content=\"0; url=codat_keys/index.html\">";
    write_file(&target.join("index.html"), first)?;
    remove_dead(target)
}

fn python(target: &Path) -> Result<()> {
    python::HERE.install()?;
    let libraries = stdout(program(programs(python::HERE.environment).join("python")).args(["-c", LIBRARIES]))?;
    // pdoc reads the types of a module from its stub. The stub of the native module describes classes of `codat_keys`.
    let stub = fs::read_to_string(NATIVE_STUB).context(NATIVE_STUB)?;
    let (_docstring, stub) = stub.split_once('\n').context(NATIVE_STUB)?;
    let stubs = Path::new(SOURCES).join("stubs");
    write_file(&stubs.join("codat_keys-stubs/__init__.pyi"), &format!("from __future__ import annotations\n{stub}"))?;
    let mut pdoc = tools::pdoc()?;
    // pdoc imports the package, and the integrations in the package import third-party libraries.
    pdoc.env("PYTHONPATH", env::join_paths([stubs.as_path(), Path::new("python"), Path::new(&libraries)])?);
    pdoc.args(["--no-show-source", "--template-directory", "docs/site/pdoc", "--output-directory"]).arg(target);
    run_quietly(pdoc.args(PYTHON_MODULES))
}

fn node(target: &Path) -> Result<()> {
    node::HERE.install_tools()?;
    install_locked(Path::new(FOLDER))?;
    run_quietly(npm("run --silent typedoc -- --out", Path::new(FOLDER)).arg(absolute(target)?))
}
