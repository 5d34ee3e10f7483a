//! Handling of the signals that ask this process to end.
//!
//! While a request runs, the first signal cancels the request, and the command reports the outcome. A second signal
//! ends the process. While no request runs, the first signal ends the process.
//!
//! A separate thread receives the signals. So a signal also ends a command that blocks, for example in a read of
//! standard input.
//!
//! Destructors do not run when a signal ends the process. Therefore this module removes temporary files, kills the
//! programs that supply API keys and the commands of sinks, and restores the terminal settings.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{process, thread};

use codat_keys::{AbortHandle, ErrorKind};
#[cfg(unix)]
use rustix::process::Pid;
use tokio::sync::watch;

use crate::exit_status;
use crate::file_identity::is_at;
use crate::redact::without_secrets;

mod received;
mod terminal;

pub(crate) use received::{Received, Signal};
pub(crate) use terminal::Terminal;

/// The time for which further signals are ignored after the first signal. A further signal may be a copy of the first
/// signal. For example, the program `timeout` sends a signal to its process group, and a parent process in this group
/// forwards the signal. systemd can send SIGTERM and SIGHUP together.
///
/// SIGQUIT is never ignored.
const COPY_TIME: Duration = Duration::from_secs(1);

/// The first signal that was received.
static STOPPED: LazyLock<watch::Sender<Option<Signal>>> = LazyLock::new(|| watch::Sender::new(None));

static STATE: Mutex<State> = Mutex::new(State {
    calls: 0,
    is_ending: false,
    is_child_in_charge: false,
    done: None,
    files: Vec::new(),
    terminal: None,
    key_commands: Vec::new(),
    #[cfg(unix)]
    children: Vec::new(),
});

/// The state that this module needs to end the process: the number of running requests, the files to remove, the
/// processes to kill, and the changes to report.
pub(crate) struct State {
    /// The number of [`interrupted`] futures that exist, plus the number of unfinished changes of data. While this
    /// number is not zero, the first signal does not end the process.
    calls: usize,
    /// Whether a signal is ending this process.
    is_ending: bool,
    /// Whether a child process handles the signals. If so, this process ignores signals and ends when the child process
    /// ends.
    is_child_in_charge: bool,
    /// A description of the changes that the command has made so far. API keys are masked.
    done: Option<String>,
    /// The files to remove when a signal ends this process. A file that another program has replaced is not removed.
    files: Vec<(PathBuf, File)>,
    /// The terminal settings to restore when a signal ends this process. `None` while no prompt is shown.
    terminal: Option<Terminal>,
    /// The child processes to kill when a signal ends this process. Each of them runs a program that prints an API key.
    key_commands: Vec<AbortHandle>,
    /// The process groups to kill when a signal ends this process. Each of them runs a command of a sink.
    #[cfg(unix)]
    children: Vec<Pid>,
}

impl State {
    /// Registers a file for removal when a signal ends this process. A file that another program has replaced is kept.
    pub(crate) fn remove_at_end(&mut self, path: &Path, file: &File) {
        if let Ok(file) = file.try_clone() {
            self.files.push((path.to_owned(), file));
        }
    }

    /// Keeps a file that [`State::remove_at_end`] has registered, because the file now contains a secret. If a signal
    /// ends the process later, the error message says that the file was written.
    pub(crate) fn keep(&mut self, path: &Path) {
        self.files.retain(|(other, _)| other != path);
        self.done = Some(without_secrets(format!("{} was written", path.display())));
    }

    /// Registers a child process to kill when a signal ends this process. The child process runs a program that prints
    /// an API key.
    pub(crate) fn abort_at_end(&mut self, key_command: AbortHandle) {
        self.key_commands.push(key_command);
    }

    /// Registers the process group of a child process. If a signal ends this process, the group is killed.
    #[cfg(unix)]
    pub(crate) fn kill_at_end(&mut self, child: Pid) {
        self.children.push(child);
    }

    /// Cancels the registration by [`State::kill_at_end`] for a child process that has ended.
    #[cfg(unix)]
    pub(crate) fn has_ended(&mut self, child: Pid) {
        self.children.retain(|other| *other != child);
    }

    /// Registers the terminal settings to restore when a signal ends this process. `None` cancels the registration.
    pub(crate) fn restore_at_end(&mut self, terminal: Option<Terminal>) {
        self.terminal = terminal;
    }

    pub(crate) fn restore_terminal(&mut self) {
        if let Some(terminal) = self.terminal.take() {
            terminal.restore();
        }
    }

