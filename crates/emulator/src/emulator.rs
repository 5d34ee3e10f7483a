//! [`Emulator`], the handle to a running emulator, and [`EmulatorBuilder`].

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::controls;
use crate::fault_script::FaultScript;
use crate::origin_check::OriginCheck;
use crate::server::{Server, ServerOptions, SharedServer};
use crate::server_thread::ServerThread;
use crate::service::{AppState, MountedRouters};
use crate::wire::ApiError;

/// A running emulator. It listens on 127.0.0.1 unless [`EmulatorBuilder::host`] sets another address.
///
/// Dropping this handle closes all connections immediately and waits until the emulator has stopped. Another emulator
/// can then use the port and the state file.
///
/// An emulator runs in a separate thread with its own Tokio runtime. Blocking code and async code can therefore start
/// and drop an emulator.
///
/// ```
/// use std::time::Duration;
///
/// use codat_keys_emulator::Emulator;
///
/// let emulator = Emulator::start()?;
/// // Pass `emulator.base_url()` and `emulator.api_key()` to your program here.
///
/// // The next POST takes effect, and its response is lost.
/// emulator.set_faults(r#"[{"method":"POST","fault":"drop-after"}]"#)?;
/// // All idempotency keys expire.
/// emulator.advance_clock(Duration::from_secs(90 * 60));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Emulator {
    base_url: String,
    api_key: String,
    server: SharedServer,
    mounted: MountedRouters,
    _thread: ServerThread,
}

impl Emulator {
    /// Starts an emulator with the defaults of [`EmulatorBuilder`]: a free port, one key without a name, five
    /// companies.
    ///
    /// # Errors
    /// Returns an error if no port can be bound or no thread can be started.
    pub fn start() -> io::Result<Emulator> {
        Emulator::builder().start()
    }

    /// Returns a builder that configures an emulator before it starts.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// Returns the base URL without a trailing slash. The URL is `http://127.0.0.1:PORT` unless
    /// [`EmulatorBuilder::host`] sets another address.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the first API key that the account had when the emulator started. The API key is not masked. It is valid
    /// until it is deleted or replaced.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Replaces the faults. This method is equivalent to `PUT /_emulator/faults`. `json` is the list of the faults, or
    /// `{"faults": […]}`. `docs/emulator.md` describes the faults.
    ///
    /// # Errors
    /// Returns a message with the reason, and the position of the invalid fault in the list. The previous faults remain
    /// in effect.
    pub fn set_faults(&self, json: &str) -> Result<(), String> {
        let faults = FaultScript::parse(json.as_bytes())?;
        self.server.lock().faults = faults;
        Ok(())
    }

    /// Returns the state with masked keys. This method is equivalent to `GET /_emulator/state`.
    ///
    /// ```
    /// use codat_keys_emulator::Emulator;
    ///
    /// let emulator = Emulator::start()?;
    /// emulator.set_state(r#"{"companies": 3}"#)?;
    /// assert_eq!(emulator.state()["companies"], 3);
    /// assert!(emulator.journal().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn state(&self) -> Value {
        json!(controls::state(&self.server.lock()))
    }

    /// Sets the fields of the state that the JSON object `json` contains. Other fields do not change. This method is
    /// equivalent to `PUT /_emulator/state`.
    ///
    /// # Errors
    /// Returns a message with the reason. The state does not change.
    pub fn set_state(&self, json: &str) -> Result<(), String> {
        controls::set_state(&mut self.server.lock(), json.as_bytes()).map_err(ApiError::into_text)
    }

    /// Returns the latest 10,000 requests, with secrets masked. The oldest request comes first. This method is
    /// equivalent to `GET /_emulator/journal`.
    pub fn journal(&self) -> Vec<Value> {
        self.server.lock().journal.entries().iter().map(|entry| json!(entry)).collect()
    }

    /// Removes all requests from the journal. This method is equivalent to `DELETE /_emulator/journal`.
    pub fn clear_journal(&self) {
        self.server.lock().journal.clear();
    }

    /// Returns a function that returns the first API key of the account. At each call, the function reads the current
    /// account. The API key is not masked. The function returns `None` if the account has no API key.
    pub fn key_provider(&self) -> impl Fn() -> Option<String> + Send + Sync + use<> {
        let server = self.server.clone();
        move || server.lock().account.keys.first().map(|key| key.api_key.clone())
    }

    /// Passes requests for `path` and for all paths below it to `router`. The router receives the full path. The
    /// journal does not record these requests, and faults do not apply to them.
    pub fn mount(&self, path: &str, router: axum::Router) {
        self.mounted.add(path, router);
    }

    /// Advances the emulator's clock. This method is equivalent to `POST /_emulator/clock`. The clock determines the
    /// dates of keys and journal entries, the daily quota and the expiry of idempotency keys. Delays use real time. The
    /// total advance is at most 100 years.
    pub fn advance_clock(&self, by: Duration) {
        self.server.lock().clock.advance(by);
    }
}

