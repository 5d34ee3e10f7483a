//! The measurement of the jobs. The slices of the clients of a job alternate in many rounds.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::KEY;
use crate::cores::{Cores, Pin};
use crate::jobs::{Client, Job};
use crate::process::{Worker, run};
use crate::scripts::{node, python};
use crate::server::Servers;
use crate::slice::{Memory, Slice};
use crate::statistics::Summary;
use crate::table::{markdown, ms, number, spread};

/// The maximum number of rounds of a smoke test.
const SMOKE_ROUNDS: usize = 3;

pub(crate) struct Bench {
    pub(crate) cores: Cores,
    pub(crate) servers: Servers,
    /// Whether to run only a few rounds.
    pub(crate) smoke: bool,
}

impl Bench {
    pub(crate) fn measure<'a>(&self, jobs: impl Iterator<Item = &'a Job>) -> Result<Results> {
        let mut lines = Vec::new();
        for job in jobs {
            for pin in job.pins.iter().filter(|pin| self.cores.allow(**pin)) {
                lines.extend(self.measure_job(job, *pin).with_context(|| format!("{}, {pin}", job.name))?);
            }
        }
        Ok(Results(lines))
    }

    fn measure_job(&self, job: &Job, pin: Pin) -> Result<Vec<Line>> {
        // A child process keeps the pinning of its start.
        self.cores.pin(pin)?;
        let mut clients = job.clients.iter().map(|client| self.start(job, client)).collect::<Result<Vec<_>>>()?;
        let line = |client: &Client| Line { job: job.name, pin, client: client.name(), slices: Vec::new() };
        let mut lines: Vec<_> = job.clients.iter().map(line).collect();
        let rounds = if self.smoke { SMOKE_ROUNDS.min(job.rounds) } else { job.rounds };
        for round in 0..rounds {
            eprint!("\r{}, {pin}: round {} of {rounds}", job.name, round + 1);
            for place in in_turn(clients.len(), round) {
                lines[place].slices.push(clients[place]()?);
            }
        }
        eprintln!();
        Ok(lines)
    }

    /// Starts a client. Returns the function that runs its next slice.
    fn start(&self, job: &Job, client: &Client) -> Result<Box<dyn FnMut() -> Result<Slice>>> {
        let sample = job.sample_memory;
        let mut command = match client {
            Client::Rust(_) => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("call");
                command
            }
            Client::Python(_) => {
                let mut command = python();
                command.arg("bench/python");
                command
            }
            Client::Node(_) => {
                let mut command = node();
                command.arg("bench/node/main.mjs");
                command
            }
            Client::PythonCode(_, code) => {
                let mut command = python();
                command.args(["-c", code]);
                return Ok(Box::new(move || run(&mut command, sample)));
            }
            Client::NodeCode(_, code) => {
                let mut command = node();
                // Node resolves the imports from this folder.
                command.args(["--input-type=module", "-e", code]).current_dir("bench/node");
                return Ok(Box::new(move || run(&mut command, sample)));
            }
            Client::Program(_, command) => {
                let mut command = command(&self.servers)?;
                return Ok(Box::new(move || run(&mut command, sample)));
            }
        };
        command.args([job.task, client.name(), &job.in_flight.to_string(), &job.results.to_string()]);
        command.args([(job.url)(&self.servers), KEY]).env("BENCH_FILE", self.servers.download());
        let mut worker = Worker::start(command, job.length)?;
        Ok(Box::new(move || worker.slice()))
    }
}

/// Returns the indexes of a list of at most 11 clients, in a different order in each round. On a separate core, a
/// client that always follows the same other client is up to 15 % faster or slower than after others.
fn in_turn(length: usize, round: usize) -> impl Iterator<Item = usize> {
    // This number is a prime, so every step length reaches every index.
    const MOST: usize = 11;
    assert!(length <= MOST, "a job has at most {MOST} clients");
    let step = 1 + round % (MOST - 1);
    (0..MOST).map(move |turn| (round + turn * step) % MOST).filter(move |place| *place < length)
}

