//! A key that a command prints.

use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::provider::{KeyProvider, Reading};
use super::run::Run;
use crate::lookalikes::mask_credentials;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A command that prints a key or a whole header, and nothing else, such as the client of a vault. It is run without a
/// shell and input, with this process's environment except the variables that hold or name a key: with the first call,
/// again when Codat refuses its key, and once what it printed is older than [`cached_for`](Self::cached_for) allows. One
/// line break at the end of what it prints is dropped.
///
/// A run fails with `InvalidCredential`: where the command cannot be started, does not end in time (it is killed, what it
/// has started is not), prints more than 64 KiB, ends with another status than 0 (what it wrote to its standard error is
/// told, at most 500 characters), or prints no key. What it printed is never told.
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
/// // For instance ["vault", "kv", "get", "-field=api_key", "secret/codat"].
/// let command = KeyCommand::new([vault, key]).timeout(Duration::from_secs(5)).cached_for(Duration::from_secs(600));
/// let client = Client::builder().base_url(base_url).api_key_from(command).build()?;
/// # #[cfg(unix)]
/// assert_eq!(client.keys().list().await?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[must_use]
#[derive(Debug)]
pub struct KeyCommand {
    argv: Vec<OsString>,
    place: String,
    timeout: Duration,
    cached_for: Duration,
    since: Instant,
    /// In milliseconds of `since`.
    next_run: AtomicU64,
}

impl KeyCommand {
    /// The program, looked up in `PATH`, and its arguments. Do not put a secret into them: every process of the machine can
    /// read them.
    pub fn new(argv: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let argv: Vec<OsString> = argv.into_iter().map(Into::into).collect();
        let program = argv.first().and_then(|program| Path::new(program).file_name()).unwrap_or_default();
        let place = format!("the command `{}`", mask_credentials(&program.to_string_lossy()));
        let next_run = AtomicU64::new(0);
        Self { argv, place, timeout: TIMEOUT, cached_for: Duration::MAX, since: Instant::now(), next_run }
    }

    /// How long the command may take; the call that waits for it may end earlier. Default: 10 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// How long its key is used before the command is run again. If that run fails, the key in use goes on, and the next
    /// run is due after the same time. Default: until Codat refuses the key.
    pub fn cached_for(mut self, time: Duration) -> Self {
        self.cached_for = time;
        self
    }

    fn milliseconds(&self) -> u64 {
        self.since.elapsed().as_millis() as u64
    }
}

impl KeyProvider for KeyCommand {
    fn source(&self) -> &str {
        &self.place
    }

    /// On a thread of its own, which ends with the command or its time-out, whoever still waits for it.
    fn read(&self) -> Reading<'_> {
        let cached_for = u64::try_from(self.cached_for.as_millis()).unwrap_or(u64::MAX);
        self.next_run.store(self.milliseconds().saturating_add(cached_for), Ordering::Relaxed);
        let (told, heard) = oneshot::channel();
        let run = Run { argv: self.argv.clone(), place: self.place.clone(), timeout: self.timeout };
        Box::pin(async move {
            thread::Builder::new().name("codat-keys-command".into()).spawn(move || told.send(run.credential()))?;
            Ok(heard.await??)
        })
    }

    fn may_have_changed(&self) -> bool {
        self.milliseconds() >= self.next_run.load(Ordering::Relaxed)
    }
}
