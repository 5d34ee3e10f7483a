//! The process group of a key command.

use std::io;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

/// The interval between checks whether the command has exited. The standard library has no wait with a timeout.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The maximum time for which [`ProcessGroup::end`] waits for a killed command to exit. The time is limited, because a
/// command that runs as another user cannot be killed.
const KILL_TIMEOUT: Duration = Duration::from_secs(1);

/// The processes of a key command: the command, and the processes that it started. On Windows, only the command.
#[derive(Default)]
pub(super) struct ProcessGroup(Mutex<State>);

#[derive(Default)]
struct State {
    is_cancelled: bool,
    was_endless: bool,
    /// The command, while it can be killed. `None` before the command starts. Also `None` after its exit status was
    /// read, because the system can then reuse the process id.
    child: Option<Child>,
}

impl ProcessGroup {
    /// Starts the command in a new process group. Returns an error if [`cancel`](Self::cancel) has been called.
    pub(super) fn start(&self, command: &mut Command) -> io::Result<(Option<ChildStdout>, Option<ChildStderr>)> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        // Holds the lock until the command has started. A concurrent `cancel` then kills the command.
        let mut state = self.lock();
        if state.is_cancelled {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let child = state.child.insert(command.spawn()?);
        Ok((child.stdout.take(), child.stderr.take()))
    }

    /// Waits until the command has exited. Returns `None` at the deadline. Returns an error if this process ignores
    /// SIGCHLD, because the system then does not keep the exit status.
    pub(super) fn wait_until(&self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        loop {
            let mut state = self.lock();
            let Some(child) = &mut state.child else { return Ok(None) };
            let status = child.try_wait();
            if !matches!(status, Ok(None)) {
                state.child = None;
                return status;
            }
            drop(state);
            if Instant::now() >= deadline {
                return Ok(None);
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Returns whether the command has exited. Does not read the exit status, because the process group cannot be
    /// killed after the exit status of the command is read.
    pub(super) fn has_exited(&self) -> bool {
        self.lock().child.as_mut().is_none_or(has_exited)
    }

    /// Kills the process group. If the command has not started yet, prevents its start.
    pub(super) fn cancel(&self) {
        let mut state = self.lock();
        state.is_cancelled = true;
        state.kill();
    }

    /// Kills the process group of a command that prints too much.
    pub(super) fn end_endless(&self) {
        let mut state = self.lock();
        state.was_endless = true;
        state.kill();
    }

    /// Returns whether [`end_endless`](Self::end_endless) was called.
    pub(super) fn was_endless(&self) -> bool {
        self.lock().was_endless
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.lock().is_cancelled
    }

    /// Kills the process group, and waits until the command has exited. Does nothing after
    /// [`wait_until`](Self::wait_until) returned the exit status, because the process id may then belong to another
    /// process.
    pub(super) fn end(&self) {
        self.lock().kill();
        // Nothing is left to do if the exit status cannot be read.
        let _ = self.wait_until(Instant::now() + KILL_TIMEOUT);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            kill(child);
        }
    }
}

/// Cancels a process group when dropped.
pub(super) struct CancelOnDrop(pub(super) Arc<ProcessGroup>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// The process groups of all runs of a command. Not protected by a lock, because a lock may stay locked in a child
/// process after a fork.
#[derive(Default)]
pub(super) struct ProcessGroups {
    is_cancelled: AtomicBool,
    running: ArcSwap<Vec<Weak<ProcessGroup>>>,
}

impl ProcessGroups {
    /// Adds a new, empty process group and returns it.
    pub(super) fn add(&self) -> Arc<ProcessGroup> {
        let group = Arc::<ProcessGroup>::default();
        self.running.rcu(|running| {
            let running = running.iter().filter(|group| group.strong_count() > 0).cloned();
            running.chain([Arc::downgrade(&group)]).collect::<Vec<_>>()
        });
        if self.is_cancelled.load(Ordering::SeqCst) {
            group.cancel();
        }
        group
    }

    /// Kills all process groups, and prevents the start of new ones.
    pub(super) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::SeqCst);
        self.running.load().iter().filter_map(Weak::upgrade).for_each(|group| group.cancel());
    }
}

/// Kills the process group of the command. Ignores errors, because the command may have exited.
#[cfg(unix)]
fn kill(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
}

#[cfg(not(unix))]
fn kill(child: &mut Child) {
    let _ = child.kill();
}

#[cfg(unix)]
fn has_exited(child: &mut Child) -> bool {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(child)), options).is_ok_and(|status| status.is_some())
}

#[cfg(not(unix))]
fn has_exited(child: &mut Child) -> bool {
    child.try_wait().is_ok_and(|status| status.is_some())
}