pub(crate) struct Results(Vec<Line>);

/// The slices of a client in all rounds of a job.
pub(crate) struct Line {
    job: &'static str,
    pub(crate) pin: Pin,
    pub(crate) client: &'static str,
    pub(crate) slices: Vec<Slice>,
}

impl Results {
    /// Returns the lines of a job with one pinning. The first line is the reference.
    pub(crate) fn of(&self, job: &str, pin: Pin) -> Vec<&Line> {
        self.0.iter().filter(|line| line.job == job && line.pin == pin).collect()
    }

    /// Returns the pinnings of a job.
    pub(crate) fn pins(&self, job: &str) -> Vec<Pin> {
        let mut pins: Vec<_> = self.0.iter().filter(|line| line.job == job).map(|line| line.pin).collect();
        pins.dedup();
        pins
    }

    /// Returns a table with one row per line.
    pub(crate) fn table(&self) -> String {
        let row = |line: &Line| {
            let reference = self.of(line.job, line.pin)[0];
            let ratio = if line.client == reference.client { "1".to_owned() } else { spread(line.speed(reference), 2) };
            let cpu = line.cpu().map(ms).unwrap_or_default();
            let peak = line.memory().map(|memory| number(memory.peak, 1)).unwrap_or_default();
            [line.job.to_owned(), line.pin.to_string(), line.client.to_owned(), ms(line.ms()), cpu, ratio, peak]
        };
        let rows: Vec<_> = self.0.iter().map(row).collect();
        markdown(["job", "cores", "client", "ms per call", "ms of CPU", "× the first", "peak MB"], &rows)
    }
}

impl Line {
    pub(crate) fn ms(&self) -> Summary {
        Summary::of(self.slices.iter().map(Slice::ms_per_call))
    }

    pub(crate) fn cpu(&self) -> Option<Summary> {
        let cpu: Option<Vec<_>> = self.slices.iter().map(Slice::cpu_ms_per_call).collect();
        cpu.map(Summary::of)
    }

    /// Returns the calls per second as a multiple of those of another client.
    pub(crate) fn speed(&self, other: &Self) -> Summary {
        self.compare(other, |ours, other| other / ours)
    }

    /// Returns a value of the time per call in each round, and of that of another client. The two slices of a round
    /// follow each other, so a longer slowdown of the machine affects both.
    pub(crate) fn compare(&self, other: &Self, of: impl Fn(f64, f64) -> f64) -> Summary {
        let rounds = self.slices.iter().zip(&other.slices);
        Summary::of(rounds.map(|(ours, other)| of(ours.ms_per_call(), other.ms_per_call())))
    }

    /// Returns the memory after the last slice.
    pub(crate) fn memory(&self) -> Option<Memory> {
        self.slices.last().and_then(|slice| slice.memory)
    }

    pub(crate) fn calls(&self) -> f64 {
        self.slices.iter().map(|slice| slice.calls).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_round_has_every_place_once_and_each_place_follows_every_other_one() {
        for length in 1..=11 {
            let mut pairs = BTreeSet::new();
            for round in 0..110 {
                let places: Vec<_> = in_turn(length, round).collect();
                assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), length);
                assert_eq!(places.len(), length);
                pairs.extend(places.windows(2).map(|pair| (pair[0], pair[1])));
            }
            assert_eq!(pairs.len(), length * (length - 1));
        }
    }

    #[test]
    fn ratios_are_computed_round_by_round() {
        let slice = |seconds| Slice { calls: 1.0, seconds, ..Slice::default() };
        let line = |seconds: [f64; 3]| Line { job: "", pin: Pin::Same, client: "", slices: seconds.map(slice).into() };
        // The ratio of the medians, 20 and 8, would be 2.5.
        assert_eq!(line([20.0, 6.0, 8.0]).speed(&line([30.0, 12.0, 20.0])).median, 2.0);
    }
}
