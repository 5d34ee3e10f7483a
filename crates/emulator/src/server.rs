//! The state of the emulated API. Changes to the account are saved in the state file.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::account::{Account, check_total};
use crate::authentication::Credential;
use crate::clock::Clock;
use crate::fault::Delay;
use crate::fault_script::FaultScript;
use crate::generator::Generator;
use crate::idempotency::IdempotencyCache;
use crate::journal::Journal;
use crate::mask::Masker;
use crate::state_file::StateFile;
use crate::wire::{ApiError, ApiKeyDetails, ApiResponse};

/// The maximum number of requests that injected faults delay at a time. The limit on connections does not limit this
/// number, because a client can close its connection while its request is delayed.
const MAX_DELAYED: usize = 1000;

/// The options of the emulated API. [`EmulatorBuilder`](crate::EmulatorBuilder) documents them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerOptions {
    pub(crate) seed: Option<u64>,
    pub(crate) state_file: Option<PathBuf>,
    pub(crate) enforce_limits: Option<bool>,
    pub(crate) last_key_can_be_deleted: Option<bool>,
    pub(crate) companies: Option<u32>,
    pub(crate) invoices: Option<u32>,
    pub(crate) faults: Option<String>,
}

pub(crate) struct Server {
    pub(crate) account: Account,
    pub(crate) journal: Journal,
    pub(crate) clock: Clock,
    pub(crate) faults: FaultScript,
    pub(crate) idempotency: IdempotencyCache,
    /// The list of keys before the latest change to the keys. A request with the fault `stale-list` gets this list.
    pub(crate) previous_keys: Vec<ApiKeyDetails>,
    /// For each inactive API key, the time at which the API key becomes valid. The map key is the id of the API key.
    inactive_until: HashMap<String, Instant>,
    /// The requests that a fault has delayed. The `u64` is the number of new requests that must arrive before the
    /// delayed request is performed.
    delayed: Vec<(u64, DelayedRequest)>,
    state_file: Option<StateFile>,
    /// The random generator of the correlation ids in error responses. The account generates keys with a separate
    /// random generator, so that an error response does not change the next key.
    correlation_ids: Generator,
}

type DelayedRequest = Box<dyn FnOnce(&mut Server) + Send>;

impl Server {
    pub(crate) fn open(options: ServerOptions) -> io::Result<Server> {
        let faults = options
            .faults
            .map_or_else(|| Ok(FaultScript::default()), |json| FaultScript::parse(json.as_bytes()))
            .map_err(|reason| io::Error::new(ErrorKind::InvalidData, format!("the faults: {reason}")))?;
        check_total("companies", options.companies)
            .and_then(|()| check_total("invoices", options.invoices))
            .map_err(|reason| io::Error::new(ErrorKind::InvalidInput, reason))?;
        let clock = Clock::default();
        let now = clock.now();
        let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
        let mut account = Account::new(seed);
        let state_file = options.state_file.map(StateFile::open).transpose()?;
        if let Some(state_file) = &state_file
            && let Some(snapshot) = state_file.load()?
        {
            account.apply(snapshot, now).map_err(|reason| state_file.invalid(&reason))?;
        }
        account.ensure_first_key(now);
        account.enforce_limits = options.enforce_limits.unwrap_or(account.enforce_limits);
        account.last_key_can_be_deleted = options.last_key_can_be_deleted.unwrap_or(account.last_key_can_be_deleted);
        account.companies = options.companies.unwrap_or(account.companies);
        account.invoices = options.invoices.unwrap_or(account.invoices);
        if let Some(state_file) = &state_file {
            state_file.save(&account.snapshot())?;
        }
        Ok(Server {
            previous_keys: account.keys.clone(),
            account,
            journal: Journal::default(),
            clock,
            faults,
            idempotency: IdempotencyCache::default(),
            inactive_until: HashMap::new(),
            delayed: Vec::new(),
            state_file,
            correlation_ids: Generator::new(!seed),
        })
    }

    pub(crate) fn first_key(&self) -> &str {
        self.account.keys.first().map_or("", |key| &key.api_key)
    }

