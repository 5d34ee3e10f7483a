//! The elapsed time and the CPU time of a step, such as a build or a test suite.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

thread_local! {
    /// The total CPU time of all commands that this thread has waited for.
    static CPU: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The elapsed time and the CPU time of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    elapsed: Duration,
    /// The CPU time of the commands that the step ran. On Unix, this time includes the child processes of these
    /// commands.
    cpu: Duration,
}

/// Runs `step`, and returns its result together with its elapsed time and its CPU time.
pub(crate) fn measure<T>(step: impl FnOnce() -> T) -> (T, Cost) {
    let (began, before) = (Instant::now(), CPU.get());
    let result = step();
    (result, Cost { elapsed: began.elapsed(), cpu: CPU.get() - before })
}

/// Waits until a command ends. Adds the CPU time of the command to the total CPU time of this thread's commands.
pub(crate) fn wait(command: Child) -> io::Result<ExitStatus> {
    let end = command.wait4()?;
    CPU.set(CPU.get() + end.rusage.utime + end.rusage.stime);
    Ok(end.status)
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s, {:.1} s CPU", self.elapsed.as_secs_f64(), self.cpu.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{command, run};

    #[test]
    fn the_cost_of_a_step_contains_the_cpu_time_of_its_commands() {
        let ((), cost) = measure(|| run(&mut command("cargo --version")).expect("cargo runs"));
        assert!(cost.cpu > Duration::ZERO, "{cost}");
        let ((), cost) = measure(|| ());
        assert_eq!(cost.cpu, Duration::ZERO);
    }
}
