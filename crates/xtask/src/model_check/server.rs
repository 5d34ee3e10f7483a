//! A model of the server for the model check of `create`. The model treats API keys and idempotency keys as the
//! documentation of Codat describes. A request can arrive late, or take effect late. This module calls such a late
//! event a landing.

use std::sync::LazyLock;

use codat_keys::internal::state_machines::create::{AttemptOutcome, Event};
use codat_keys::internal::state_machines::{error, key_details};
use codat_keys::{ApiKeyDetails, ErrorKind, KeyId, MAX_KEYS, Timestamp};

/// The name of the API key that the checked call of `create` creates.
pub(super) const NAME: &str = "model";

/// The idempotency key of the checked call of `create`. The key is a UUID of version 7, which contains a time. This
/// time is [`STARTED`].
pub(super) const IDEMPOTENCY_KEY: &str = "01970000-0000-7000-8000-000000000000";

/// The time at which the checked call of `create` starts, in milliseconds since the Unix epoch.
pub(super) const STARTED: i64 = 0x0197_0000_0000;

/// The API keys that exist before the checked call of `create`. They were created a day before the call starts, so
/// `create` knows that they are not new.
static OLD_KEYS: LazyLock<Vec<ApiKeyDetails>> =
    LazyLock::new(|| (0..MAX_KEYS as u32).map(|id| key(id, "old", STARTED - 24 * 3600 * 1000)).collect());

/// Returns an API key with this id, this name, and this creation date in milliseconds since the Unix epoch.
pub(super) fn key(id: u32, name: &str, created: i64) -> ApiKeyDetails {
    let created = Timestamp::from_millisecond(created).expect("a valid time");
    key_details(&id.to_string(), name, &format!("MadeUpKey{id}"), created).expect("valid details")
}

/// The outcome that the server stores under the idempotency key. A repeated request with the same idempotency key gets
/// this outcome.
enum Cached {
    Made(ApiKeyDetails),
    AtLimit,
    Failed(String),
}

#[derive(Clone, Copy)]
enum Landing {
    /// The server receives a delayed request.
    Arrives,
    /// The server has processed the request with this number.
    WorkEnds(u32),
    /// A request takes effect after the server has responded with an error.
    Effect,
}

pub(super) struct Server {
    keys: Vec<ApiKeyDetails>,
    /// The ids of the API keys that the checked call of `create` created.
    pub(super) ours: Vec<KeyId>,
    /// The number of API keys before the latest change. This server only adds API keys, so an outdated list consists of
    /// the first `before_newest_change` API keys in `keys`.
    before_newest_change: usize,
    cached: Option<Cached>,
    /// The number of the request that the server is processing. `None` if the server is idle.
    running: Option<u32>,
    landings: Vec<(u8, Landing)>,
    numbers: u32,
    /// Whether the server forgot that it was processing a request with the idempotency key. After this, a repeated
    /// request can create a second API key. The client cannot prevent this.
    pub(super) allows_known_race: bool,
}

impl Server {
    /// Creates a server with `keys` API keys. If `named_before` is true, the first API key has the name [`NAME`].
    pub(super) fn new(keys: usize, named_before: bool) -> Self {
        let mut keys = OLD_KEYS[..keys].to_vec();
        if named_before {
            keys[0] = key(0, NAME, STARTED - 24 * 3600 * 1000);
        }
        Self {
            before_newest_change: keys.len(),
            keys,
            ours: Vec::new(),
            cached: None,
            running: None,
            landings: Vec::new(),
            numbers: 100,
            allows_known_race: false,
        }
    }

    /// Returns the list of API keys. A stale list lacks the API key that was added last.
    pub(super) fn list(&self, stale: bool) -> &[ApiKeyDetails] {
        if stale { &self.keys[..self.before_newest_change] } else { &self.keys }
    }

    pub(super) fn add(&mut self, is_ours: bool) -> Option<ApiKeyDetails> {
        if self.keys.len() >= MAX_KEYS {
            return None;
        }
        let key = key(self.number(), NAME, STARTED + 1000);
        self.before_newest_change = self.keys.len();
        self.keys.push(key.clone());
        if is_ours {
            self.ours.push(key.id.clone());
        }
        Some(key)
    }

