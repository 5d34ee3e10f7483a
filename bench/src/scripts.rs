//! The Python and Node clients in `bench/python` and `bench/node`. Each client runs in a separate process and makes a
//! slice of calls on request.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};

use crate::KEY;
use crate::slice::{LENGTH, Slice};

/// The interpreter in the environment that `cargo xtask bench` creates, relative to the root of the repository.
const PYTHON: &str = "target/bench-venv/bin/python";

/// Returns the command of Python without the environment of the user.
pub(crate) fn python() -> Command {
    let mut python = Command::new(PYTHON);
    python.env_clear();
    python
}

/// Returns the command of the installed Node without the user's `NODE_OPTIONS`.
pub(crate) fn node() -> Command {
    let mut node = Command::new("node");
    node.env_remove("NODE_OPTIONS");
    node
}

/// A client process, which is killed on drop.
pub(crate) struct Process {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a client in `bench/python`.
    pub(crate) fn of_python(kind: &str, client: &str, in_flight: usize, url: &str) -> Result<Self> {
        let mut command = python();
        command.args(["bench/python", kind]);
        Self::start(command, client, in_flight, url)
    }

    /// Starts a client in `bench/node`.
    pub(crate) fn of_node(client: &str, in_flight: usize, url: &str) -> Result<Self> {
        let mut command = node();
        command.arg("bench/node/main.mjs");
        Self::start(command, client, in_flight, url)
    }

    /// Starts a client and runs a first slice, so that the client opens its connections.
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
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
