//! The state [`State::Retire`]: the old key and any duplicates of the new key are deleted. The new key authenticates
//! the requests.

use super::action::{Caller, Cause, FailureKind, Stop};
use super::process::{Process, contains, unfinished};
use crate::record::State;

impl Process {
    pub(super) async fn retire(&mut self) -> Result<(), Stop> {
        if let Some(reason) = self.new_key_fails().await? {
            return self.return_to_old_key(reason).await;
        }
        if !self.has_checked_sinks {
            self.check_sinks().await?;
        }
        let deleted = self.delete_all_but(&self.new_key(), Some(&self.old())).await;
        deleted.map_err(|failure| still_alive(&failure.message, failure.cause))?;
        self.enter(State::Done).await;
        Ok(())
    }

    /// Rolls the rotation back after the new key has stopped working. Only another program can make the new key stop
    /// working. The deletion of the old key may have begun. If the old key does not work either, returns an error.
    async fn return_to_old_key(&mut self, reason: String) -> Result<(), Stop> {
        match self.list(Caller::Key(self.old())).await {
            Ok(keys) if contains(&keys, &self.old()) => self.fail(reason, None).await,
            Err(failure) if failure.kind != FailureKind::Rejected => {
                Err(unfinished(format!("{reason}; the old key: {}", failure.message), failure.cause))
            }
            _ => Err(unfinished(format!("{reason}; the old key does not work either"), None)),
        }
    }
}

fn still_alive(message: &str, cause: Option<Cause>) -> Stop {
    let mut stop =
        unfinished(format!("all sinks have the new key, but keys that it replaces may still exist: {message}"), cause);
    stop.hint = "finish the rotation, which deletes them".into();
    stop
}
