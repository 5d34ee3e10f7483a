//! The clients of Python, in `bench/python`: each in a process of its own, which makes a slice whenever it is told to.

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

/// It ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a client, and lets it make its connections.
    pub(crate) fn start(kind: &str, client: &str, in_flight: usize, url: &str) -> Result<Self> {
        let mut command = python();
        command.args(["bench/python", kind, client, &in_flight.to_string(), url, KEY]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("there is no {PYTHON}: start it with `cargo xtask bench`"))?;
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
