//! Other versions of Node, and other JavaScript runtimes, in which the tests of the Node package run. `node/runtimes`
//! pins their versions, and npm installs them below `target`.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context as _, Result};

use crate::npm::install_locked;

const PINNED: &str = "node/runtimes";
const FOLDER: &str = "target/runtimes";

/// Installs the runtimes. Does nothing if they are installed.
pub(crate) fn install() -> Result<()> {
    fs::create_dir_all(FOLDER)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(Path::new(PINNED).join(file), Path::new(FOLDER).join(file))?;
    }
    install_locked(Path::new(FOLDER))
}

/// Returns the path of the given version of Node. npm installs each version of Node in a package such as
/// `node-24-linux-x64`, and only the package for this platform.
pub(crate) fn node(version: &str) -> Result<PathBuf> {
    let modules = absolute(FOLDER)?.join("node_modules");
    let is_it = |name: &str| name.starts_with(&format!("node-{version}-"));
    let installed = fs::read_dir(&modules)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let package = installed.into_iter().find(|name| is_it(name));
    let package = package.with_context(|| format!("{PINNED} has no Node {version} for this platform"))?;
    Ok(modules.join(package).join(format!("bin/node{EXE_SUFFIX}")))
}
