//! The reconstruction of a lost journal, from the tag in the name of the new key and from the old key.

use super::action::{ListedKey, Stop};
use super::process::Process;
use crate::error::RotationErrorKind;
use crate::name::{self, tag_of};
use crate::record::{SinkProgress, State};

impl Process {
    /// Finds the old and the new key of the lost rotation, and resumes it with the probe of the new key.
    pub(super) async fn recover(&mut self) -> Result<(), Stop> {
        let found = match self.connect().await {
            Ok(keys) => self.pair(&keys),
            Err(stop) => return self.end(stop).await,
        };
        let (old, new) = match found {
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

    /// Returns the id of the old key, and the new key.
    fn pair(&self, keys: &[ListedKey]) -> Result<(String, ListedKey), Stop> {
        let has_tag = |key: &ListedKey| key.name.as_deref().and_then(tag_of).is_some();
        let base = |key: &ListedKey| name::base_of(key.name.as_deref()).to_owned();
        // The newer of two keys with the same base is the new key.
        let mut pairs = keys.iter().flat_map(|old| keys.iter().map(move |new| (old, new))).filter(|(old, new)| {
            let is_old = self.config.key.as_ref().is_none_or(|id| *id == old.id);
            let has_base = self.config.base.as_ref().map_or_else(|| base(old) == base(new), |name| *name == base(new));
            is_old && old.id != new.id && has_base && has_tag(new) && old.created < new.created
        });
        match (pairs.next(), pairs.next()) {
            (Some((old, new)), None) => Ok((old.id.clone(), new.clone())),
            (found, _) => Err(Stop {
                kind: RotationErrorKind::NothingToResume,
                message: match found {
                    None => "no key has a name that a rotation has made for another key".into(),
                    Some(_) => "several keys can be the old or the new key of the lost rotation".into(),
                },
                hint: "list the keys; give the id of the old key, and the name of the new key without its tag".into(),
                error: None,
            }),
        }
    }
}