    /// Handles a request immediately, and returns the response.
    pub(super) fn arrives(&mut self) -> Event<'static> {
        if self.cached.is_none() {
            if self.running.is_some() {
                return failed(AttemptOutcome::StillRunning);
            }
            self.work();
        }
        self.replay()
    }

    /// Delays a request. The server handles it after `steps` steps, and the client gets no response.
    pub(super) fn arrives_late(&mut self, steps: u8) {
        self.landings.push((steps, Landing::Arrives));
    }

    /// Calls [`Self::arrives`] if the server is already processing a request, or has stored an outcome. Otherwise,
    /// starts to process a request. The processing takes `steps` steps. The client does not wait for the end of the
    /// processing, and gets the failure `otherwise`, such as a lost response.
    pub(super) fn works_on(&mut self, steps: u8, otherwise: AttemptOutcome) -> Event<'static> {
        if self.cached.is_some() || self.running.is_some() {
            return self.arrives();
        }
        let number = self.number();
        self.running = Some(number);
        self.landings.push((steps, Landing::WorkEnds(number)));
        failed(otherwise)
    }

    /// Calls [`Self::arrives`] if the server is already processing a request, or has stored an outcome. Otherwise,
    /// responds with a server error, and stores the error under the idempotency key. In spite of the error, the request
    /// takes effect after `effect` steps. If `effect` is `None`, the request never takes effect.
    pub(super) fn fails(&mut self, effect: Option<u8>) -> Event<'static> {
        if self.cached.is_some() || self.running.is_some() {
            return self.arrives();
        }
        self.cached = Some(Cached::Failed(format!("failure {}", self.number())));
        match effect {
            Some(0) => drop(self.add(true)),
            Some(steps) => self.landings.push((steps, Landing::Effect)),
            None => {}
        }
        self.replay()
    }

    /// Responds with the error of a gateway. The server does not store this error under the idempotency key.
    pub(super) fn gateway_fails(&mut self) -> Event<'static> {
        server_error(format!("gateway {}", self.number()))
    }

    /// Makes the server forget that it is processing a request with the idempotency key. A response with 429 has this
    /// effect.
    pub(super) fn release(&mut self) {
        self.allows_known_race |= self.running.take().is_some();
    }

    /// Handles all delayed requests and effects, and then forgets the outcome that is stored under the idempotency key.
    pub(super) fn forget(&mut self) {
        self.all_lands();
        self.cached = None;
    }

    /// Advances the time of the model by one step. Handles the delayed requests and effects for this time.
    pub(super) fn step(&mut self) {
        let due: Vec<Landing> =
            self.landings.iter().filter(|(steps, _)| *steps == 0).map(|(_, landing)| *landing).collect();
        self.landings.retain(|(steps, _)| *steps > 0);
        self.landings.iter_mut().for_each(|(steps, _)| *steps -= 1);
        due.into_iter().for_each(|landing| self.land(landing));
    }

    pub(super) fn all_lands(&mut self) {
        std::mem::take(&mut self.landings).into_iter().for_each(|(_, landing)| self.land(landing));
    }

    fn land(&mut self, landing: Landing) {
        match landing {
            Landing::Arrives => drop(self.arrives()),
            Landing::WorkEnds(number) => {
                self.work();
                self.running = self.running.filter(|running| *running != number);
            }
            Landing::Effect => drop(self.add(true)),
        }
    }

    fn work(&mut self) {
        let outcome = self.add(true).map_or(Cached::AtLimit, Cached::Made);
        self.cached.get_or_insert(outcome);
    }

    fn replay(&self) -> Event<'static> {
        match &self.cached {
            Some(Cached::Made(key)) => Event::Created(key.clone()),
            Some(Cached::AtLimit) => failed(AttemptOutcome::AtLimit),
            Some(Cached::Failed(id)) => server_error(id.clone()),
            None => failed(AttemptOutcome::Lost),
        }
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }
}

/// Returns the event of an attempt that failed with the outcome `outcome`.
pub(super) fn failed(outcome: AttemptOutcome) -> Event<'static> {
    Event::Failed(outcome, error(ErrorKind::Server, None, None))
}

fn server_error(correlation_id: String) -> Event<'static> {
    Event::Failed(AttemptOutcome::Failed, error(ErrorKind::Server, Some(correlation_id), None))
}
