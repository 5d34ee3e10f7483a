//! The JavaScript runtimes for the tests of the Node package: several versions of Node, and other runtimes. The folder
//! `node/runtimes` pins the versions of all runtimes. npm installs the runtimes below `target`.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context as _, Result};

use crate::npm::install_locked;

const PINNED: &str = "node/runtimes";
const FOLDER: &str = "target/runtimes";

/// Installs the JavaScript runtimes. Does nothing if they are already installed.
pub(crate) fn install() -> Result<()> {
    fs::create_dir_all(FOLDER)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(Path::new(PINNED).join(file), Path::new(FOLDER).join(file))?;
    }
    install_locked(Path::new(FOLDER))
}

/// Returns the path of the program `node` of this version. The program is in an npm package such as
/// `node-24-linux-x64`.
pub(crate) fn node(version: &str) -> Result<PathBuf> {
    let modules = absolute(FOLDER)?.join("node_modules");
    let is_it = |name: &str| name.starts_with(&format!("node-{version}-"));
    let installed = fs::read_dir(&modules)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let package = installed.into_iter().find(|name| is_it(name));
    let package = package.with_context(|| format!("{PINNED} has no Node {version} for this platform"))?;
    Ok(modules.join(package).join(format!("bin/node{EXE_SUFFIX}")))
}
