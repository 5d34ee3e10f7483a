//! The states before the creation of the new key: [`State::Preflight`] and [`State::DeleteFirst`]. A rotation that was
//! interrupted in the state [`State::Preflight`] cannot be resumed. A rotation that is resumed in
//! [`State::DeleteFirst`] repeats the checks of the preflight, but does not choose the old key and the name of the new
//! key again.

use codat_keys::MAX_KEYS;

use super::action::{Caller, Cause, Failure, FailureKind, ListedKey, Stop};
use super::process::{Process, contains, unfinished};
use crate::error::RotationErrorKind;
use crate::event::RotationEvent;
use crate::name;
use crate::record::{Attempt, State};
use crate::sink::{SinkContent, Verification};

const OTHER_KEY: &str = "name another key to delete first";

impl Process {
    pub(super) async fn preflight(&mut self) -> Result<(), Stop> {
        match self.prepare().await {
            Ok(to_delete) if to_delete.is_empty() => self.begin_creation().await,
            Ok(to_delete) => return self.delete_first(to_delete).await,
            Err(stop) => return self.end(stop).await,
        }
        Ok(())
    }

    /// Checks everything that a rotation requires. Changes no key and no sink. Returns the ids of the keys to delete
    /// before the creation.
    async fn prepare(&mut self) -> Result<Vec<String>, Stop> {
        let keys = self.list(Caller::Source).await.map_err(|failure| api("the keys cannot be listed", failure))?;
        self.settle_deletion(&keys);
        let in_use = keys.iter().find(|key| key.is_caller).map(|key| key.id.clone());
        // A rotation that was interrupted while it deleted a key has already chosen the old key and the new name.
        let chosen = self.record.old_key.clone().or_else(|| self.config.key.clone());
        let Some(old) = chosen.or_else(|| in_use.clone()) else {
            return Err(invalid("the list of keys does not contain the key in use", "try again in a minute"));
        };
        let Some(listed) = keys.iter().find(|key| key.id == old) else {
            return Err(invalid(format!("no key has the id {old}"), "list the keys to see their ids"));
        };
        if self.record.name.is_none() {
            self.record.name = Some(self.new_name(listed, &keys)?);
        }
        self.record.old_key = Some(old);
        for sink in 0..self.record.sinks.len() {
            self.check_sink(sink).await?;
        }
        self.keys_to_delete(&keys, in_use.as_deref())
    }

    fn new_name(&self, old: &ListedKey, keys: &[ListedKey]) -> Result<String, Stop> {
        let base = self.config.base.as_deref().unwrap_or_else(|| name::base_of(old.name.as_deref()));
        loop {
            let name = (self.config.generators.name)(base, self.port.now()).map_err(|error| Stop {
                kind: RotationErrorKind::InvalidInput,
                message: format!("the name of the new key is not valid: {error}"),
                hint: "give another name".into(),
                cause: Some(Cause::Api(error)),
            })?;
            if !keys.iter().any(|key| key.name.as_deref() == Some(name.as_str())) {
                return Ok(name.as_str().to_owned());
            }
        }
    }

    /// Checks that the rotation may write to a sink.
    async fn check_sink(&mut self, sink: usize) -> Result<(), Stop> {
        let description = self.record.sinks[sink].sink.clone();
        match self.config.verifications[sink] {
            Verification::ReadBack => {}
            Verification::Confirm => return Ok(()),
            Verification::Unavailable => {
                return Err(Stop {
                    kind: RotationErrorKind::SinkUnavailable,
                    message: format!("{description} can neither be read nor confirmed"),
                    hint: "give a command that confirms that the programs have the key".into(),
                    cause: None,
                });
            }
        }
        let content = self.read_sink(sink).await.map_err(|failure| Stop {
            kind: RotationErrorKind::SinkUnavailable,
            message: format!("{description} cannot be read: {}", failure.message),
            hint: "make the sink readable, and start again".into(),
            cause: failure.cause,
        })?;
        match &content {
            SinkContent::Nothing => return Ok(()),
            SinkContent::Key(id) if Some(id) == self.record.old_key.as_ref() => return Ok(()),
            _ => {}
        }
        if let Some(id) = content.keys().iter().find(|id| self.config.delete_first.contains(id)) {
            let message = format!("{description} contains the key {id}, which is to be deleted first");
            return Err(invalid(message, OTHER_KEY));
        }
        if self.record.overwrite {
            return Ok(());
        }
        Err(occupied(&description, &content, "not the old key"))
    }

