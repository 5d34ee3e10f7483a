//! The model server. It handles keys and idempotency keys in the way that Codat's documentation describes. Requests and
//! their effects can be delayed.

use codat_keys::internal::create::observed::AttemptOutcome;

#[derive(Clone, Copy, PartialEq)]
pub(super) struct Key {
    pub(super) id: u32,
    pub(super) has_the_name: bool,
    pub(super) is_ours: bool,
}

/// The lower bound of the ids of new keys. The initial keys have smaller ids.
pub(super) const FIRST_NEW: u32 = 100;

/// The outcome that Codat stores under the idempotency key of the operation.
#[derive(Clone, PartialEq)]
pub(super) enum Cached {
    Made(u32),
    AtLimit,
    Failed(String),
}

#[derive(Clone, Copy)]
pub(super) enum Landing {
    /// A delayed request reaches the server.
    Arrives,
    /// The server finishes processing the request with this number.
    WorkEnds(u32),
    /// A request to which the server has already responded takes effect.
    Effect,
}

pub(super) struct Server {
    pub(super) keys: Vec<Key>,
    pub(super) before_newest_change: Vec<Key>,
    pub(super) cached: Option<Cached>,
    /// The number of the request that the server is processing. `None` if the server is idle.
    pub(super) running: Option<u32>,
    pub(super) landings: Vec<(u8, Landing)>,
    numbers: u32,
    /// Whether a 429 released the idempotency key while the server was processing a request. A repeated request can
    /// then create a second key.
    pub(super) allows_known_race: bool,
}

impl Server {
    /// Creates a model server with `keys` keys. With `named_before`, the first key already has the requested name.
    pub(super) fn new(keys: usize, named_before: bool) -> Self {
        let key = |id| Key { id, has_the_name: named_before && id == 0, is_ours: false };
        let keys: Vec<Key> = (0..keys as u32).map(key).collect();
        Self {
            before_newest_change: keys.clone(),
            keys,
            cached: None,
            running: None,
            landings: Vec::new(),
            numbers: FIRST_NEW,
            allows_known_race: false,
        }
    }

    pub(super) fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn add(&mut self, is_ours: bool) -> Option<u32> {
        if self.keys.len() >= codat_keys::MAX_KEYS {
            return None;
        }
        let id = self.number();
        self.before_newest_change.clone_from(&self.keys);
        self.keys.push(Key { id, has_the_name: true, is_ours });
        Some(id)
    }

    /// Handles a request that reaches the server, and returns the response.
    pub(super) fn arrives(&mut self) -> Reply {
        if self.cached.is_none() {
            if self.running.is_some() {
                return Reply::running();
            }
            self.work();
        }
        self.replay()
    }

    pub(super) fn work(&mut self) {
        let outcome = self.add(true).map_or(Cached::AtLimit, Cached::Made);
        self.cached.get_or_insert(outcome);
    }

    pub(super) fn replay(&self) -> Reply {
        match &self.cached {
            Some(Cached::Made(id)) => Reply { outcome: AttemptOutcome::Created, made: Some(*id) },
            Some(Cached::AtLimit) => Reply { outcome: AttemptOutcome::AtLimit, made: None },
            Some(Cached::Failed(id)) => Reply { outcome: AttemptOutcome::Failed(Some(id.clone()), None), made: None },
            None => Reply { outcome: AttemptOutcome::Lost, made: None },
        }
    }

    /// Advances time by one step and applies the delayed effects that are due.
    pub(super) fn step(&mut self) {
        let due: Vec<Landing> =
            self.landings.iter().filter(|(steps, _)| *steps == 0).map(|(_, landing)| *landing).collect();
        self.landings.retain(|(steps, _)| *steps > 0);
        self.landings.iter_mut().for_each(|(steps, _)| *steps -= 1);
        due.into_iter().for_each(|landing| self.land(landing));
    }

    pub(super) fn land(&mut self, landing: Landing) {
        match landing {
            Landing::Arrives => drop(self.arrives()),
            Landing::WorkEnds(number) => {
                self.work();
                self.running = self.running.filter(|running| *running != number);
            }
            Landing::Effect => drop(self.add(true)),
        }
    }

    pub(super) fn all_lands(&mut self) {
        std::mem::take(&mut self.landings).into_iter().for_each(|(_, landing)| self.land(landing));
    }

    pub(super) fn ours(&self) -> usize {
        self.keys.iter().filter(|key| key.is_ours).count()
    }
}

pub(super) struct Reply {
    pub(super) outcome: AttemptOutcome,
    pub(super) made: Option<u32>,
}

impl Reply {
    pub(super) fn running() -> Self {
        Self { outcome: AttemptOutcome::StillRunning, made: None }
    }

    pub(super) fn only(outcome: AttemptOutcome) -> Self {
        Self { outcome, made: None }
    }
}

/// Starts to process a request for `steps` steps. The client times out before the response. Returns a response only if
/// the request is a repeated one.
pub(super) fn works_on(server: &mut Server, steps: u8) -> Option<Reply> {
    if server.cached.is_some() || server.running.is_some() {
        return Some(server.arrives());
    }
    let number = server.number();
    server.running = Some(number);
    server.landings.push((steps, Landing::WorkEnds(number)));
    None
}

/// Responds with a server error, which Codat replays from then on. `effect` is the number of steps after which the
/// request takes effect nevertheless, or `None` if it never does.
pub(super) fn fails(server: &mut Server, effect: Option<u8>) -> Reply {
    if server.cached.is_some() || server.running.is_some() {
        return server.arrives();
    }
    let id = format!("failure {}", server.number());
    server.cached = Some(Cached::Failed(id));
    match effect {
        Some(0) => drop(server.add(true)),
        Some(steps) => server.landings.push((steps, Landing::Effect)),
        None => {}
    }
    server.replay()
}
