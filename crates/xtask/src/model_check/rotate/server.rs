//! A model of the server for the model check of rotations.

use std::collections::{BTreeMap, BTreeSet};

use codat_keys::{MAX_KEYS, Timestamp};
use codat_keys_rotate::machine::ListedKey;

use super::faults::Effect;

/// The id of the old key.
pub(super) const OLD: &str = "old";

/// The name of the old key.
pub(super) const OLD_NAME: &str = "billing";

/// The name of the keys of other programs.
pub(super) const FOREIGN_NAME: &str = "foreign";

#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) created: i64,
    /// The number of steps until the key works. `None` if the key never works.
    pub(super) works_in: Option<u8>,
}

/// A key that a request creates.
#[derive(Clone)]
pub(super) struct New {
    pub(super) name: String,
    /// The number of steps until the key works. `None` if the key never works.
    pub(super) works_in: Option<u8>,
}

#[derive(Clone)]
pub(super) enum Landing {
    /// A request to create a key arrives. The text is the idempotency key of the request.
    Create(String, New),
    /// A key is created, without regard to the responses that are stored for idempotency keys.
    CreateAnyway(New),
    /// A request to delete a key arrives. The first text is the id of the key that authenticates the request. The
    /// second text is the id of the key to delete.
    Delete(String, String),
}

/// The response that the server has stored for an idempotency key.
#[derive(Clone, Hash)]
pub(super) enum Cached {
    Made(String),
    Failed,
    AtLimit,
}

pub(super) struct Server {
    pub(super) keys: Vec<Key>,
    pub(super) before_newest_change: Vec<Key>,
    pub(super) cached: BTreeMap<String, Cached>,
    /// The requests that take effect later, each with the number of steps until it takes effect. The number is `None`
    /// if the request takes effect after the end of the rotation, or while the rotation is interrupted for hours.
    pub(super) landings: Vec<(Option<u8>, Landing)>,
    /// The ids of the keys that the rotation has created.
    pub(super) ours: BTreeSet<String>,
    pub(super) number: u32,
    /// Whether a delayed creation has taken effect.
    pub(super) has_created_late: bool,
    /// Whether another program has deleted the old or the new key.
    pub(super) foreign_deleter: bool,
}

impl Server {
    /// Creates a server with the old key and `keys - 1` keys of other programs.
    pub(super) fn new(keys: usize) -> Self {
        let old = Key { id: OLD.into(), name: OLD_NAME.into(), created: 0, works_in: Some(0) };
        let mut server = Self {
            keys: vec![old],
            before_newest_change: Vec::new(),
            cached: BTreeMap::new(),
            landings: Vec::new(),
            ours: BTreeSet::new(),
            number: 0,
            has_created_late: false,
            foreign_deleter: false,
        };
        (1..keys).for_each(|_| drop(server.add_foreign(FOREIGN_NAME)));
        server.before_newest_change = server.keys.clone();
        server
    }

