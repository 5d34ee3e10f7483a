//! The options of a rotation, and the plan: what a rotation with these options would do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use codat_keys::internal::holds_credential;
use codat_keys::{Client, KeyId};
use serde::Serialize;

use crate::event::RotationEvent;
use crate::journal::JournalStore;
use crate::sink::{Sink, SinkContent};

/// How long a rotation keeps the old key after all [sinks](crate::Sink) have the new key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grace {
    /// The old key works until [`Rotation::finish`](crate::Rotation::finish) deletes it. Programs that read their key
    /// only when they start use the old key until they are restarted.
    #[default]
    UntilFinish,
    /// The old key is deleted immediately.
    None,
    /// The rotation waits for this duration, and then deletes the old key.
    For(Duration),
}

impl Grace {
    /// Returns how long the old key is kept. Returns `None` for [`Grace::UntilFinish`].
    pub(super) fn period(self) -> Option<Duration> {
        match self {
            Self::UntilFinish => None,
            Self::None => Some(Duration::ZERO),
            Self::For(time) => Some(time),
        }
    }
}

/// What a rotation would do. Returned by [`Rotation::plan`](crate::Rotation::plan).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The id of the key to replace.
    pub old_key: String,
    /// The name that the new key would have. The random characters at the end of the name change with each call of
    /// [`Rotation::plan`](crate::Rotation::plan).
    pub name: String,
    /// The number of keys that exist.
    pub keys: usize,
    /// The ids of the keys that would be deleted before the new key is created. Empty if fewer than ten keys exist.
    pub delete_first: Vec<String>,
    /// The sinks, in the order of delivery.
    pub sinks: Vec<SinkPlan>,
}

/// What a rotation would do with a sink.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SinkPlan {
    /// The [description](crate::Sink::describe) of the sink.
    pub sink: String,
    /// Whether the rotation can read the sink. If not, the rotation calls [`Sink::confirm`](crate::Sink::confirm) after
    /// the delivery.
    pub reads_back: bool,
    /// What the sink contains now.
    pub content: SinkContent,
}

/// The checked options of a rotation.
pub(crate) struct Options {
    pub(crate) client: Client,
    pub(crate) key: Option<KeyId>,
    pub(crate) name: Option<String>,
    pub(crate) sinks: Vec<Arc<dyn Sink>>,
    /// The texts that [`Sink::describe`] returns, in the order of the sinks.
    pub(crate) descriptions: Vec<String>,
    pub(crate) journal: Arc<dyn JournalStore>,
    pub(crate) journal_name: String,
    /// How long the old key stays after all sinks have the new key. `None` if this option is not set.
    pub(crate) grace: Option<Grace>,
    pub(crate) overwrite: bool,
    pub(crate) delete_first: Vec<KeyId>,
    pub(crate) lease: Duration,
    pub(crate) probe_timeout: Duration,
    pub(crate) on_event: Option<Box<dyn Fn(RotationEvent) + Send + Sync>>,
}

impl Options {
    /// Checks the texts that the journal and errors can contain. Returns an error message if one of the texts contains
    /// an API key.
    pub(crate) fn check_texts(&self) -> Result<(), String> {
        let ids = self.key.iter().chain(&self.delete_first).map(|id| ("the id of a key", id.as_str()));
        let descriptions = self.descriptions.iter().map(|text| ("the description of a sink", text.as_str()));
        let name = self.name.iter().map(|name| ("the name for the new key", name.as_str()));
        let others = [("the name of the journal", &*self.journal_name), ("the base URL", self.client.base_url())];
        let (machine, location) = (self.journal.machine(), self.journal.location());
        let machine = machine.iter().map(|text| ("the machine of the journal", text.as_str()));
        let location = location.iter().map(|text| ("the path or the URL of the journal", text.as_str()));
        let mut texts = ids.chain(descriptions).chain(name).chain(others).chain(machine).chain(location);
        let has_key = |text: &str| holds_credential(text) || self.client.redact(text) != text;
        match texts.find(|(_, text)| has_key(text)) {
            Some((what, _)) => Err(format!("{what} contains an API key, or what looks like one")),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotation")
            .field("sinks", &self.descriptions)
            .field("journal", &self.journal_name)
            .finish_non_exhaustive()
    }
}
