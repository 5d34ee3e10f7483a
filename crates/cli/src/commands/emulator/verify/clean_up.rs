//! The deletion of the keys that the command has created.

use std::collections::HashSet;
use std::time::Duration;

use codat_keys::{KeyId, Method};
use serde::Deserialize;

use super::call::{Call, KEYS};
use super::seen::json;
use super::session::{Made, ROUNDS, Session};

/// The time between two rounds.
const PAUSE: Duration = Duration::from_secs(2);

/// What is left after the deletion of the keys.
pub(super) struct CleanedUp {
    pub(super) deleted: usize,
    /// The ids of the keys that could not be deleted.
    pub(super) left: Vec<String>,
    /// Whether a request may still create a key.
    pub(super) is_uncertain: bool,
}

impl CleanedUp {
    pub(super) fn is_clean(&self) -> bool {
        self.left.is_empty() && !self.is_uncertain
    }
}

impl Session {
    /// Deletes all keys that the command has created, also after a signal. If the response with a key was lost, finds
    /// this key by its name.
    pub(super) async fn clean_up(&mut self) -> CleanedUp {
        let mut cleaned = CleanedUp { deleted: 0, left: Vec::new(), is_uncertain: false };
        if self.names.is_empty() {
            return cleaned;
        }
        let mut listed = None;
        for round in 0..ROUNDS {
            for index in 0..self.made.len() {
                if !self.made[index].is_deleted {
                    self.delete_at_end(index).await;
                }
            }
            listed = self.list_at_end().await;
            let is_clean = listed.as_ref().is_some_and(HashSet::is_empty);
            if is_clean && (self.unknown == 0 || round > 0) {
                break;
            }
            if round + 1 < ROUNDS {
                // The list can be older than the latest change, and a request without a response can still take effect.
                tokio::time::sleep(PAUSE).await;
            }
        }
        cleaned.is_uncertain = self.unknown > 0 || listed.is_none();
        let remaining = self.made.iter().filter(|made| match &listed {
            Some(listed) => listed.contains(&made.id),
            None => !made.is_deleted,
        });
        cleaned.left = remaining.map(|made| made.id.to_string()).collect();
        cleaned.deleted = self.made.len() - cleaned.left.len();
        cleaned
    }

    async fn delete_at_end(&mut self, index: usize) {
        let id = self.made[index].id.clone();
        if id == self.own.id || self.existing.contains(&id) {
            return;
        }
        let path = format!("{KEYS}/{id}");
        let deleted = self.exchange(Call::new(Method::DELETE, &path), 0).await;
        self.made[index].is_deleted =
            deleted.is_ok_and(|response| response.status().is_success() || response.status().as_u16() == 404);
    }

    /// Lists the keys, and records the keys that the command has created. The names of these keys identify them.
    /// Returns the ids of these keys, or `None` if the keys cannot be listed.
    async fn list_at_end(&mut self) -> Option<HashSet<KeyId>> {
        #[derive(Deserialize)]
        struct Keys {
            results: Vec<Listed>,
        }
        #[derive(Deserialize)]
        struct Listed {
            id: String,
            name: Option<String>,
        }
        let response = self.exchange(Call::get(KEYS), 0).await.ok()?;
        let keys: Keys = json(&response).filter(|_| response.status().is_success())?;
        let mut listed = HashSet::new();
        for Listed { id, name } in keys.results {
            let Ok(id) = KeyId::parse(&id) else { continue };
            let is_known = self.made.iter().any(|made| made.id == id);
            let is_named = name.is_some_and(|name| self.names.contains(&name)) && !self.existing.contains(&id);
            if is_named && !is_known {
                self.made.push(Made { id: id.clone(), client: self.client.clone(), is_deleted: false });
                self.unknown = self.unknown.saturating_sub(1);
            }
            if is_named || is_known {
                listed.insert(id);
            }
        }
        // A key that is still listed was not deleted.
        self.made.iter_mut().for_each(|made| made.is_deleted &= !listed.contains(&made.id));
        Some(listed)
    }
}
