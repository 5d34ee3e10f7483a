//! All that the emulator holds.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::clock::Clock;
use crate::controls;
use crate::emulator::Builder;
use crate::generator::Generator;
use crate::idempotency::Cache;
use crate::journal::Journal;
use crate::late::Pending;
use crate::mask::Masks;
use crate::script::Script;
use crate::state::Account;
use crate::store::Store;
use crate::wire::{Answer, ApiKeyDetails, Refusal};

/// The server, for one request or one step of a fault at a time.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Server>>);

impl Shared {
    pub(crate) fn new(server: Server) -> Shared {
        Shared(Arc::new(Mutex::new(server)))
    }

    /// Never held over an `await`. Every change replaces the account as a whole, so what a panic leaves behind is sound.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Server {
    pub(crate) account: Account,
    pub(crate) journal: Journal,
    pub(crate) clock: Clock,
    pub(crate) faults: Script,
    /// What was answered under an idempotency key.
    pub(crate) answers: Cache,
    /// The keys as they were before they last changed.
    pub(crate) keys_before: Vec<ApiKeyDetails>,
    /// The ids of keys that do not work yet, and when they will.
    asleep: HashMap<String, Instant>,
    pub(crate) pending: Pending,
    store: Option<Store>,
    /// Apart from the account's, so that an error does not change which key comes next.
    correlation_ids: Generator,
}

/// What came in `Authorization`.
pub(crate) enum Credential {
    Valid { key_id: String },
    Invalid,
    Missing,
}

impl Server {
    pub(crate) fn open(options: Builder) -> io::Result<Server> {
        let faults = options
            .faults
            .map_or_else(|| Ok(Script::default()), |json| Script::parse(json.as_bytes()))
            .map_err(|reason| io::Error::new(ErrorKind::InvalidData, format!("the faults: {reason}")))?;
        let clock = Clock::default();
        let now = clock.now();
        let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
        let mut account = Account::new(seed);
        let store = options.state_file.map(Store::open).transpose()?;
        if let Some(store) = &store
            && let Some(snapshot) = store.load()?
        {
            account.apply(snapshot, now).map_err(|reason| store.damaged(&reason))?;
        }
        account.provide_first_key(now);
        account.enforce_limits = options.enforce_limits.unwrap_or(account.enforce_limits);
        account.last_key_can_be_deleted = options.last_key_can_be_deleted.unwrap_or(account.last_key_can_be_deleted);
        if let Some(store) = &store {
            store.save(&account.snapshot())?;
        }
        Ok(Server {
            keys_before: account.keys.clone(),
            account,
            journal: Journal::default(),
            clock,
            faults,
            answers: Cache::default(),
            asleep: HashMap::new(),
            pending: Pending::default(),
            store,
            correlation_ids: Generator::new(!seed),
        })
    }

    pub(crate) fn first_key(&self) -> &str {
        self.account.keys.first().map_or("", |key| &key.api_key)
    }

    /// Makes a change that is on disk before it is seen, or not made at all.
    pub(crate) fn change<T>(&mut self, step: impl FnOnce(&mut Account) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let mut account = self.account.clone();
        let result = step(&mut account)?;
        if let Some(store) = &self.store {
            store.save(&account.snapshot()).map_err(|error| {
                Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, format!("The state file could not be written: {error}"))
            })?;
        }
        if account.keys != self.account.keys {
            self.keys_before.clone_from(&self.account.keys);
        }
        self.account = account;
        Ok(result)
    }

    /// Another client's request for a key, which the rules may refuse.
    pub(crate) fn create_for_another(&mut self, name: Option<String>) {
        let now = self.clock.now();
        let _ = self.change(|account| account.create(name, now).map(drop));
    }

    /// Lets the newest key get 401 for a time.
    pub(crate) fn let_newest_key_sleep(&mut self, time: Duration) {
        let now = Instant::now();
        self.asleep.retain(|_, until| *until > now);
        if let Some(key) = self.account.keys.last() {
            self.asleep.insert(key.id.clone(), now + time);
        }
    }

    pub(crate) fn control(&mut self, head: &Parts, body: Result<Bytes, Refusal>) -> Answer {
        let outcome = controls::answer(self, head, body);
        outcome.unwrap_or_else(|refusal| self.refuse(refusal))
    }

    /// `Basic`, in any case, and the Base64 of a key alone.
    pub(crate) fn credential(&self, headers: &HeaderMap) -> Credential {
        let mut sent = headers.get_all(AUTHORIZATION).iter();
        let (value, more) = (sent.next(), sent.next());
        let Some(value) = value else { return Credential::Missing };
        let encoded = value.to_str().ok().and_then(|value| value.split_once(' '));
        match encoded {
            Some((scheme, encoded)) if more.is_none() && scheme.eq_ignore_ascii_case("Basic") => {
                let mut keys = self.account.keys.iter().filter(|key| !self.is_asleep(key));
                let key = keys.find(|key| STANDARD.encode(&key.api_key) == encoded.trim());
                key.map_or(Credential::Invalid, |key| Credential::Valid { key_id: key.id.clone() })
            }
            _ => Credential::Invalid,
        }
    }

    fn is_asleep(&self, key: &ApiKeyDetails) -> bool {
        self.asleep.get(&key.id).is_some_and(|until| *until > Instant::now())
    }

    pub(crate) fn masks(&self, headers: &HeaderMap) -> Masks {
        let keys = self.account.keys.iter().map(|key| key.api_key.as_str());
        let sent = headers.get_all(AUTHORIZATION).iter().filter_map(|value| value.to_str().ok());
        Masks::new(keys, sent)
    }

    pub(crate) fn refuse(&mut self, refusal: Refusal) -> Answer {
        refusal.into_answer(self.correlation_ids.correlation_id())
    }

    pub(crate) fn with_rate_limit(&self, answer: Answer) -> Answer {
        let rate_limit = self.account.quota.at(self.account.companies, self.clock.now());
        let answer = answer
            .with_header(HeaderName::from_static("x-rate-limit-limit"), rate_limit.limit)
            .with_header(HeaderName::from_static("x-rate-limit-remaining"), rate_limit.remaining);
        match HeaderValue::from_str(&rate_limit.reset) {
            Ok(reset) => answer.with_header(HeaderName::from_static("x-rate-limit-reset"), reset),
            Err(_) => answer,
        }
    }
}
