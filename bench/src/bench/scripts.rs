//! The clients of Python and of Node, in `bench/python` and `bench/node`: each in a process of its own, which makes a slice
//! whenever it is told to.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};

use super::KEY;
use super::slice::{LENGTH, Slice};

/// Of the environment that `cargo xtask bench` makes, below the root of the repository.
const PYTHON: &str = "target/bench-venv/bin/python";

/// Python, as it is without what whoever runs the bench adds to it.
pub(crate) fn python() -> Command {
    let mut python = Command::new(PYTHON);
    python.env_clear();
    python
}

/// The Node of whoever runs the bench, without options of theirs.
pub(crate) fn node() -> Command {
    let mut node = Command::new("node");
    node.env_remove("NODE_OPTIONS");
    node
}

/// It ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// One of `bench/python`.
    pub(crate) fn of_python(kind: &str, client: &str, in_flight: usize, url: &str) -> Result<Self> {
        let mut command = python();
        command.args(["bench/python", kind]);
        Self::start(command, client, in_flight, url)
    }

    /// One of `bench/node`.
    pub(crate) fn of_node(client: &str, in_flight: usize, url: &str) -> Result<Self> {
        let mut command = node();
        command.arg("bench/node/main.mjs");
        Self::start(command, client, in_flight, url)
    }

    /// Starts a client, and lets it make its connections.
    fn start(mut command: Command, client: &str, in_flight: usize, url: &str) -> Result<Self> {
        command.args([client, &in_flight.to_string(), url, KEY]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let program = || format!("there is no {:?}: start it with `cargo xtask bench`", command.get_program());
        let mut child = child.with_context(program)?;
        let orders = child.stdin.take().context("it reads nothing")?;
        let answers = BufReader::new(child.stdout.take().context("it says nothing")?);
        let mut process = Self { child, orders, answers };
        process.slice().with_context(|| format!("{client} makes no calls"))?;
        Ok(process)
    }

    pub(crate) fn slice(&mut self) -> Result<Slice> {
        writeln!(self.orders, "{}", LENGTH.as_secs_f64())?;
        let mut said = String::new();
        self.answers.read_line(&mut said)?;
        Slice::parse(&said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
