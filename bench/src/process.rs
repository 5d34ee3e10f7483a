//! The measured clients. Each client runs in a process of its own: a worker that makes calls on request, or a program
//! that is started for each call.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::slice::{Memory, Slice};

/// The interval between two measurements of the memory of a program.
const SAMPLE: Duration = Duration::from_millis(5);

/// A worker, which is killed on drop.
pub(crate) struct Worker {
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
    length: Duration,
}

impl Worker {
    /// Starts a worker and runs a first slice, so that the worker opens its connections. Each slice ends with the first
    /// call that ends after `length`.
    pub(crate) fn start(mut command: Command, length: Duration) -> Result<Self> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("{:?} cannot be started", command.get_program()))?;
        let requests = child.stdin.take().context("the worker has no standard input")?;
        let replies = BufReader::new(child.stdout.take().context("the worker has no standard output")?);
        let mut worker = Self { child, requests, replies, length };
        worker.slice().with_context(|| format!("{command:?}"))?;
        Ok(worker)
    }

    pub(crate) fn slice(&mut self) -> Result<Slice> {
        writeln!(self.requests, "{}", self.length.as_secs_f64())?;
        let mut reply = String::new();
        self.replies.read_line(&mut reply)?;
        Ok(Slice { memory: Some(Memory::of(self.child.id())?), ..Slice::parse(&reply)? })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program from its start to its end. Measures its memory only if `sample` is set, because this slows down a
/// process that takes only milliseconds.
pub(crate) fn run(command: &mut Command, sample: bool) -> Result<Slice> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("{:?} cannot be started", command.get_program()))?;
    let id = child.id();
    let (status, memory) = thread::scope(|scope| {
        let sampler = sample.then(|| scope.spawn(move || last_memory(id)));
        let status = child.wait();
        (status, sampler.and_then(|sampler| sampler.join().ok().flatten()))
    });
    let (status, seconds) = (status?, started.elapsed().as_secs_f64());
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(Slice { calls: 1.0, seconds, memory, ..Slice::default() })
}

/// Measures the memory of a process until it ends. Returns the last measurement, which includes the peak.
fn last_memory(process: u32) -> Option<Memory> {
    let mut last = None;
    // A process that has ended has no memory, even before its parent has waited for it.
    while let Ok(memory) = Memory::of(process) {
        last = Some(memory);
        thread::sleep(SAMPLE);
    }
    last
}
