//! The state [`State::Retire`]: the old key and any duplicates of the new key are deleted. The new key authenticates
//! the requests.

use super::action::{Caller, FailureKind, ListedKey, Stop};
use super::process::{BETWEEN_LISTS, Process, TRIES, contains, unfinished};
use crate::record::State;

impl Process {
    pub(super) async fn retire(&mut self) -> Result<(), Stop> {
        if let Some(reason) = self.new_key_fails().await? {
            return self.return_to_old_key(reason).await;
        }
        if !self.has_checked_sinks {
            self.check_sinks().await?;
        }
        let new = self.new_key();
        let (mut tries, mut lists_without) = (1, 0);
        // A list can be out of date, so two of them must agree that nothing remains.
        while lists_without < 2 {
            let keys = self.list_with(&new).await.map_err(|failure| still_alive(&failure.message, failure.error))?;
            if !contains(&keys, &new) {
                // The list is out of date, so it does not show what remains.
                if tries == TRIES {
                    return Err(still_alive("the list of keys does not contain the new key", None));
                }
                self.wait_after(tries, "the list of keys does not contain the new key").await;
                tries += 1;
                continue;
            }
            let Some(target) = self.next_to_retire(&keys) else {
                lists_without += 1;
                if lists_without < 2 {
                    self.wait(BETWEEN_LISTS).await;
                }
                continue;
            };
            lists_without = 0;
            if let Err(failure) = self.delete(&new, &target).await {
                if tries == TRIES {
                    return Err(still_alive(&failure.message, failure.error));
                }
                self.wait_after(tries, &failure.message).await;
                tries += 1;
            }
        }
        self.enter(State::Done).await;
        Ok(())
    }

    /// Returns the id of the next key to delete. `keys` must contain the new key, which is never returned. The old key
    /// is deleted once even if `keys` does not contain it, because a list can be out of date.
    fn next_to_retire(&self, keys: &[ListedKey]) -> Option<String> {
        let (old, new) = (self.old(), self.new_key());
        if !self.record.deleted.contains(&old) {
            return Some(old);
        }
        let duplicates = self.ours(keys).into_iter().filter(|id| *id != new);
        contains(keys, &old).then_some(old).into_iter().chain(duplicates).next()
    }

    /// Rolls the rotation back because the new key does not work any more, although the deletion of the old key may
    /// have begun. Only another program can cause this situation. If the old key does not work either, stops the
    /// rotation.
    async fn return_to_old_key(&mut self, reason: String) -> Result<(), Stop> {
        match self.list(Caller::Key(self.old())).await {
            Ok(keys) if contains(&keys, &self.old()) => self.fail(reason).await,
            Err(failure) if failure.kind != FailureKind::Rejected => {
                Err(unfinished(format!("{reason}; the old key: {}", failure.message), failure.error))
            }
            _ => Err(unfinished(format!("{reason}; the old key does not work either"), None)),
        }
    }
}

fn still_alive(message: &str, error: Option<codat_keys::Error>) -> Stop {
    let mut stop =
        unfinished(format!("all sinks have the new key, but keys that it replaces may still exist: {message}"), error);
    stop.hint = "finish the rotation, which deletes them".into();
    stop
}