    /// Changes the account and saves the new account in the state file. If saving fails, returns an error and changes
    /// nothing.
    pub(crate) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Account) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut account = self.account.clone();
        let result = change(&mut account)?;
        if let Some(state_file) = &self.state_file {
            state_file.save(&account.snapshot()).map_err(|error| {
                let error = format!("The state file could not be written: {error}");
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error)
            })?;
        }
        if account.keys != self.account.keys {
            self.previous_keys.clone_from(&self.account.keys);
        }
        self.account = account;
        Ok(result)
    }

    /// Creates a key as another client would. Ignores errors: for example, the account may already have ten keys.
    pub(crate) fn create_as_other_client(&mut self, name: Option<String>) {
        let now = self.clock.now();
        let _ = self.change(|account| account.create(name, now).map(drop));
    }

    /// Deactivates the newest key for a period of time. Requests with an inactive key get a 401.
    pub(crate) fn deactivate_newest_key(&mut self, time: Duration) {
        let now = Instant::now();
        self.inactive_until.retain(|_, until| *until > now);
        if let Some(key) = self.account.keys.last() {
            self.inactive_until.insert(key.id.clone(), now + time);
        }
    }

    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Credential {
        Credential::check(headers, self.account.keys.iter().filter(|key| self.is_active(key)))
    }

    fn is_active(&self, key: &ApiKeyDetails) -> bool {
        self.inactive_until.get(&key.id).is_none_or(|until| *until <= Instant::now())
    }

    /// Returns a masker for all keys of the account and for the `Authorization` values in `headers`.
    pub(crate) fn masker(&self, headers: &HeaderMap) -> Masker {
        let keys = self.account.keys.iter().map(|key| key.api_key.as_str());
        let sent = headers.get_all(AUTHORIZATION).iter().filter_map(|value| value.to_str().ok());
        Masker::new(keys, sent)
    }

    pub(crate) fn error_response(&mut self, error: ApiError) -> ApiResponse {
        error.into_response(self.correlation_ids.correlation_id())
    }

    pub(crate) fn with_rate_limit_headers(&self, response: ApiResponse) -> ApiResponse {
        let rate_limit = self.account.quota.at(self.account.companies, self.clock.now());
        let response = response
            .with_header(HeaderName::from_static("x-rate-limit-limit"), rate_limit.limit)
            .with_header(HeaderName::from_static("x-rate-limit-remaining"), rate_limit.remaining);
        match HeaderValue::from_str(&rate_limit.reset) {
            Ok(reset) => response.with_header(HeaderName::from_static("x-rate-limit-reset"), reset),
            Err(_) => response,
        }
    }

    /// Performs the delayed requests that are due. The emulator calls this method once for each new request, because
    /// these delays are counted in new requests.
    pub(crate) fn perform_delayed_requests(&mut self) {
        for (requests, perform) in mem::take(&mut self.delayed) {
            if requests == 1 {
                perform(self);
            } else {
                self.delayed.push((requests - 1, perform));
            }
        }
    }
}

/// The state of the emulated API, shared by the tasks that handle requests and by the [`Emulator`](crate::Emulator)
/// handle.
#[derive(Clone)]
pub(crate) struct SharedServer {
    server: Arc<Mutex<Server>>,
    /// The permits for requests that a fault delays. Each of these requests has a permit until it is performed.
    delays: Arc<Semaphore>,
}

impl SharedServer {
    pub(crate) fn new(server: Server) -> SharedServer {
        SharedServer { server: Arc::new(Mutex::new(server)), delays: Arc::new(Semaphore::new(MAX_DELAYED)) }
    }

    /// Locks the state. The guard must not be held across an `await`.
    ///
    /// A poisoned lock is ignored. Every change replaces the whole account, so the state is consistent after a panic.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the delay of a fault. Does not wait if [`MAX_DELAYED`] requests are already delayed.
    pub(crate) async fn delay(&self, time: Duration) {
        if let Ok(_permit) = self.delays.try_acquire() {
            sleep(time).await;
        }
    }

    /// Calls `perform` after a delay, even if the client has disconnected. If [`MAX_DELAYED`] requests are already
    /// delayed, calls `perform` immediately.
    pub(crate) fn perform_later(&self, delay: Delay, perform: impl FnOnce(&mut Server) + Send + 'static) {
        let Ok(permit) = Arc::clone(&self.delays).try_acquire_owned() else { return perform(&mut self.lock()) };
        let perform = move |server: &mut Server| {
            perform(server);
            drop(permit);
        };
        match delay {
            Delay::Time(time) => {
                let server = self.clone();
                tokio::spawn(async move {
                    sleep(time).await;
                    perform(&mut server.lock());
                });
            }
            Delay::Requests(requests) => self.lock().delayed.push((requests, Box::new(perform))),
        }
    }
}
