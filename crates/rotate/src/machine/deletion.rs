//! The deletion of the keys that must not remain: the old key at the end of a rotation, or the new key in a rollback.

use codat_keys::MAX_KEYS;

use super::action::{Failure, FailureKind, ListedKey};
use super::process::{BETWEEN_LISTS, Process, TRIES, contains};

impl Process {
    /// Deletes the key `target`, and every key with the tag of this rotation except `caller`. The key `caller`
    /// authenticates the requests.
    ///
    /// If no list contains `target` and Codat does not find this key, the method tries the deletion up to four times,
    /// because a list can be out of date. The method then treats `target` as deleted by another program, and does not
    /// add it to [`Record::deleted`](crate::Record::deleted).
    ///
    /// Codat allows only ten keys. An eleventh successful deletion therefore means that the lists show the same key
    /// under changing ids. In this case, the method returns a failure.
    pub(super) async fn delete_all_but(&mut self, caller: &str, target: Option<&str>) -> Result<(), Failure> {
        let mut is_due = target.is_some_and(|id| !self.was_deleted(id));
        let (mut tries, mut lists_without, mut deleted) = (1, 0, 0);
        // Two lists must agree that nothing remains.
        while lists_without < 2 {
            let keys = self.list_with(caller).await?;
            if !contains(&keys, caller) {
                self.try_again(out_of_date(), &mut tries).await?;
                continue;
            }
            let Some(id) =
                target.filter(|_| is_due).map(str::to_owned).or_else(|| self.remaining(&keys, caller, target))
            else {
                lists_without += 1;
                if lists_without < 2 {
                    self.wait(BETWEEN_LISTS).await;
                }
                continue;
            };
            lists_without = 0;
            let was_deleted = self.was_deleted(&id);
            let has_begun = self.begin_deletion(&id).await;
            let result = self.delete(caller, &id).await;
            self.record.deleting.take_if(|_| !is_undetermined(&result, has_begun));
            match result {
                Ok(()) if was_deleted => self.try_again(still_listed(&id), &mut tries).await?,
                Ok(()) if deleted == MAX_KEYS => return Err(still_listed(&id)),
                Ok(()) => (is_due, deleted) = (false, deleted + 1),
                // The deletion that an earlier request began has taken effect.
                Err(failure) if failure.kind == FailureKind::NotFound && has_begun && !contains(&keys, &id) => {
                    self.settle_deletion(&[]);
                    (is_due, deleted) = (false, deleted + 1);
                }
                Err(failure) if failure.kind == FailureKind::NotFound && tries == TRIES && !contains(&keys, &id) => {
                    is_due = false;
                }
                Err(failure) => self.try_again(failure, &mut tries).await?,
            }
        }
        Ok(())
    }

    /// Writes to the journal that the deletion of a key begins. Returns whether an earlier request may have deleted the
    /// key.
    async fn begin_deletion(&mut self, id: &str) -> bool {
        let has_begun = self.record.deleting.as_deref() == Some(id);
        if !has_begun {
            self.record.deleting = Some(id.to_owned());
            self.save().await;
        }
        has_begun
    }

    /// Returns the id of a listed key that must be deleted, or `None` if there is no such key.
    fn remaining(&self, keys: &[ListedKey], caller: &str, target: Option<&str>) -> Option<String> {
        let found = target.filter(|id| contains(keys, id)).map(str::to_owned);
        found.into_iter().chain(self.ours(keys)).find(|id| id != caller)
    }
}

/// Returns whether the key may be deleted by a request of this rotation, without a response that says so.
fn is_undetermined(result: &Result<(), Failure>, has_begun: bool) -> bool {
    result.as_ref().is_err_and(|failure| has_begun || failure.kind == FailureKind::Unknown)
}

fn still_listed(id: &str) -> Failure {
    let message = format!("Codat still lists the key {id}, although it reported the deletion");
    Failure { kind: FailureKind::Temporary, message, cause: None }
}

pub(super) fn out_of_date() -> Failure {
    let message = "the list of keys does not contain the key that authenticates the request".into();
    Failure { kind: FailureKind::Temporary, message, cause: None }
}
