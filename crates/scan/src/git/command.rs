//! Runs the program `git` so that it runs nothing that a repository names.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Error;

/// The number of bytes of the standard error of `git` that are kept.
const MAX_MESSAGE: u64 = 4096;
/// The longest time for a command that does not read all objects.
const MAX_WAIT: Duration = Duration::from_secs(30);
const PIPE_BUFFER: usize = 256 << 10;

/// Settings that precede those of the repository. With them, no program and no network is used.
const SETTINGS: &[&str] = &[
    "core.alternateRefsCommand=",
    "core.askPass=",
    "core.attributesFile=/dev/null",
    // A blob that is larger is not held in memory, unless it is stored as a delta.
    "core.bigFileThreshold=8m",
    // The file can hide commits.
    "core.commitGraph=false",
    "core.fsmonitor=false",
    "core.gitProxy=",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.sshCommand=false",
    "core.untrackedCache=false",
    "core.useReplaceRefs=false",
    "credential.helper=",
    "diff.external=",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "log.showSignature=false",
    "maintenance.auto=false",
    "protocol.allow=never",
    "submodule.recurse=false",
];

const ENVIRONMENT: &[(&str, &str)] = &[
    // An empty list: no protocol is allowed, even if the repository allows one by name.
    ("GIT_ALLOW_PROTOCOL", ""),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_GRAFT_FILE", "/dev/null"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    // The texts of errors are examined.
    ("LC_ALL", "C"),
    ("LANGUAGE", ""),
];

/// Returns the command `git` without arguments. It ignores the variables of the environment that select a repository.
pub(super) fn git(settings: &[OsString]) -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().to_ascii_uppercase().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    command.envs(ENVIRONMENT.iter().copied()).arg("--no-pager");
    for setting in SETTINGS.iter().map(OsStr::new).chain(settings.iter().map(OsString::as_os_str)) {
        command.arg("-c").arg(setting);
    }
    command.stdin(Stdio::null());
    command
}

/// Returns the command `git` for a repository. Git does not look for another repository.
pub(super) fn git_in(git_dir: &Path) -> Command {
    let mut command = git(&[]);
    command.current_dir(git_dir).env("GIT_DIR", git_dir);
    command
}

/// A running `git`. It ends when this value is dropped.
pub(super) struct Process {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Process {
    pub(super) fn spawn(command: &mut Command) -> Result<Self, Error> {
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.map_err(Error::GitNotStarted)?;
        let stdout = child.stdout.take().map(|stdout| BufReader::with_capacity(PIPE_BUFFER, stdout));
        let stderr = child.stderr.take().map(|mut stderr| {
            std::thread::spawn(move || {
                let mut message = Vec::new();
                // Without a reader, git would wait.
                let _ = stderr.by_ref().take(MAX_MESSAGE).read_to_end(&mut message);
                let _ = io::copy(&mut stderr, &mut io::sink());
                message
            })
        });
        Ok(Self { child, stdout, stderr })
    }

    pub(super) fn stdin(&mut self) -> io::Result<&mut ChildStdin> {
        self.child.stdin.as_mut().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Returns the standard input, which ends when the returned value is dropped.
    pub(super) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Returns the output as the input of another process.
    pub(super) fn take_output(&mut self) -> Stdio {
        self.stdout.take().map_or_else(Stdio::null, |stdout| stdout.into_inner().into())
    }

    pub(super) fn stdout(&mut self) -> io::Result<&mut BufReader<ChildStdout>> {
        self.stdout.as_mut().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Waits for the end. If git fails, returns what it wrote to the standard error.
    pub(super) fn finish(mut self) -> Result<(), Vec<u8>> {
        self.stdout = None;
        let status = self.child.wait().map_err(|error| error.to_string().into_bytes())?;
        let message = self.stderr.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        match (status.success(), message.is_empty()) {
            (true, _) => Ok(()),
            (false, true) => Err(format!("git ended with {status}").into_bytes()),
            (false, false) => Err(message),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the output of a git command that ends soon and writes little. If git fails, returns what it wrote to the
/// standard error. Git can wait without end for a file that a hostile configuration includes, such as a FIFO.
pub(super) fn output(command: &mut Command) -> Result<Result<Vec<u8>, Vec<u8>>, Error> {
    let mut process = Process::spawn(command)?;
    let end = Instant::now() + MAX_WAIT;
    while process.child.try_wait().is_ok_and(|status| status.is_none()) {
        if Instant::now() > end {
            return Ok(Err(b"git does not end".to_vec()));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut output = Vec::new();
    let read = process.stdout().and_then(|stdout| stdout.read_to_end(&mut output));
    Ok(read.map_err(|error| error.to_string().into_bytes()).and_then(|_| process.finish()).map(|()| output))
}
