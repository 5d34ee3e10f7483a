//! The reconstruction of a lost journal, from the tag in the name of the new key and from the old key.

use super::action::{ListedKey, Stop};
use super::preflight::occupied;
use super::process::{BETWEEN_LISTS, Process, TRIES, unfinished};
use crate::error::RotationErrorKind;
use crate::name::{self, tag_of};
use crate::record::{SinkProgress, State};
use crate::sink::{SinkContent, Verification};

impl Process {
    /// Finds the old and the new key of the rotation whose journal was lost. Resumes the rotation in the state
    /// [`State::Probe`].
    pub(super) async fn recover(&mut self) -> Result<(), Stop> {
        let (old, new) = match self.find_pair().await {
            Ok(pair) => pair,
            Err(stop) => return self.end(stop).await,
        };
        self.record.old_key = Some(old);
        self.record.name = new.name;
        self.record.new_key = Some(new.id);
        // It is unknown which sinks the lost rotation has written to.
        self.record.sinks.iter_mut().for_each(|sink| sink.progress = SinkProgress::Writing);
        self.enter(State::Probe).await;
        Ok(())
    }

    /// Finds the old and the new key. Returns the id of the old key, and the list entry of the new key. Lists the keys
    /// up to four times until a list contains both keys, because Codat can list a new key late. If the new key has
    /// duplicates, returns the list entry of the duplicate that a sink has. If the caller does not name the old key,
    /// two conditions must be met: a sink has the old or the new key, and a sink or the client uses the old key. If one
    /// of them is not met, returns an error.
    async fn find_pair(&mut self) -> Result<(String, ListedKey), Stop> {
        let mut keys = self.connect().await?;
        for _ in 1..TRIES {
            if self.pair(&keys).is_ok() {
                break;
            }
            self.wait(BETWEEN_LISTS).await;
            keys = self.connect().await?;
        }
        let (old, mut new) = self.pair(&keys)?;
        let mut is_in_sink = false;
        let mut is_old_in_use = keys.iter().any(|key| key.id == old && key.is_caller);
        for sink in 0..self.record.sinks.len() {
            if self.config.verifications[sink] != Verification::ReadBack {
                continue;
            }
            let content = self.read_sink(sink).await.map_err(|failure| {
                let message = self.sink_message(sink, "cannot be read", &failure);
                unfinished(message, failure.cause)
            })?;
            let id = match &content {
                SinkContent::Nothing => continue,
                SinkContent::Key(id) => id.as_str(),
                _ => "",
            };
            let duplicate = keys.iter().find(|key| key.id == id && key.name == new.name);
            if id != old && duplicate.is_none() && !self.record.overwrite {
                // A rollback would delete the new key, which programs may use from another place.
                let description = &self.record.sinks[sink].sink;
                return Err(occupied(description, &content, "neither the old nor the new key"));
            }
            is_in_sink |= id == old || duplicate.is_some();
            is_old_in_use |= id == old;
            new = duplicate.cloned().unwrap_or(new);
        }
        // Names alone can pair the keys of two different programs. If the rotation has deleted the old key, the names
        // can even suggest the key of another program instead.
        if self.config.key.is_some() || (is_in_sink && is_old_in_use) {
            return Ok((old, new));
        }
        Err(nothing_to_resume(match is_in_sink {
            false => "no sink has one of the two keys whose names match the lost rotation",
            true => "neither the client nor a sink uses the key whose name is that of the old key",
        }))
    }

    /// Returns the id of the old key, and the list entry of the new key.
    fn pair(&self, keys: &[ListedKey]) -> Result<(String, ListedKey), Stop> {
        let given = self.config.base.as_deref().map(name::shortened);
        let with_bases: Vec<(&ListedKey, &str)> =
            keys.iter().map(|key| (key, name::base_of(key.name.as_deref()))).collect();
        let has_tag = |key: &ListedKey| key.name.as_deref().and_then(tag_of).is_some();
        let replacements: Vec<_> = with_bases.iter().filter(|(key, _)| has_tag(key)).collect();
        let mut found: Option<(&ListedKey, &ListedKey)> = None;
        for (old, base) in &with_bases {
            if self.config.key.as_ref().is_some_and(|id| *id != old.id) {
                continue;
            }
            // The newer of two keys with the same base is the new key.
            let is_new = |new: &ListedKey, of: &str| {
                of == given.unwrap_or(base) && new.name != old.name && old.created <= new.created
            };
            for (new, _) in replacements.iter().filter(|(new, of)| is_new(new, of)) {
                match found {
                    None => found = Some((old, new)),
                    // Keys with the same name are duplicates of one another.
                    Some((one, other)) if one.id == old.id && other.name == new.name => {}
                    Some(_) => return Err(nothing_to_resume("more than one pair of keys matches the lost rotation")),
                }
            }
        }
        let none = || nothing_to_resume("no key has the name of another key with a tag of a rotation");
        found.map(|(old, new)| (old.id.clone(), new.clone())).ok_or_else(none)
    }
}

fn nothing_to_resume(message: &str) -> Stop {
    Stop {
        kind: RotationErrorKind::NothingToResume,
        message: message.into(),
        hint: "list the keys; give the id of the old key, and the name of the new key without its tag".into(),
        cause: None,
    }
}