    /// Restores the terminal settings, kills the registered child processes, and removes the registered files.
    fn clean_up(&mut self) {
        self.restore_terminal();
        self.key_commands.iter().for_each(AbortHandle::abort);
        #[cfg(unix)]
        for child in self.children.drain(..) {
            // Ignores an error, because the process may have ended.
            let _ = rustix::process::kill_process_group(child, rustix::process::Signal::KILL);
        }
        for (path, file) in self.files.drain(..) {
            if is_at(&path, &file) {
                // Ignores an error, because the process ends in any case.
                let _ = fs::remove_file(&path);
            }
        }
    }
}

/// Starts the thread that handles signals. If the thread cannot start, signals have their default effect.
///
/// If the first signal ends the process, the thread first calls `report` with a description of the changes that the
/// command has made. If the first signal cancels a request, the command reports the outcome. A second signal, or
/// SIGQUIT, ends the process without a report.
pub(crate) fn handle(report: impl Fn(Option<String>) + Clone + Send + 'static) {
    let (tx, rx) = channel();
    let handle = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().ok()?;
        runtime.block_on(async {
            let mut signals = Received::watch().ok()?;
            // The receiver exists, so no later signal is missed.
            let _ = tx.send(());
            let mut first: Option<Instant> = None;
            loop {
                let signal = signals.next().await;
                let is_copy = !signal.is_abrupt() && first.is_some_and(|first| first.elapsed() < COPY_TIME);
                if !is_copy && end(signal, first.is_none(), &report) {
                    first.get_or_insert_with(Instant::now);
                }
            }
        })
    };
    if thread::Builder::new().name("codat-keys-signals".into()).spawn::<_, Option<()>>(handle).is_ok() {
        let _ = rx.recv();
    }
}

/// Handles a signal. The first signal cancels the running requests, or ends the process if no request is running. A
/// later signal, or SIGQUIT, ends the process immediately. Returns `false` if the signal was ignored because a child
/// process handles the signals.
fn end(signal: Signal, is_first: bool, report: &(impl Fn(Option<String>) + Clone + Send + 'static)) -> bool {
    let mut state = lock();
    if state.is_child_in_charge {
        return false;
    }
    if !is_first || signal.is_abrupt() {
        state.clean_up();
        process::exit(signal.status().into());
    }
    STOPPED.send_replace(Some(signal));
    if state.calls == 0 {
        state.is_ending = true;
        state.clean_up();
        let (report, done) = (report.clone(), state.done.clone());
        // Reports on another thread, because standard error may block. This thread must receive the next signal, which
        // ends the process.
        thread::spawn(move || {
            report(done);
            process::exit(signal.status().into());
        });
    }
    true
}

/// Returns a future that completes at the first signal. While the future exists, the first signal does not end the
/// process.
pub(crate) fn interrupted() -> impl Future<Output = ()> + Send + 'static {
    let call = Call::begin();
    async move {
        let _call = call;
        // Waiting cannot fail, because the sender is never dropped.
        let _ = STOPPED.subscribe().wait_for(Option::is_some).await;
    }
}

/// Whether a signal was received.
pub(crate) fn was_received() -> bool {
    STOPPED.borrow().is_some()
}

/// Returns a description of the changes that the command has made so far. API keys are masked.
pub(crate) fn done() -> Option<String> {
    running().done.clone()
}

/// Returns the exit status of a command that a signal stopped. As in a shell, the exit status is 128 plus the number of
/// the signal.
pub(crate) fn status() -> u8 {
    STOPPED.borrow().map_or(exit_status::of(ErrorKind::Cancelled), Signal::status)
}

/// Marks the start of a change of data. Until [`end_change`] is called, the first signal does not end the process.
pub(crate) fn begin_change() {
    running().calls += 1;
}

/// Marks the end of the change that [`begin_change`] started. `done` describes the change. If a signal ends the process
/// later, the report contains `done`.
pub(crate) fn end_change(done: String) {
    // Masks keys before locking the state, because building the search for keys takes time.
    let done = without_secrets(done);
    let mut state = running();
    state.calls -= 1;
    state.done = Some(done);
}

/// Calls `act` with the locked state. No signal can end the process during the call.
pub(crate) fn with_state<T>(act: impl FnOnce(&mut State) -> T) -> T {
    act(&mut running())
}

/// Lets a child process handle the signals. From then on, this process ignores signals and ends when the child process
/// ends.
pub(crate) fn leave_to_child() {
    running().is_child_in_charge = true;
}

/// A guard that an [`interrupted`] future holds. While the guard exists, the first signal does not end the process.
struct Call;

impl Call {
    fn begin() -> Self {
        begin_change();
        Self
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        lock().calls -= 1;
    }
}

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks the state. Blocks forever if a signal is already ending this process.
fn running() -> MutexGuard<'static, State> {
    let state = lock();
    if state.is_ending {
        drop(state);
        loop {
            thread::park();
        }
    }
    state
}
