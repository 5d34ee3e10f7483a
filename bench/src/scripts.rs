//! The interpreters that run `bench/python` and `bench/node`.

use std::process::Command;

/// The folder of the environment that `cargo xtask bench` creates, relative to the root of the repository.
pub(crate) const PYTHON_FOLDER: &str = "target/bench-venv";

/// Returns the command of Python without the environment of the user.
pub(crate) fn python() -> Command {
    let mut python = Command::new(format!("{PYTHON_FOLDER}/bin/python"));
    python.env_clear();
    python
}

/// Returns the command of the installed Node without the user's `NODE_OPTIONS`.
pub(crate) fn node() -> Command {
    let mut node = Command::new("node");
    node.env_remove("NODE_OPTIONS");
    node
}
