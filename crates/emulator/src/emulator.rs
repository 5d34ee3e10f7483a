//! The emulator as a value: it runs while it lives, on a thread and a runtime of its own.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use codat_keys_server::serve;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::gate::Gate;
use crate::guard::Guard;
use crate::http::{self, Site};
use crate::pages::Pages;
use crate::script::Script;
use crate::server::{Server, Shared};

/// More than any client opens at once.
const MAX_CONNECTIONS: usize = 4096;

/// A running emulator. It listens on 127.0.0.1 only, unless [`Builder::host`] says otherwise, and stops when it is dropped.
///
/// It may be started and dropped in blocking and in async code alike: it uses no runtime but its own.
///
/// ```
/// use std::time::Duration;
///
/// use codat_keys_emulator::Emulator;
///
/// let emulator = Emulator::start()?;
/// // Here your program is given `emulator.base_url()` and `emulator.api_key()`.
///
/// // The next POST takes effect, and its answer is lost.
/// emulator.set_faults(r#"{"faults":[{"method":"POST","fault":"drop-after"}]}"#)?;
/// // Idempotency keys are forgotten.
/// emulator.advance_clock(Duration::from_secs(90 * 60));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Emulator {
    base_url: String,
    api_key: String,
    server: Shared,
    pages: Pages,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Starts an emulator with the defaults of [`Builder`]: a free port, one nameless key, five companies.
    ///
    /// # Errors
    /// When no port can be bound or no thread started.
    pub fn start() -> io::Result<Emulator> {
        Emulator::builder().start()
    }

    /// An emulator to be configured before it starts.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The URL on this machine, without a trailing slash: `http://127.0.0.1:PORT` unless [`Builder::host`] says otherwise.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The key it started with: the first key of its state, in clear. It works until it is deleted or replaced.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Replaces the script of faults, as `PUT /_emulator/faults` does: `{"faults": […]}`. `docs/emulator.md` lists them.
    ///
    /// # Errors
    /// When the JSON is no such script: the text says which fault is wrong, and why. The old script stays.
    pub fn set_faults(&self, json: &str) -> Result<(), String> {
        let faults = Script::parse(json.as_bytes())?;
        self.server.lock().faults = faults;
        Ok(())
    }

    /// A key that works now, in clear: the first of its state. `None` where there is none.
    pub fn current_key(&self) -> impl Fn() -> Option<String> + Send + Sync + use<> {
        let server = self.server.clone();
        move || server.lock().account.keys.first().map(|key| key.api_key.clone())
    }

    /// Answers what begins with this path from a router, which sees the whole path. It is no part of Codat's API: not in
    /// the journal, and never played a fault.
    pub fn mount(&self, path: &str, router: axum::Router) {
        self.pages.mount(path, router);
    }

    /// Puts the emulator's clock forward, as `POST /_emulator/clock` does. Keys and journal entries are dated by it, the
    /// day's quota and idempotency keys end by it; delays go by true time. It never is more than 100 years ahead.
    pub fn advance_clock(&self, by: Duration) {
        self.server.lock().clock.advance(by);
    }
}

impl Drop for Emulator {
    /// Stops at once, open connections included, and waits for the thread to end, so that the port and the state file are free.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread was already printed; a second one here would abort the process.
            let _ = thread.join();
        }
    }
}

/// Shows the address, never the key.
impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// How an [`Emulator`] starts. What is not set has the default that each method names.
///
/// ```
/// use codat_keys_emulator::Emulator;
///
/// let start = || Emulator::builder().seed(1).enforce_limits(true).start();
/// let (one, other) = (start()?, start()?);
/// assert_eq!(one.api_key(), other.api_key()); // the same seed, the same keys
/// assert_ne!(one.base_url(), other.base_url()); // each on a free port
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until start() is called"]
pub struct Builder {
    pub(crate) host: Option<IpAddr>,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) port: u16,
    pub(crate) seed: Option<u64>,
    pub(crate) state_file: Option<PathBuf>,
    pub(crate) enforce_limits: Option<bool>,
    pub(crate) last_key_can_be_deleted: Option<bool>,
    pub(crate) faults: Option<String>,
}

impl Builder {
    /// The address to listen on; `0.0.0.0` listens on every network of this machine. Whoever reaches it can use the emulator
    /// and its controls. Default: `127.0.0.1`.
    pub fn host(mut self, address: IpAddr) -> Builder {
        self.host = Some(address);
        self
    }