    /// Returns the ids of the keys to delete before the creation. After these deletions, fewer than ten keys remain.
    fn keys_to_delete(&self, keys: &[ListedKey], in_use: Option<&str>) -> Result<Vec<String>, Stop> {
        let surplus = (keys.len() + 1).saturating_sub(MAX_KEYS);
        let mut to_delete = Vec::new();
        for id in self.config.delete_first.iter().filter(|id| contains(keys, id)).take(surplus) {
            if Some(id) == self.record.old_key.as_ref() || Some(id.as_str()) == in_use {
                let message = format!("the key {id} cannot be deleted first: it is the old key or the key in use");
                return Err(invalid(message, OTHER_KEY));
            }
            to_delete.push(id.clone());
        }
        if to_delete.len() < surplus {
            return Err(Stop {
                kind: RotationErrorKind::KeyLimitReached,
                message: "ten keys exist, which is Codat's limit".into(),
                hint: "delete an unused key, or name one to delete first".into(),
                cause: None,
            });
        }
        Ok(to_delete)
    }

    async fn delete_first(&mut self, to_delete: Vec<String>) -> Result<(), Stop> {
        self.enter(State::DeleteFirst).await;
        for id in to_delete {
            let has_begun = self.record.deleting.replace(id.clone()).is_some_and(|deleting| deleting == id);
            self.save().await;
            match self.delete(&self.old(), &id).await {
                Ok(()) => {}
                // The deletion that an earlier run began has taken effect.
                Err(Failure { kind: FailureKind::NotFound, .. }) if has_begun => self.settle_deletion(&[]),
                // Another program has deleted the key.
                Err(Failure { kind: FailureKind::NotFound, .. }) => {}
                Err(Failure { kind: FailureKind::Unknown, message, cause }) => return Err(unfinished(message, cause)),
                Err(failure) => {
                    self.record.deleting = self.record.deleting.take().filter(|_| has_begun);
                    return self.end(api("no key was created", failure)).await;
                }
            }
            self.record.deleting = None;
        }
        self.begin_creation().await;
        Ok(())
    }

    /// Checks the key whose deletion an earlier run has begun. If `keys` does not contain this key, records the key as
    /// deleted. If `keys` contains the key, records nothing, because the deletion can still take effect.
    pub(super) fn settle_deletion(&mut self, keys: &[ListedKey]) {
        let is_settled = |id: &mut String| !contains(keys, id) || self.record.deleted.contains(id);
        let Some(id) = self.record.deleting.take_if(is_settled) else { return };
        if !self.was_deleted(&id) {
            self.port.emit(RotationEvent::Deleted { id: id.clone() });
            self.record.deleted.push(id);
        }
    }

    async fn begin_creation(&mut self) {
        self.add_attempt();
        self.enter(State::Create).await;
    }

    /// Adds to the record an attempt to create the new key, with a new idempotency key. The caller must save the record
    /// before it sends the request.
    pub(super) fn add_attempt(&mut self) {
        let started = self.port.now();
        let idempotency_key = (self.config.generators.idempotency_key)(started);
        self.record.attempts.push(Attempt { idempotency_key, started });
        self.is_unsent = true;
    }
}

/// Returns the error for a sink whose content the rotation must not replace. `instead` is the end of the message, such
/// as `not the old key`.
pub(super) fn occupied(description: &str, content: &SinkContent, instead: &str) -> Stop {
    Stop {
        kind: RotationErrorKind::SinkOccupied,
        message: format!("{description} contains {}, {instead}", described(content)),
        hint: "check the sink; allow overwriting to replace its content".into(),
        cause: None,
    }
}

fn described(content: &SinkContent) -> String {
    match content {
        SinkContent::Key(id) => format!("the key {id}"),
        SinkContent::KeysInText(ids) => format!("the key {} in another form", ids.join(" and the key ")),
        SinkContent::UnknownCredential => "a credential that Codat does not list".into(),
        _ => "content that is no credential".into(),
    }
}

/// Returns the error for a call that failed before a key was created.
pub(super) fn api(what: &str, failure: Failure) -> Stop {
    let kind = match failure.kind {
        FailureKind::KeyLimitReached => RotationErrorKind::KeyLimitReached,
        _ => RotationErrorKind::Api,
    };
    let hint = match &failure.cause {
        Some(Cause::Api(error)) => error.hint(),
        _ => "try again in a minute",
    };
    Stop { kind, message: format!("{what}: {}", failure.message), hint: hint.into(), cause: failure.cause }
}

fn invalid(message: impl Into<String>, hint: &str) -> Stop {
    Stop { kind: RotationErrorKind::InvalidInput, message: message.into(), hint: hint.into(), cause: None }
}
