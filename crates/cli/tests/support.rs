//! Runs the program without the caller's environment and without a terminal, and captures its output.

use std::io::{self, Write};
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Once;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;

use codat_keys_emulator::Emulator;

use crate::bounded::LIMIT;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_codat-keys");

/// Returns the program with a cleared environment.
pub(crate) fn program() -> Command {
    handle_ignored_signals();
    let mut command = Command::new(PROGRAM);
    clear_environment(&mut command);
    command
}

/// Removes the caller's variables, configuration and keyring from the environment of a command.
pub(crate) fn clear_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_uppercase();
        if text.starts_with("CODAT_") || text.ends_with("_PROXY") || text == "NO_COLOR" {
            command.env_remove(name);
        }
    }
    // No file can be created below these paths.
    command.env("XDG_CONFIG_HOME", "/dev/null").env("APPDATA", "/dev/null");
    command.env("XDG_STATE_HOME", "/dev/null").env("LOCALAPPDATA", "/dev/null");
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
}

/// The commands that run until a signal.
#[cfg(unix)]
pub(crate) const SERVERS: &[&[&str]] = &[
    &["emulator"],
    #[cfg(feature = "portal")]
    &["portal", "--no-open"],
];

pub(crate) fn with_key(url: &str, key: &str) -> Command {
    let mut command = program();
    command.env("CODAT_BASE_URL", url).env("CODAT_API_KEY", key);
    command
}

pub(crate) fn against(emulator: &Emulator) -> Command {
    with_key(emulator.base_url(), emulator.api_key())
}

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn run(command: &mut Command, arguments: &[&str]) -> Ended {
    run_with_input(command, arguments, "")
}

pub(crate) fn run_with_input(command: &mut Command, arguments: &[&str], input: &str) -> Ended {
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = start(command);
    // A program that reads no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { status: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
}

/// A process that is killed, with a message, if it does not end within [`LIMIT`].
pub(crate) struct Running {
    child: Child,
    _is_over: Sender<()>,
}

pub(crate) fn start(command: &mut Command) -> Running {
    handle_ignored_signals();
    let child = command.spawn().unwrap();
    let line = [command.get_program()].into_iter().chain(command.get_args()).collect::<Vec<_>>().join(" ".as_ref());
    let (pid, (is_over, over)) = (child.id(), channel::<()>());
    thread::spawn(move || {
        if over.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            eprintln!("killed, since it had not ended within {LIMIT:?}: {}", line.display());
            kill(pid);
        }
    });
    Running { child, _is_over: is_over }
}

/// Installs handlers for the signals that this process ignores, for example under `nohup`. Children inherit ignored
/// signals, but not handlers, so they start with the default actions.
fn handle_ignored_signals() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            let ignored = (1..16).filter(|number| ignored_signals() & (1 << (number - 1)) != 0);
            for number in ignored {
                // The handler stays installed after the runtime is dropped. SIGKILL cannot be ignored.
                runtime.block_on(async { signal(SignalKind::from_raw(number)).map(drop) }).unwrap();
            }
        });
    }
}

/// Returns the signals that this process ignores, except SIGPIPE. Rust ignores SIGPIPE and restores its default for
/// children.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    const PIPE: u64 = 1 << 12;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t"));
    // On other systems, SIGHUP is assumed to be ignored.
    set.map_or(1, |set| u64::from_str_radix(set, 16).unwrap()) & !PIPE
}

#[cfg(unix)]
fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

#[cfg(windows)]
fn kill(pid: u32) {
    let _ = Command::new("taskkill").args(["/F", "/PID", &pid.to_string()]).status();
}

impl Running {
    pub(crate) fn wait_with_output(self) -> io::Result<Output> {
        let Self { child, _is_over } = self;
        child.wait_with_output()
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}