    /// Also accepts this name in `Host`, with any port: `codat` if clients call `http://codat:4010`. May be called for
    /// several names. Default: the names of loopback and the address of [`Builder::host`] only.
    pub fn allow_host(mut self, name: impl Into<String>) -> Builder {
        self.allowed_hosts.push(name.into());
        self
    }

    /// The TCP port. Default: 0, any free port.
    pub fn port(mut self, port: u16) -> Builder {
        self.port = port;
        self
    }

    /// Makes keys, ids and correlation ids repeatable: the same seed gives the same ones in the same order. Default: random.
    ///
    /// A state file that exists already goes on with its own sequence of keys and ids, so that none ever comes twice.
    pub fn seed(mut self, seed: u64) -> Builder {
        self.seed = Some(seed);
        self
    }

    /// Keeps the keys and switches in this file, in clear (mode 0600 on Unix), over restarts. Default: in memory only.
    ///
    /// A `FILE.lock` beside it keeps a second emulator away. The rate-limit counter is not kept.
    pub fn state_file(mut self, path: impl Into<PathBuf>) -> Builder {
        self.state_file = Some(path.into());
        self
    }

    /// Whether requests are refused with 429 once the day's quota is used up. Default: what the state file says, or else no.
    pub fn enforce_limits(mut self, yes: bool) -> Builder {
        self.enforce_limits = Some(yes);
        self
    }

    /// Whether the last remaining key can be deleted. Codat's documents disagree about it. Default: what the state file
    /// says, or else no.
    pub fn last_key_can_be_deleted(mut self, yes: bool) -> Builder {
        self.last_key_can_be_deleted = Some(yes);
        self
    }

    /// What is to go wrong, as in [`Emulator::set_faults`]. Default: nothing.
    pub fn faults(mut self, json: impl Into<String>) -> Builder {
        self.faults = Some(json.into());
        self
    }

    /// Starts the emulator. When this returns, the port is bound and requests are answered.
    ///
    /// # Errors
    /// - [`io::ErrorKind::AddrInUse`]: the port is taken.
    /// - [`io::ErrorKind::AddrNotAvailable`]: the host is not an address of this machine.
    /// - [`io::ErrorKind::InvalidInput`]: an allowed host is not a name.
    /// - [`io::ErrorKind::InvalidData`]: the state file is damaged, and left untouched; or the faults cannot be read.
    /// - [`io::ErrorKind::WouldBlock`]: another emulator uses the state file.
    /// - any other: the state file cannot be read or written, or no thread can be started.
    pub fn start(self) -> io::Result<Emulator> {
        let address = SocketAddr::new(self.host.unwrap_or(Ipv4Addr::LOCALHOST.into()), self.port);
        let guard = Guard::new(address.ip(), &self.allowed_hosts)?;
        let server = Server::open(self)?;
        let api_key = server.first_key().to_owned();
        let server = Shared::new(server);
        let pages = Pages::default();
        let site = Site { server: server.clone(), pages: pages.clone(), guard };
        let (stop, stopped) = oneshot::channel();
        let (started, bound) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("codat-keys-emulator".to_owned())
            .spawn(move || run(address, site, &started, stopped))?;
        // The sender is gone without a word only if the thread panicked before it could report.
        match bound.recv().unwrap_or_else(|_| Err(io::Error::other("the emulator's thread ended early"))) {
            Ok(bound) => {
                let base_url = format!("http://{}", reached_at(bound));
                Ok(Emulator { base_url, api_key, server, pages, stop: Some(stop), thread: Some(thread) })
            }
            Err(error) => {
                // The lock on the state file ends with the thread.
                let _ = thread.join();
                Err(error)
            }
        }
    }
}

/// Replaces an unspecified address, which clients cannot call, by the loopback address.
fn reached_at(bound: SocketAddr) -> SocketAddr {
    let address = match bound.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    SocketAddr::new(address, bound.port())
}

fn run(
    address: SocketAddr,
    site: Site,
    started: &mpsc::Sender<io::Result<SocketAddr>>,
    stopped: oneshot::Receiver<()>,
) {
    let serve = async {
        let gate = Gate::open(address).await?;
        let address = gate.address();
        tokio::spawn(serve(gate.clone(), MAX_CONNECTIONS, http::service(site, gate)));
        // The starter may have given up; then `stopped` is closed as well.
        let _ = started.send(Ok(address));
        let _ = stopped.await;
        Ok(())
    };
    // Returning drops the runtime, and with it the listener and every connection, idle or not.
    let outcome =
        runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| runtime.block_on(serve));
    if let Err(error) = outcome {
        let _ = started.send(Err(error));
    }
}
