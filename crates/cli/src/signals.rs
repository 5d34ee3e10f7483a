//! The signals that ask this process to end. A thread receives them, so that a command that computes, reads or writes ends as
//! well.
//!
//! The first signal stops the call that is under way, and the command reports how the call ended. Where no call is under way,
//! and at the second signal, the process ends at once. Destructors do not run then, so this module also knows the files that
//! must not stay, and how the terminal was set.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::{io, process, thread};

use codat_keys::ErrorKind;
use same_file::Handle;
use tempfile::NamedTempFile;
use tokio::sync::watch;

use crate::failure::{Failure, without_secrets};

mod received;
mod terminal;

pub(crate) use received::{Received, Signal};
pub(crate) use terminal::Terminal;

/// The first signal.
static STOPPED: LazyLock<watch::Sender<Option<Signal>>> = LazyLock::new(|| watch::Sender::new(None));

static STATE: Mutex<State> =
    Mutex::new(State { calls: 0, is_ending: false, is_left: false, done: None, files: Vec::new(), terminal: None });

/// What a signal ends, and what is reported of it.
pub(crate) struct State {
    /// Those under way, each of which reports its own end.
    calls: usize,
    /// Whether a signal is ending this process.
    is_ending: bool,
    /// Whether a child process is the one to end.
    is_left: bool,
    /// What has been changed so far, with keys masked.
    done: Option<String>,
    files: Vec<(PathBuf, Handle)>,
    /// How the terminal was set before a prompt switched its echo off.
    terminal: Option<Terminal>,
}

impl State {
    /// Removes a file, too, when a signal ends this process, unless another program has replaced it.
    pub(crate) fn remove_at_end(&mut self, path: &Path, file: &File) {
        if let Ok(handle) = file.try_clone().and_then(Handle::from_file) {
            self.files.push((path.to_owned(), handle));
        }
    }

    /// Makes a temporary file, which a signal removes, too.
    pub(crate) fn temporary_in(&mut self, folder: &Path) -> io::Result<NamedTempFile> {
        let temporary = NamedTempFile::new_in(folder)?;
        self.remove_at_end(temporary.path(), temporary.as_file());
        Ok(temporary)
    }

    /// Puts a temporary file in its place.
    pub(crate) fn persist(&mut self, temporary: NamedTempFile, path: &Path) -> io::Result<()> {
        temporary.persist(path)?;
        self.keep(path);
        Ok(())
    }

    /// Leaves a file where it is, and reports that it was written.
    pub(crate) fn keep(&mut self, path: &Path) {
        self.files.retain(|(other, _)| other != path);
        self.done = Some(without_secrets(format!("{} was written", path.display())));
    }

    /// Sets the terminal back when a signal ends this process, too.
    pub(crate) fn restore_at_end(&mut self, terminal: Option<Terminal>) {
        self.terminal = terminal;
    }

    pub(crate) fn restore_terminal(&mut self) {
        if let Some(terminal) = self.terminal.take() {
            terminal.restore();
        }
    }

    /// What must not stay when a signal ends this process.
    fn clean_up(&mut self) {
        self.restore_terminal();
        for (path, file) in self.files.drain(..) {
            if Handle::from_path(&path).is_ok_and(|there| there == file) {
                // An empty file that is left does no harm.
                let _ = fs::remove_file(&path);
            }
        }
    }
}

/// Starts to receive signals. If it cannot, a signal ends the process as the system does.
pub(crate) fn handle(is_json: bool) {
    let (tx, rx) = channel();
    let handle = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().ok()?;
        runtime.block_on(async {
            let mut signals = Received::watch().ok()?;
            // The process may have ended by then.
            let _ = tx.send(());
            let mut is_first = true;
            loop {
                let signal = signals.next().await;
                is_first = !end(signal, is_first, is_json) && is_first;
            }
        })
    };
    if thread::Builder::new().name("codat-keys-signals".into()).spawn::<_, Option<()>>(handle).is_ok() {
        let _ = rx.recv();
    }
}

/// Stops what is under way, and returns whether it did.
fn end(signal: Signal, is_first: bool, is_json: bool) -> bool {
    let mut state = lock();
    if state.is_left {
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
        let failure = Failure::stopped(state.done.clone());
        // Standard error may block, and meanwhile the next signal ends the process.
        thread::spawn(move || {
            let _ = failure.report(is_json);
            process::exit(signal.status().into());
        });
    }
    true
}

/// Completes at the first signal. Until it is dropped, a signal does not end this process at once.
pub(crate) fn interrupted() -> impl Future<Output = ()> + Send + 'static {
    let call = Call::begin();
    async move {
        let _call = call;
        // The sender is never dropped.
        let _ = STOPPED.subscribe().wait_for(Option::is_some).await;
    }
}

/// Whether a signal has come. After a call, the next one ends this process at once.
pub(crate) fn has_come() -> bool {
    STOPPED.borrow().is_some()
}

/// The failure of a command that was stopped, which tells what it has changed.
pub(crate) fn stopped() -> Failure {
    Failure::stopped(running().done.clone())
}

/// The exit status of a command that was stopped: 128 and the signal's number, as a shell would report it.
pub(crate) fn status() -> u8 {
    STOPPED.borrow().map_or(ErrorKind::Cancelled.exit_status(), Signal::status)
}

/// From now on, the first signal does not end this process at once: the command reports what came of the change.
pub(crate) fn begin_change() {
    running().calls += 1;
}

/// From now on, a signal ends this process at once, and `done` is reported.
pub(crate) fn end_change(done: String) {
    // Before the state is locked, because the search for keys may have to be built.
    let done = without_secrets(done);
    let mut state = running();
    state.calls -= 1;
    state.done = Some(done);
}

/// Does what no signal may divide.
pub(crate) fn undivided<T>(act: impl FnOnce(&mut State) -> T) -> T {
    act(&mut running())
}

/// Leaves the signals to a child process, which decides when this one ends.
pub(crate) fn leave_to_child() {
    running().is_left = true;
}

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

/// The state, unless a signal is ending this process, which then does nothing more.
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
