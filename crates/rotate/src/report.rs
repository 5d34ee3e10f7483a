//! What a rotation did, and its current state.

use codat_keys::Timestamp;
use serde::Serialize;

use crate::record::{Record, SinkProgress, SinkRecord, State};

/// What a rotation did, and the current state of the rotation. Contains no secret.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = codat_keys_emulator::Emulator::start()?;
/// # let key = codat_keys::ApiKey::parse(emulator.api_key())?;
/// # let client = codat_keys::Client::builder().base_url(emulator.base_url()).api_key(key.clone()).build()?;
/// # use codat_keys_rotate::{MemoryJournal, MemorySink, Rotation, State};
/// let sink = MemorySink::new("memory:payments", Some(key));
/// let rotation = Rotation::builder(&client).sink(sink).journal(MemoryJournal::new()).build()?;
/// let report = rotation.start().await?;
/// assert_eq!(report.state, State::Grace); // both keys work, until `finish` deletes the old key
/// assert_eq!(rotation.finish().await?.deleted, [report.old_key]);
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The current state of the rotation.
    pub state: State,
    /// The id of the old key. Empty if the rotation ended before the id was known.
    pub old_key: String,
    /// The id of the new key. `None` if the id is not known, or if a rollback has deleted the key.
    pub new_key: Option<String>,
    /// The name of the new key.
    pub name: Option<String>,
    /// The sinks, and how far the delivery to each of them has come.
    pub sinks: Vec<SinkRecord>,
    /// The ids of the keys that the rotation has deleted, in order. Keys that other programs have deleted are not
    /// included.
    pub deleted: Vec<String>,
    /// Why the rotation was rolled back or aborted.
    pub reason: Option<String>,
    /// In the state [`State::Grace`], the time at which the old key is deleted.
    pub grace_until: Option<Timestamp>,
    /// Whether another key with the name of the new key can still appear in the list of the keys. This is possible if
    /// the outcome of a creation is unknown, or if a rollback found no new key to delete. In this case, list the keys
    /// after some minutes, and delete every key that has this name, except [`new_key`](Self::new_key).
    pub may_appear_later: bool,
}

impl Report {
    /// Returns the descriptions of the sinks that have the new key.
    pub fn delivered(&self) -> impl Iterator<Item = &str> {
        let has_new = |sink: &&SinkRecord| matches!(sink.progress, SinkProgress::Written | SinkProgress::Confirmed);
        self.sinks.iter().filter(has_new).map(|sink| sink.sink.as_str())
    }

    /// Creates the report of a rotation from its record.
    pub(crate) fn of(record: &Record) -> Self {
        let was_deleted = |id: &String| record.deleted.contains(id);
        Self {
            state: record.state,
            old_key: record.old_key.clone().unwrap_or_default(),
            new_key: record.new_key.clone().filter(|id| !was_deleted(id)),
            name: record.name.clone(),
            sinks: record.sinks.clone(),
            deleted: record.deleted.clone(),
            reason: record.reason.clone(),
            grace_until: record.grace_until,
            may_appear_later: record.may_appear_later,
        }
    }
}

/// The state of a rotation, as the journal shows it. Returned by [`Rotation::status`](crate::Rotation::status).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// What the rotation did so far.
    pub report: Report,
    /// The time at which the rotation started.
    pub started: Timestamp,
    /// The time of the latest entry.
    pub updated: Timestamp,
    /// A text that identifies the process that runs the rotation. `None` if no process runs the rotation.
    pub holder: Option<String>,
    /// The time until which no other process can resume the rotation.
    pub held_until: Option<Timestamp>,
}
