//! The other runtimes in which the Node package is tested, installed below `target` from npm: `node/runtimes` names them.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf, absolute};

use anyhow::Result;

use crate::node::install_as_named;

const FOLDER: &str = "target/runtimes";

/// Installs them, unless they are there already.
pub(crate) fn install() -> Result<()> {
    fs::create_dir_all(FOLDER)?;
    fs::copy("node/runtimes/package.json", Path::new(FOLDER).join("package.json"))?;
    install_as_named(Path::new(FOLDER), "package.json", "install --no-package-lock")
}

/// A version of Node.
pub(crate) fn node(version: &str) -> Result<PathBuf> {
    Ok(absolute(FOLDER)?.join(format!("node_modules/node-{version}/bin/node{EXE_SUFFIX}")))
}
