//! A credential provider that runs a command.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::process::CommandProcess;
use super::process_group::{CancelOnDrop, ProcessGroups};
use super::provider::{CredentialFuture, KeyProvider};
use crate::domain::mask_credentials;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A command that prints an API key or the value of an `Authorization` header. An example is the command-line program
/// of a secret store.
///
/// A [`Client`](crate::Client) runs the command before its first request, after Codat rejects the key, and when the key
/// is older than [`cached_for`](Self::cached_for) allows. The command runs without a shell and without input. It
/// inherits the environment of this process, except for `CODAT_API_KEY`, `CODAT_AUTH_HEADER`, `CODAT_API_KEY_FILE` and
/// `CODAT_PROFILE`. One line break at the end of the output is ignored.
///
/// On Unix, the command runs in a new process group and cannot read from the terminal. The process group is killed at
/// the timeout of the command, and if the operation that waits for the key ends early. A program that exits without
/// dropping its futures, for example on a signal, can kill the process group with an
/// [`abort_handle`](Self::abort_handle). On Windows, only the command itself is killed.
///
/// Running the command returns `InvalidCredential` if the command
///
/// - cannot be started;
/// - takes longer than [`timeout`](Self::timeout) to exit or to close its standard output;
/// - prints more than 64 KiB to its standard output, or about 1 MiB to its standard error, and is then killed at once;
/// - exits with a status other than 0: the error quotes up to 500 characters of the standard error, with keys masked;
/// - prints no valid key.
///
/// No error quotes the standard output of the command.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), emulator.api_key());
/// use std::time::Duration;
/// use codat_keys::{Client, KeyCommand};
///
/// # let vault = "echo";
/// // For example ["vault", "kv", "get", "-field=api_key", "secret/codat"].
/// let command = KeyCommand::new([vault, key]).timeout(Duration::from_secs(5)).cached_for(Duration::from_secs(600));
/// let client = Client::builder().base_url(base_url).api_key_from(command).build()?;
/// # #[cfg(unix)]
/// assert_eq!(client.keys().list().await?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct KeyCommand {
    argv: Vec<OsString>,
    place: String,
    timeout: Duration,
    cached_for: Duration,
    since: Instant,
    /// The time at which the cached key expires, in milliseconds after the time `since`.
    next_run: AtomicU64,
    process_groups: Arc<ProcessGroups>,
}

/// A handle to kill a running [`KeyCommand`]. Returned by [`KeyCommand::abort_handle`].
///
/// ```
/// use codat_keys::{Client, ErrorKind, KeyCommand};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// let command = KeyCommand::new(["vault", "kv", "get", "-field=api_key", "secret/codat"]);
/// let running = command.abort_handle();
/// let client = Client::builder().api_key_from(command).build()?;
///
/// // For example in the handler of a signal, before `std::process::exit`.
/// running.abort();
/// assert_eq!(client.keys().list().await.unwrap_err().kind(), ErrorKind::Cancelled);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AbortHandle(Arc<ProcessGroups>);

impl AbortHandle {
    /// Kills the running command, and prevents later runs. Does not wait for the command to exit. Operations that wait
    /// for the key return `Cancelled`.
    pub fn abort(&self) {
        self.0.cancel();
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").finish_non_exhaustive()
    }
}

impl KeyCommand {
    /// Creates a command from a program and its arguments. The program is searched for in `PATH`. The arguments must
    /// not contain a secret, because every process on the machine can read them.
    pub fn new(argv: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let argv: Vec<OsString> = argv.into_iter().map(Into::into).collect();
        let program = argv.first().and_then(|program| Path::new(program).file_name()).unwrap_or_default();
        let place = format!("the command `{}`", mask_credentials(&program.to_string_lossy()));
        Self {
            argv,
            place,
            timeout: TIMEOUT,
            cached_for: Duration::MAX,
            since: Instant::now(),
            next_run: AtomicU64::new(0),
            process_groups: Arc::default(),
        }
    }

    /// Sets the timeout of one run of the command. Default: 10 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// Sets the time for which the client uses a key before the command runs again. If the new run fails, the client
    /// uses the old key for another period of this length. Default: the command runs again only after Codat rejects the
    /// key.
    pub fn cached_for(mut self, time: Duration) -> Self {
        self.cached_for = time;
        self
    }

    /// Returns a handle to kill the command while it runs.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle(Arc::clone(&self.process_groups))
    }

    fn milliseconds(&self) -> u64 {
        self.since.elapsed().as_millis() as u64
    }
}

impl fmt::Debug for KeyCommand {
    /// Omits the arguments, which may contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCommand")
            .field("source", &self.place)
            .field("timeout", &self.timeout)
            .field("cached_for", &self.cached_for)
            .finish_non_exhaustive()
    }
}

impl KeyProvider for KeyCommand {
    fn source(&self) -> &str {
        &self.place
    }

    /// Runs the command on a separate thread. Dropping the future kills the command.
    fn read(&self) -> CredentialFuture<'_> {
        let cached_for = u64::try_from(self.cached_for.as_millis()).unwrap_or(u64::MAX);
        self.next_run.store(self.milliseconds().saturating_add(cached_for), Ordering::Relaxed);
        let (tx, rx) = oneshot::channel();
        let process = CommandProcess { argv: self.argv.clone(), place: self.place.clone(), timeout: self.timeout };
        let group = self.process_groups.add();
        Box::pin(async move {
            let _cancel = CancelOnDrop(Arc::clone(&group));
            thread::Builder::new()
                .name("codat-keys-command".into())
                .spawn(move || tx.send(process.credential(&group)))?;
            Ok(rx.await??)
        })
    }

    fn may_have_changed(&self) -> bool {
        self.milliseconds() >= self.next_run.load(Ordering::Relaxed)
    }
}
