//! A slice: a short period of consecutive calls.

use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::callers::Caller;

pub(crate) const LENGTH: Duration = Duration::from_millis(50);

/// The call that one thread repeats.
pub(crate) type Blocking = Box<dyn FnMut() -> Result<()> + Send>;

/// The number of calls in a slice, and the time and processor time that they took.
pub(crate) struct Slice {
    calls: usize,
    time: Duration,
    cpu: Duration,
}

impl Slice {
    /// Runs a slice with one task per call in flight.
    pub(crate) fn of_tasks(runtime: &Runtime, caller: &Caller, in_flight: usize) -> Result<Self> {
        runtime.block_on(async {
            let clock = Clock::start();
            let mut tasks = JoinSet::new();
            for _ in 0..in_flight {
                let (caller, ends) = (caller.clone(), clock.started + LENGTH);
                tasks.spawn(async move {
                    let mut calls = 0;
                    while Instant::now() < ends {
                        caller.call().await?;
                        calls += 1;
                    }
                    anyhow::Ok(calls)
                });
            }
            let mut calls = 0;
            while let Some(task) = tasks.join_next().await {
                calls += task??;
            }
            Ok(clock.stop(calls))
        })
    }

    /// Runs a slice with one thread per call.
    pub(crate) fn of_threads(calls: &[Mutex<Blocking>]) -> Result<Self> {
        let barrier = Barrier::new(calls.len() + 1);
        let call_until_it_ends = |call: &Mutex<Blocking>| {
            let call = call.lock();
            // The first wait ensures that every thread has started before the clock. The second wait releases all
            // threads.
            barrier.wait();
            barrier.wait();
            let mut call = call.map_err(|_| anyhow!("a thread panicked"))?;
            let ends = Instant::now() + LENGTH;
            let mut calls = 0;
            while Instant::now() < ends {
                call()?;
                calls += 1;
            }
            anyhow::Ok(calls)
        };
        thread::scope(|scope| {
            let threads: Vec<_> = calls.iter().map(|call| scope.spawn(|| call_until_it_ends(call))).collect();
            barrier.wait();
            let clock = Clock::start();
            barrier.wait();
            let mut calls = 0;
            for thread in threads {
                calls += thread.join().map_err(|_| anyhow!("a thread panicked"))??;
            }
            Ok(clock.stop(calls))
        })
    }

    /// Parses the slice of another process: the number of calls, the seconds, and the seconds of processor time.
    pub(crate) fn parse(said: &str) -> Result<Self> {
        let numbers = said.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [calls, time, cpu] = numbers[..] else { bail!("three numbers were expected: {said:?}") };
        let [time, cpu] = [time, cpu].map(Duration::from_secs_f64);
        Ok(Self { calls: calls as usize, time, cpu })
    }

    pub(crate) fn calls_a_second(&self) -> f64 {
        self.calls as f64 / self.time.as_secs_f64()
    }

    /// Returns the processor time per call in microseconds.
    pub(crate) fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.calls as f64
    }
}

/// A clock of elapsed time and of the processor time of this process, including system calls.
struct Clock {
    started: Instant,
    cpu: Duration,
}

impl Clock {
    fn start() -> Self {
        Self { started: Instant::now(), cpu: cpu_time() }
    }

    fn stop(self, calls: usize) -> Slice {
        Slice { calls, time: self.started.elapsed(), cpu: cpu_time() - self.cpu }
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
    fn what_another_process_says_is_read() {
        let slice = Slice::parse("50 0.25 0.1\n").unwrap();
        assert_eq!((slice.calls_a_second(), slice.cpu_micros()), (200.0, 2000.0));
        for said in ["", "50 0.25", "50 0.25 much"] {
            assert!(Slice::parse(said).is_err(), "{said}");
        }
    }
}
