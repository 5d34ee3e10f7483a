//! The deletion of the keys that the command has created.

use std::collections::HashSet;
use std::time::Duration;

use codat_keys::{KeyId, Method};
use serde::Deserialize;

use super::call::{Call, KEYS};
use super::seen::json;
use super::session::{Made, ROUNDS, Session};

/// The time between two rounds of deletion.
const PAUSE: Duration = Duration::from_secs(2);

/// A key counts as deleted if it was missing in this number of rounds of deletion, even if no request to delete the key
/// succeeded. One round is not enough: a server that does not know a new key yet responds with 404, and sends a list
/// without the key.
const MISSING_ROUNDS: u32 = 2;

/// The result of the deletion of the keys.
pub(super) struct CleanedUp {
    /// The number of keys whose deletion is confirmed.
    pub(super) deleted: usize,
    /// The ids of the keys whose deletion is not confirmed.
    pub(super) left: Vec<String>,
    /// Whether a created key may remain that `left` does not contain. This is the case if the outcome of a creation
    /// request is unknown, or if the last list of keys could not be read.
    pub(super) is_uncertain: bool,
}

impl CleanedUp {
    pub(super) fn is_clean(&self) -> bool {
        self.left.is_empty() && !self.is_uncertain
    }
}

impl Made {
    /// Whether the key no longer exists. A list without the key is not sufficient evidence, because the list can be
    /// older than the key.
    fn is_gone(&self) -> bool {
        !self.is_listed && (self.is_deleted || self.missing >= MISSING_ROUNDS)
    }
}

impl Session {
    /// Deletes all keys that the command has created. Runs even after a signal. If the response with a key was lost,
    /// finds this key by its name.
    pub(super) async fn clean_up(&mut self) -> CleanedUp {
        let mut cleaned = CleanedUp { deleted: 0, left: Vec::new(), is_uncertain: false };
        if self.names.is_empty() {
            return cleaned;
        }
        for round in 0..ROUNDS {
            let mut missing = HashSet::new();
            for index in 0..self.made.len() {
                if (!self.made[index].is_deleted || self.made[index].is_listed) && self.delete_at_end(index).await {
                    missing.insert(self.made[index].id.clone());
                }
            }
            let is_listed = self.list_at_end(&missing).await.is_some();
            cleaned.is_uncertain = self.unknown > 0 || !is_listed;
            if is_listed && self.made.iter().all(Made::is_gone) && (self.unknown == 0 || round > 0) {
                break;
            }
            if round + 1 < ROUNDS {
                // The list can be older than the latest change, and a request without a response can still take effect.
                tokio::time::sleep(PAUSE).await;
            }
        }
        let (gone, left): (Vec<&Made>, Vec<&Made>) = self.made.iter().partition(|made| made.is_gone());
        cleaned.deleted = gone.len();
        cleaned.left = left.iter().map(|made| made.id.to_string()).collect();
        cleaned
    }

    /// Sends a request to delete a key. Sends nothing if the key existed before the first probe. Returns whether the
    /// response was 404.
    async fn delete_at_end(&mut self, index: usize) -> bool {
        let id = self.made[index].id.clone();
        if id == self.own.id || self.existing.contains(&id) {
            return false;
        }
        let path = format!("{KEYS}/{id}");
        let Ok(response) = self.exchange(Call::new(Method::DELETE, &path), 0).await else { return false };
        self.made[index].is_deleted |= response.status().is_success();
        response.status().as_u16() == 404
    }

    /// Lists the keys, and records the keys that the command has created. The command recognizes these keys by their
    /// names. `missing` contains the ids of the keys for which the response to the deletion request in this round was
    /// 404. Returns `None` if the keys cannot be listed.
    async fn list_at_end(&mut self, missing: &HashSet<KeyId>) -> Option<()> {
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
                self.made.push(Made::new(id.clone(), self.client.clone()));
                self.unknown = self.unknown.saturating_sub(1);
            }
            if is_named || is_known {
                listed.insert(id);
            }
        }
        for made in &mut self.made {
            made.is_listed = listed.contains(&made.id);
            made.missing += u32::from(missing.contains(&made.id) && !made.is_listed);
        }
        Some(())
    }
}
