//! Programs that deliver a key to a sink, or read it back. The key is on the standard input or output of the program,
//! and never in its arguments or its environment.

use std::ffi::OsStr;
use std::path::{MAIN_SEPARATOR, Path};
use std::process::{Command, ExitStatus, Stdio};

use codat_keys::internal::{mask_printed, sanitize, without_credentials};
use codat_keys::{ApiKey, AuthorizationHeader};
use codat_keys_rotate::SinkError;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

use crate::redact::{without_known_keys, without_secrets};

/// The maximum size in bytes of each output of a program: standard output and standard error. An item of a secret
/// manager is smaller.
const MAX_BYTES: u64 = 1024 * 1024;

/// The maximum length of a program's message in an error, in characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// The length in bytes to which a program's message is truncated before the keys in it are masked. Masking searches the
/// message for every line of standard output. Without this limit, the search would take seconds.
const MAX_SEARCHED_BYTES: usize = 4096;

const MASK: &str = "****";

/// The result of a program.
pub(super) struct Ended {
    status: ExitStatus,
    pub(super) output: Zeroizing<Vec<u8>>,
    errors: Zeroizing<Vec<u8>>,
    /// The key that the program got on its standard input. In messages of the program, this key is masked.
    key: Option<ApiKey>,
    program: String,
}

/// Runs a program in `folder` without a shell, and writes `input` to its standard input. The program does not inherit
/// the environment variables for Codat credentials. Kills the program and all processes that it has started in three
/// cases: the future is dropped, a signal ends this process, or the program prints more than [`MAX_BYTES`].
pub(super) async fn run(
    folder: &Path,
    argv: &[String],
    input: &[u8],
    key: Option<&ApiKey>,
) -> Result<Ended, SinkError> {
    let [program, arguments @ ..] = argv else { return Err(SinkError::permanent("the command is empty")) };
    let cannot_run = |error| SinkError::permanent(format!("{} cannot be run: {error}", without_secrets(program)));
    let mut command = Command::new(program);
    without_credentials(&mut command).args(arguments).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().map_err(cannot_run)?;
    #[cfg(unix)]
    let group = unix::Group::of(&child);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A program that does not read its input may have ended already.
            let _ = stdin.write_all(input).await;
        }
        Ok(())
    };
    let ((), output, errors) = tokio::try_join!(write, read(program, stdout), read(program, stderr))?;
    let status = child.wait().await.map_err(cannot_run)?;
    #[cfg(unix)]
    group.ended();
    Ok(Ended { status, output, errors, key: key.cloned(), program: program.clone() })
}

impl Ended {
    pub(super) fn is_success(&self) -> bool {
        self.status.success()
    }

    /// Whether the exit status is 1. In many programs, this status means no.
    pub(super) fn is_no(&self) -> bool {
        self.status.code() == Some(1)
    }

    /// Whether the standard error of the program contains one of these texts.
    pub(super) fn has_said(&self, texts: &[&str]) -> bool {
        let errors = String::from_utf8_lossy(&self.errors);
        texts.iter().any(|text| errors.contains(text))
    }

    /// Returns an error with the last line of standard error. In this line, keys and the lines of standard output are
    /// masked. The error is temporary, because a program does not report whether a retry can succeed.
    pub(super) fn error(&self) -> SinkError {
        let message = self.message();
        let what = if message.is_empty() { "it printed no error".into() } else { message };
        SinkError::temporary(without_secrets(format!("{} failed ({}): {what}", self.program, self.status)))
    }

    fn message(&self) -> String {
        let errors = String::from_utf8_lossy(&self.errors);
        let last = errors.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let mut last = whole_words(last).to_owned();
        if let Some(key) = &self.key {
            let header = AuthorizationHeader::from(key);
            let encoded = header.expose_secret().trim_start_matches("Basic ");
            last = last.replace(encoded, MASK).replace(key.expose_secret(), MASK);
        }
        // The line is masked before it is cut, because a part of a key would not be recognized.
        let masked = mask_printed(&without_known_keys(&last), &self.output);
        sanitize(&masked.chars().take(MAX_MESSAGE_CHARS).collect::<String>())
    }
}

/// Truncates a line to at most [`MAX_SEARCHED_BYTES`]. Cuts the line at white space, because a part of a key would not
/// be recognized.
fn whole_words(line: &str) -> &str {
    if line.len() <= MAX_SEARCHED_BYTES {
        return line;
    }
    let start = &line[..line.floor_char_boundary(MAX_SEARCHED_BYTES)];
    start.rfind(char::is_whitespace).map_or("...", |end| &start[..end])
}

/// Whether a program exists and can be run. On Windows, always true.
pub(super) fn exists(program: &str) -> bool {
    if program.contains(MAIN_SEPARATOR) {
        return is_program(Path::new(program));
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| is_program(&folder.join(OsStr::new(program)))) || cfg!(windows)
}

fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    return path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    #[cfg(not(unix))]
    {
        let _ = path;
        true
    }
}

/// Reads the output of a program. Returns an error as soon as the output is larger than [`MAX_BYTES`].
async fn read(program: &str, pipe: Option<impl AsyncRead + Unpin>) -> Result<Zeroizing<Vec<u8>>, SinkError> {
    let mut bytes = Zeroizing::new(Vec::new());
    if let Some(pipe) = pipe {
        // A broken pipe counts as the end of the output.
        let _ = pipe.take(MAX_BYTES + 1).read_to_end(&mut bytes).await;
    }
    match bytes.len() as u64 {
        ..=MAX_BYTES => Ok(bytes),
        _ => Err(SinkError::permanent(without_secrets(format!("{program} prints more than 1 MiB, and was killed")))),
    }
}

#[cfg(unix)]
mod unix {
    use rustix::process::{Pid, Signal, kill_process_group};

    use crate::signals::with_state;

    /// The process group of a program. Dropping this value kills the group.
    pub(super) struct Group(Option<Pid>);

    impl Group {
        pub(super) fn of(child: &tokio::process::Child) -> Self {
            let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            if let Some(pid) = pid {
                with_state(|state| state.kill_at_end(pid));
            }
            Self(pid)
        }

        /// Releases the process group without killing it. Must be called when the program has ended, because the system
        /// may then give the id of the group to another process.
        pub(super) fn ended(mut self) {
            if let Some(pid) = self.0.take() {
                with_state(|state| state.has_ended(pid));
            }
        }
    }

    impl Drop for Group {
        fn drop(&mut self) {
            if let Some(pid) = self.0 {
                // Ignores an error, because the program may have ended.
                let _ = kill_process_group(pid, Signal::KILL);
                with_state(|state| state.has_ended(pid));
            }
        }
    }
}
