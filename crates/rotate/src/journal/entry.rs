//! The entries of a journal.

use codat_keys::Timestamp;
use serde::{Deserialize, Serialize};

use crate::record::Record;

/// The version of the format of an entry.
pub(crate) const FORMAT: u32 = 1;

/// An entry of a journal: the state of a rotation, and the lease of the process that runs the rotation. Stored as JSON.
/// Contains no secret.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of this format, 1.
    pub format: u32,
    /// The number of the entry, from 1.
    pub seq: u64,
    /// A text that identifies the process and the run that wrote the entry. Each run has a different text.
    pub holder: String,
    /// The [identifier](crate::JournalStore::machine) of the machine on which the entry was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The time at which the entry was written.
    pub written: Timestamp,
    /// The end of the lease. Until this time, only the process that wrote the entry may continue the rotation.
    pub expires: Timestamp,
    /// The state of the rotation.
    pub rotation: Record,
}
