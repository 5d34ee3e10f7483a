//! The state of a rotation, as the journal stores it. The journal contains no secret.

use std::time::Duration;

use codat_keys::Timestamp;
use serde::{Deserialize, Serialize};

/// The state of a rotation. The rotation writes a journal entry with a new state before it takes the first step of this
/// state.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Lists the keys and reads the sinks. Nothing has been changed yet.
    Preflight,
    /// Looks for the keys of a rotation whose journal was lost.
    Recover,
    /// Deletes keys that [`delete_first`](crate::RotationBuilder::delete_first) names. A rotation enters this state
    /// only if ten keys exist, which is Codat's limit.
    DeleteFirst,
    /// Creates the new key.
    Create,
    /// Tests the new key: lists the keys, with the new key as the credential, until several lists in a row have
    /// succeeded.
    Probe,
    /// Writes the new key to each sink, and reads the sink back.
    Deliver,
    /// Reads each sink again, and checks that the value in the sink authenticates: a request with this value must list
    /// the keys.
    Confirm,
    /// All sinks have the new key. The old key still works, for programs that read their key only when they start.
    Grace,
    /// Deletes the old key. After this state has begun, the rotation returns to the old key only if another program
    /// makes the new key unusable.
    Retire,
    /// Restores the old key in the sinks, and deletes the new key.
    Rollback,
    /// The rotation is complete: the new key has replaced the old key.
    Done,
    /// The rotation was rolled back, or ended before it created a key. The old key works as before.
    Aborted,
}

impl State {
    /// Returns whether a rotation in this state has ended. No step follows such a state.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Aborted)
    }

    /// Returns a stable identifier, such as `delete_first`. The journal contains the same text.
    pub fn code(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Recover => "recover",
            Self::DeleteFirst => "delete_first",
            Self::Create => "create",
            Self::Probe => "probe",
            Self::Deliver => "deliver",
            Self::Confirm => "confirm",
            Self::Grace => "grace",
            Self::Retire => "retire",
            Self::Rollback => "rollback",
            Self::Done => "done",
            Self::Aborted => "aborted",
        }
    }
}

/// How far the delivery to a sink has come. The rotation records each step when it has taken the step. Another program
/// can change the sink afterwards. A check that finds such a change is an error, and does not change the progress.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkProgress {
    /// The rotation has not written to the sink.
    Pending,
    /// A write of the new key, or of the old key in a rollback, has begun. It is not known yet whether the write took
    /// effect.
    Writing,
    /// The sink returned the new key after the write.
    Written,
    /// The value in the sink has authenticated a request.
    Confirmed,
    /// The rotation was rolled back, and the sink has the old key again.
    Restored,
    /// The rotation was rolled back, but the content of the sink was left as it was. Either another program had changed
    /// the content, or an earlier rollback had asked the caller to check the sink.
    LeftAlone,
}

/// A sink of a rotation, and how far the delivery to this sink has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SinkRecord {
    /// The text that [`Sink::describe`](crate::Sink::describe) returns.
    pub sink: String,
    /// How far the delivery has come.
    pub progress: SinkProgress,
    /// Whether a rollback has asked the caller to check this sink, because the rotation cannot tell what the sink
    /// contains. The next abort assumes that the caller has checked the sink.
    #[serde(default, skip_serializing_if = "is_false")]
    pub to_be_checked: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// An attempt to create the new key, with its own idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attempt {
    /// The idempotency key, a UUID of version 7.
    pub idempotency_key: String,
    /// The time at which the idempotency key was made. The idempotency key is sent only in the 85 minutes after this
    /// time.
    pub started: Timestamp,
}

/// Everything that a process needs to resume a rotation, except a working key.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    /// The state of the rotation.
    pub state: State,
    /// The base URL of the API.
    pub base_url: String,
    /// The time at which the rotation started.
    pub started: Timestamp,
    /// The id of the old key. `None` if the id is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_key: Option<String>,
    /// The name of the new key, which ends with a unique tag. `None` if the name is not chosen yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The attempts to create the new key. A second attempt follows only if the first idempotency key cannot be used
    /// any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// The id of the new key. `None` until the id is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_key: Option<String>,
    /// The sinks, in the order of delivery.
    pub sinks: Vec<SinkRecord>,
    /// Whether the rotation may overwrite a sink that contains something other than the old key.
    #[serde(default)]
    pub overwrite: bool,
    /// How long the old key stays after all sinks have the new key. `None` if the old key stays until
    /// [`finish`](crate::Rotation::finish).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Duration>,
    /// The ids of the keys that the rotation has deleted, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<String>,
    /// The id of a key whose deletion has begun. The deletion may have taken effect, or may take effect later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleting: Option<String>,
    /// In the state [`State::Grace`], the time at which the old key is deleted. `None` if the rotation waits for
    /// [`finish`](crate::Rotation::finish).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<Timestamp>,
    /// Why the rotation was rolled back or aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether a key with the name of the new key can still appear in the list of the keys. This is possible if the
    /// outcome of a creation is unknown, or if a rollback found no new key to delete.
    #[serde(default)]
    pub may_appear_later: bool,
}
