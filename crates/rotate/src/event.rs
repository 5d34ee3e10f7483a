//! The events of a rotation, for progress displays and logs.

use std::time::Duration;

use codat_keys::Timestamp;
use serde::Serialize;

use crate::record::State;

/// An event of a rotation. Events contain no secret. In JSON, the field `event` names the kind of the event, as in
/// `{"event":"delivered", "sink":"file:/run/app/key"}`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RotationEvent {
    /// The rotation has entered a state, and has recorded this state in the journal.
    State {
        /// The new state.
        state: State,
    },
    /// The new key exists.
    Created {
        /// The id of the new key.
        id: String,
        /// The name of the new key.
        name: String,
    },
    /// The new key authenticates.
    Probed,
    /// A sink has the new key.
    Delivered {
        /// The [description](crate::Sink::describe) of the sink.
        sink: String,
    },
    /// The rotation has read a sink, and the value in the sink authenticates.
    Confirmed {
        /// The description of the sink.
        sink: String,
    },
    /// A sink has the old key again.
    Restored {
        /// The description of the sink.
        sink: String,
    },
    /// A rollback left the content of a sink as it was. Either another program had changed the content, or an earlier
    /// rollback had asked the caller to check the sink.
    LeftAlone {
        /// The description of the sink.
        sink: String,
    },
    /// A key was deleted.
    Deleted {
        /// The id of the key.
        id: String,
    },
    /// A step failed, and is repeated after a wait.
    Retrying {
        /// What failed.
        error: String,
        /// The wait in seconds.
        #[serde(serialize_with = "seconds")]
        wait: Duration,
    },
    /// The rotation waits before it deletes the old key.
    Waiting {
        /// The time at which the old key is deleted.
        until: Timestamp,
    },
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
