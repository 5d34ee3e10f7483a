//! The model server of `create`. It handles keys and idempotency keys in the way that Codat's documentation describes.
//! A request can reach the server later, or take effect later. The pending arrivals and effects are called landings.

use std::sync::LazyLock;

use codat_keys::internal::state_machines::create::{AttemptOutcome, Event};
use codat_keys::internal::state_machines::{error, key_details};
use codat_keys::{ApiKeyDetails, ErrorKind, KeyId, MAX_KEYS, Timestamp};

/// The name of the key that the operation creates.
pub(super) const NAME: &str = "model";

/// The idempotency key of the operation. It contains the time [`STARTED`].
pub(super) const IDEMPOTENCY_KEY: &str = "01970000-0000-7000-8000-000000000000";

/// The time of the first attempt, in milliseconds since 1970.
pub(super) const STARTED: i64 = 0x0197_0000_0000;

/// The keys before the operation. They are a day older than the idempotency key, so `create` does not take them for new
/// keys.
static OLD_KEYS: LazyLock<Vec<ApiKeyDetails>> =
    LazyLock::new(|| (0..MAX_KEYS as u32).map(|id| key(id, "old", STARTED - 24 * 3600 * 1000)).collect());

/// Returns the details of the key with this number.
pub(super) fn key(id: u32, name: &str, created: i64) -> ApiKeyDetails {
    let created = Timestamp::from_millisecond(created).expect("a valid time");
    key_details(&id.to_string(), name, &format!("MadeUpKey{id}"), created).expect("valid details")
}

/// The outcome that Codat stores under the idempotency key of the operation.
enum Cached {
    Made(ApiKeyDetails),
    AtLimit,
    Failed(String),
}

#[derive(Clone, Copy)]
enum Landing {
    /// A delayed request reaches the server.
    Arrives,
    /// The server finishes processing the request with this number.
    WorkEnds(u32),
    /// A request takes effect after the server has responded to it.
    Effect,
}

pub(super) struct Server {
    keys: Vec<ApiKeyDetails>,
    /// The ids of the keys that the operation created.
    pub(super) ours: Vec<KeyId>,
    /// The number of keys before the latest change. Because keys are only added, a stale list is this number of keys
    /// from the start of the list.
    before_newest_change: usize,
    cached: Option<Cached>,
    /// The number of the request that the server is processing. `None` if the server is idle.
    running: Option<u32>,
    landings: Vec<(u8, Landing)>,
    numbers: u32,
    /// Whether the known race can have happened: a 429 released the idempotency key while the server was processing a
    /// request, and a repeated request could then create a second key.
    pub(super) allows_known_race: bool,
}

impl Server {
    /// Creates a model server with `keys` keys. With `named_before`, the first key already has the requested name.
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

    /// Returns the listed keys. A stale list lacks the latest change.
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

    /// Handles a request that reaches the server, and returns the response.
    pub(super) fn arrives(&mut self) -> Event<'static> {
        if self.cached.is_none() {
            if self.running.is_some() {
                return failed(AttemptOutcome::StillRunning);
            }
            self.work();
        }
        self.replay()
    }

    /// Receives a request that reaches the server `steps` steps later. The client gets no response.
    pub(super) fn arrives_late(&mut self, steps: u8) {
        self.landings.push((steps, Landing::Arrives));
    }

    /// Starts to process a request, which takes `steps` steps. The client meanwhile gets a failure with the outcome
    /// `otherwise`, such as a timeout. A repeated request gets the response of [`Self::arrives`] instead.
    pub(super) fn works_on(&mut self, steps: u8, otherwise: AttemptOutcome) -> Event<'static> {
        if self.cached.is_some() || self.running.is_some() {
            return self.arrives();
        }
        let number = self.number();
        self.running = Some(number);
        self.landings.push((steps, Landing::WorkEnds(number)));
        failed(otherwise)
    }

    /// Responds with a server error, which every later attempt with the same idempotency key gets too. `effect` is the
    /// number of steps after which the request takes effect nevertheless, or `None` if it never does.
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

    /// Responds with the error of a gateway, which is not stored under the idempotency key.
    pub(super) fn gateway_fails(&mut self) -> Event<'static> {
        server_error(format!("gateway {}", self.number()))
    }

    /// Releases the idempotency key, as a response with 429 does.
    pub(super) fn release(&mut self) {
        self.allows_known_race |= self.running.take().is_some();
    }

    /// Lets all pending requests arrive and take effect, and then forgets the idempotency key.
    pub(super) fn forget(&mut self) {
        self.all_lands();
        self.cached = None;
    }

    /// Advances time by one step, and lets the requests arrive and take effect that are due.
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

/// Returns the event for an attempt with this outcome.
pub(super) fn failed(outcome: AttemptOutcome) -> Event<'static> {
    Event::Failed(outcome, error(ErrorKind::Server, None, None))
}

fn server_error(correlation_id: String) -> Event<'static> {
    Event::Failed(AttemptOutcome::Failed, error(ErrorKind::Server, Some(correlation_id), None))
}