/// Formats the base URL, but not the key.
impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Configures an [`Emulator`]. Each method documents its default.
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
pub struct EmulatorBuilder {
    host: Option<IpAddr>,
    allowed_hosts: Vec<String>,
    port: u16,
    options: ServerOptions,
}

impl EmulatorBuilder {
    /// Sets the address on which the emulator listens. `0.0.0.0` listens on all network interfaces. Every client that
    /// can connect can use the emulator and its control endpoints. Default: `127.0.0.1`.
    pub fn host(mut self, address: IpAddr) -> EmulatorBuilder {
        self.host = Some(address);
        self
    }

    /// Accepts an additional host name in the `Host` header, with any port. For example, clients that use the URL
    /// `http://codat:4010` need the name `codat`. Calling this method again adds another name. Default: only the
    /// loopback names and the address of [`EmulatorBuilder::host`] are accepted.
    pub fn allow_host(mut self, name: impl Into<String>) -> EmulatorBuilder {
        self.allowed_hosts.push(name.into());
        self
    }

    /// Sets the TCP port. Default: 0, which selects a free port.
    pub fn port(mut self, port: u16) -> EmulatorBuilder {
        self.port = port;
        self
    }

    /// Sets the seed for the generation of keys, ids and correlation ids. The same seed generates the same sequence.
    /// Default: a random seed.
    ///
    /// If the state file exists, the emulator continues the sequence of keys and ids in the state file. In this case,
    /// the seed applies only to correlation ids.
    pub fn seed(mut self, seed: u64) -> EmulatorBuilder {
        self.options.seed = Some(seed);
        self
    }

    /// Stores the keys and settings in a file, so that they survive a restart. The file contains unmasked keys and has
    /// mode 0600 on Unix. Default: keys and settings are kept in memory.
    ///
    /// A lock file, `FILE.lock`, prevents a second emulator from using the same state file. On Unix, both files must
    /// belong to root or to the user of this process, and other users must not have write permission for them. The
    /// state file does not contain the used daily quota.
    pub fn state_file(mut self, path: impl Into<PathBuf>) -> EmulatorBuilder {
        self.options.state_file = Some(path.into());
        self
    }

    /// Sets whether the emulator responds with 429 after the daily quota is used up. Default: the setting in the state
    /// file. Without a state file, `false`.
    pub fn enforce_limits(mut self, enforce: bool) -> EmulatorBuilder {
        self.options.enforce_limits = Some(enforce);
        self
    }

    /// Sets whether the last remaining key can be deleted. Codat's documents contradict each other about this. Default:
    /// the setting in the state file. Without a state file, `false`.
    pub fn last_key_can_be_deleted(mut self, can_be_deleted: bool) -> EmulatorBuilder {
        self.options.last_key_can_be_deleted = Some(can_be_deleted);
        self
    }

    /// Sets the number of companies, at most 1,000,000. Default: the number in the state file. Without a state file, 5.
    pub fn companies(mut self, companies: u32) -> EmulatorBuilder {
        self.options.companies = Some(companies);
        self
    }

    /// Sets the number of invoices of each company, at most 1,000,000. An invoice has about 2 KB of JSON. The emulator
    /// generates the invoices of a page when the page is requested. Default: the number in the state file. Without a
    /// state file, 1000.
    pub fn invoices(mut self, invoices: u32) -> EmulatorBuilder {
        self.options.invoices = Some(invoices);
        self
    }

    /// Sets the faults. `json` has the format of [`Emulator::set_faults`]. Default: no faults.
    pub fn faults(mut self, json: impl Into<String>) -> EmulatorBuilder {
        self.options.faults = Some(json.into());
        self
    }

    /// Starts the emulator. When this method returns, the emulator accepts connections.
    ///
    /// # Errors
    /// - [`io::ErrorKind::AddrInUse`]: another process uses the port.
    /// - [`io::ErrorKind::AddrNotAvailable`]: the host is not an address of this machine.
    /// - [`io::ErrorKind::InvalidInput`]: an allowed host is not a host name, the number of companies or invoices is
    ///   too large, or the state file is not a regular file.
    /// - [`io::ErrorKind::InvalidData`]: the state file or the faults cannot be parsed. The file is not changed.
    /// - [`io::ErrorKind::PermissionDenied`]: the state file belongs to another user, or other users can write it.
    /// - [`io::ErrorKind::WouldBlock`]: another emulator uses the state file.
    /// - Other kinds: the state file cannot be read or written, or no thread can be started.
    pub fn start(self) -> io::Result<Emulator> {
        let address = SocketAddr::new(self.host.unwrap_or(Ipv4Addr::LOCALHOST.into()), self.port);
        let origin_check = OriginCheck::new(address.ip(), &self.allowed_hosts)?;
        let server = Server::open(self.options)?;
        let api_key = server.first_key().to_owned();
        let server = SharedServer::new(server);
        let mounted = MountedRouters::default();
        let app = AppState { server: server.clone(), mounted: mounted.clone(), origin_check };
        let thread = ServerThread::start(address, app)?;
        let base_url = format!("http://{}", thread.address());
        Ok(Emulator { base_url, api_key, server, mounted, _thread: thread })
    }
}
