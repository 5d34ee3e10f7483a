//! The installed packages.

use std::process::Command;

use anyhow::{Result, bail};

use crate::scripts;

/// An installed package and its native module.
pub(crate) struct Package {
    pub(crate) language: &'static str,
    pub(crate) megabytes: f64,
    pub(crate) native_megabytes: f64,
    pub(crate) dependencies: usize,
}

pub(crate) fn python() -> Result<Package> {
    let mut python = scripts::python();
    python.arg("bench/python/package.py");
    measure("Python", python)
}

pub(crate) fn node() -> Result<Package> {
    let mut node = scripts::node();
    node.arg("bench/node/package.mjs");
    measure("Node", node)
}

/// Runs a command that prints the size of the package and of its native module in bytes, and the number of its
/// dependencies.
fn measure(language: &'static str, mut command: Command) -> Result<Package> {
    let output = String::from_utf8(command.output()?.stdout)?;
    let [bytes, native, dependencies] = output.split_whitespace().collect::<Vec<_>>()[..] else {
        bail!("codat-keys for {language} is not installed: {output:?}")
    };
    let (megabytes, native_megabytes) = (bytes.parse::<f64>()? / 1e6, native.parse::<f64>()? / 1e6);
    Ok(Package { language, megabytes, native_megabytes, dependencies: dependencies.parse()? })
}
