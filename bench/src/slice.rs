//! A slice: a short period of consecutive calls of one client.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::time::{ClockId, clock_gettime};

/// What a client did in a slice.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slice {
    pub(crate) calls: f64,
    pub(crate) seconds: f64,
    /// The processor time of the client, including system calls. `None` if it was not measured.
    pub(crate) cpu_seconds: Option<f64>,
    /// The memory of the client after the slice. `None` if it was not measured.
    pub(crate) memory: Option<Memory>,
}

impl Slice {
    /// Parses the line that a worker prints: the number of calls, the seconds, and the seconds of processor time.
    pub(crate) fn parse(line: &str) -> Result<Self> {
        let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [calls, seconds, cpu] = numbers[..] else { bail!("three numbers were expected: {line:?}") };
        Ok(Self { calls, seconds, cpu_seconds: Some(cpu), memory: None })
    }

    pub(crate) fn ms_per_call(&self) -> f64 {
        self.seconds * 1e3 / self.calls
    }

    pub(crate) fn cpu_ms_per_call(&self) -> Option<f64> {
        self.cpu_seconds.map(|seconds| seconds * 1e3 / self.calls)
    }
}

/// The memory of a process, in megabytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    /// The largest resident memory since the start of the process.
    pub(crate) peak: f64,
}

impl Memory {
    pub(crate) fn of(process: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        Self::parse(&status).context("the kernel reports no memory of the process")
    }

    fn parse(status: &str) -> Option<Self> {
        let megabytes = |name: &str| {
            let kib = status.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix(" kB")?;
            Some(kib.parse::<f64>().ok()? * 1024.0 / 1e6)
        };
        Some(Self { resident: megabytes("VmRSS:")?, peak: megabytes("VmHWM:")? })
    }
}

/// A clock of elapsed time and of the processor time of this process.
pub(crate) struct Clock {
    pub(crate) started: Instant,
    cpu: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), cpu: cpu_time() }
    }

    /// Returns the line that [`Slice::parse`] parses.
    pub(crate) fn stop(self, calls: usize) -> String {
        let (time, cpu) = (self.started.elapsed(), cpu_time() - self.cpu);
        format!("{calls} {} {}", time.as_secs_f64(), cpu.as_secs_f64())
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_worker_is_parsed() {
        let slice = Slice::parse("50 0.25 0.1\n").unwrap();
        assert_eq!((slice.ms_per_call(), slice.cpu_ms_per_call()), (5.0, Some(2.0)));
        for line in ["", "50 0.25", "50 0.25 much"] {
            assert!(Slice::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_memory_of_a_process_is_parsed() {
        let memory = Memory::parse("Name:\tx\nVmHWM:\t    3000 kB\nVmRSS:\t    2000 kB\n");
        assert_eq!(memory, Some(Memory { resident: 2.048, peak: 3.072 }));
        assert!(Memory::of(std::process::id()).unwrap().resident > 0.0);
    }
}