    pub(super) fn is_alive(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id == id)
    }

    /// Returns whether a key exists and authenticates.
    pub(super) fn works(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id == id && key.works_in == Some(0))
    }

    pub(super) fn is_full(&self) -> bool {
        self.keys.len() >= MAX_KEYS
    }

    pub(super) fn list(&self, caller: &str, is_stale: bool) -> Vec<ListedKey> {
        let keys = if is_stale { &self.before_newest_change } else { &self.keys };
        keys.iter()
            .map(|key| ListedKey {
                id: key.id.clone(),
                name: Some(key.name.clone()),
                created: Timestamp::from_second(key.created).ok(),
                is_caller: key.id == caller,
            })
            .collect()
    }

    /// Creates a key as another program would. Returns the id of the key, or `None` if ten keys exist.
    pub(super) fn add_foreign(&mut self, name: &str) -> Option<String> {
        (!self.is_full()).then(|| self.add(New { name: name.into(), works_in: Some(0) }, false))
    }

    /// Deletes the old or the new key as another program would.
    pub(super) fn delete_as_another(&mut self, id: &str) {
        if self.is_alive(id) && self.keys.len() > 1 {
            self.foreign_deleter = true;
            self.remove(id);
        }
    }

    /// Handles a request to create a key, and returns the response that is stored for the idempotency key.
    pub(super) fn create(&mut self, idempotency_key: &str, new: New) -> Cached {
        if let Some(cached) = self.cached.get(idempotency_key) {
            return cached.clone();
        }
        let outcome = if self.is_full() { Cached::AtLimit } else { Cached::Made(self.add(new, true)) };
        self.cached.insert(idempotency_key.into(), outcome.clone());
        outcome
    }

    /// Handles a request to create a key. The response does not show whether a key is created. `effect` says whether
    /// and when the key is created.
    pub(super) fn create_with(&mut self, effect: Effect, idempotency_key: &str, new: New) {
        self.take_effect(effect, Landing::Create(idempotency_key.into(), new));
    }

    /// Stores a failure for an idempotency key. `effect` says whether and when the API key is nevertheless created.
    pub(super) fn fail_creation(&mut self, effect: Effect, idempotency_key: &str, new: New) {
        if self.cached.contains_key(idempotency_key) {
            return;
        }
        self.cached.insert(idempotency_key.into(), Cached::Failed);
        self.create_anyway(effect, new);
    }

    /// Creates a key without regard to idempotency keys. `effect` says whether and when the key is created.
    pub(super) fn create_anyway(&mut self, effect: Effect, new: New) {
        self.take_effect(effect, Landing::CreateAnyway(new));
    }

    /// Deletes a key. The model deletes even the last key, unlike Codat. Therefore, only the checks of the client
    /// protect the last key.
    pub(super) fn delete(&mut self, caller: &str, id: &str) {
        if self.works(caller) {
            self.remove(id);
        }
    }

    pub(super) fn delete_with(&mut self, effect: Effect, caller: &str, id: &str) {
        self.take_effect(effect, Landing::Delete(caller.into(), id.into()));
    }

    fn take_effect(&mut self, effect: Effect, landing: Landing) {
        match effect {
            Effect::Never => {}
            Effect::Now => self.land(landing),
            Effect::Late(steps) => self.landings.push((Some(steps), landing)),
            Effect::AtTheEnd => self.landings.push((None, landing)),
        }
    }

    /// Advances the time of the model by one step.
    pub(super) fn step(&mut self) {
        for key in &mut self.keys {
            key.works_in = key.works_in.map(|steps| steps.saturating_sub(1));
        }
        let (due, later) = std::mem::take(&mut self.landings).into_iter().partition(|(steps, _)| *steps == Some(0));
        self.landings = later;
        self.landings.iter_mut().filter_map(|(steps, _)| steps.as_mut()).for_each(|steps| *steps -= 1);
        self.land_late(due);
    }

    pub(super) fn all_lands(&mut self) {
        let landings = std::mem::take(&mut self.landings);
        self.land_late(landings);
    }

    /// Lets hours pass. All delayed requests take effect, all keys work except those that never work, and the server
    /// forgets the idempotency keys.
    pub(super) fn forget(&mut self) {
        self.all_lands();
        self.keys.iter_mut().for_each(|key| key.works_in = key.works_in.map(|_| 0));
        self.cached.clear();
    }

    fn land_late(&mut self, landings: Vec<(Option<u8>, Landing)>) {
        for (_, landing) in landings {
            self.has_created_late |= !matches!(landing, Landing::Delete(..));
            self.land(landing);
        }
    }

    fn land(&mut self, landing: Landing) {
        match landing {
            Landing::Create(idempotency_key, new) => drop(self.create(&idempotency_key, new)),
            Landing::CreateAnyway(_) if self.is_full() => {}
            Landing::CreateAnyway(new) => drop(self.add(new, true)),
            Landing::Delete(caller, id) => self.delete(&caller, &id),
        }
    }

    fn add(&mut self, new: New, is_ours: bool) -> String {
        self.number += 1;
        let id = format!("{}-{}", if is_ours { "new" } else { "foreign" }, self.number);
        self.before_newest_change.clone_from(&self.keys);
        let New { name, works_in } = new;
        self.keys.push(Key { id: id.clone(), name, created: i64::from(self.number), works_in });
        if is_ours {
            self.ours.insert(id.clone());
        }
        id
    }

    pub(super) fn remove(&mut self, id: &str) {
        if self.is_alive(id) {
            self.before_newest_change.clone_from(&self.keys);
            self.keys.retain(|key| key.id != id);
        }
    }
}
