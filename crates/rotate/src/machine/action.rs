//! The actions and events of the state machine.

use std::fmt;
use std::time::Duration;

use codat_keys::Timestamp;

use crate::error::RotationErrorKind;
use crate::record::Record;
use crate::sink::{SinkContent, SinkError};

/// The credential of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The credential of the client that was passed to [`Rotation::builder`](crate::Rotation::builder).
    Source,
    /// The key with this id. The value of the key is known from an earlier list, or from the creation of the key.
    Key(String),
    /// The value that was last read from the sink with this index.
    Sink(usize),
}

/// The next action of a rotation.
#[derive(Debug)]
pub enum Action {
    /// Write the next entry of the journal.
    Save(Record),
    /// List the keys.
    List(Caller),
    /// Create the new key with `create` of the crate `codat-keys`. The option `adopt` is set: if the response is lost,
    /// `create` can return a listed key with the name of the new key. Only this rotation creates keys with this name.
    Create {
        /// The credential of the request.
        caller: Caller,
        /// The name of the new key.
        name: String,
        /// The idempotency key.
        idempotency_key: String,
        /// Whether a request with this idempotency key may have been sent before.
        is_resumed: bool,
    },
    /// Delete a key with `delete` of the crate `codat-keys`.
    Delete {
        /// The credential of the request. Never the key that is deleted.
        caller: Caller,
        /// The id of the key.
        id: String,
    },
    /// Read the sink with this index.
    Read(usize),
    /// Write the key with this id to the sink with this index.
    Write(usize, String),
    /// Ask whether the programs that use the sink with this index have the key with this id.
    Confirm(usize, String),
    /// Wait for this duration.
    Wait(Duration),
    /// End the run with this outcome.
    Complete(Outcome),
}

/// The result of an action.
#[derive(Debug)]
pub enum Event {
    /// The journal contains the record.
    Saved,
    /// The keys were listed.
    Listed(Vec<ListedKey>),
    /// The new key exists, and has this id.
    Created(String),
    /// The key was deleted.
    Deleted,
    /// The content of the sink.
    Content(SinkContent),
    /// The sink reports a successful write.
    Written,
    /// Whether the programs that use the sink have the key.
    Confirmed(bool),
    /// The wait is over.
    Waited,
    /// The action failed.
    Failed(Failure),
}

/// A listed key, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// The id of the key.
    pub id: String,
    /// The name of the key.
    pub name: Option<String>,
    /// The creation date of the key.
    pub created: Option<Timestamp>,
    /// Whether the list request was authenticated with this key.
    pub is_caller: bool,
}

/// Why an action failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Codat does not accept the credential of the request. Nothing was changed.
    Rejected,
    /// The value of the key is not known. A run learns the value of a key only when it lists or creates the key.
    UnknownSecret,
    /// The action failed, but may succeed if it is repeated. No key was created or deleted. A write to a sink may have
    /// taken effect.
    Temporary,
    /// The action failed, and would fail again if it were repeated. No key was created or deleted. A write to a sink
    /// may have taken effect.
    Permanent,
    /// Ten keys exist. No key was created.
    KeyLimitReached,
    /// No key with this id was found, so nothing was deleted. The key can still exist if the list of the keys is out of
    /// date.
    NotFound,
    /// It is unknown whether the creation or deletion takes effect. The outcome can become known if the action is
    /// repeated.
    Unknown,
    /// It is unknown whether the key is created. Repeating the request with the same idempotency key cannot show the
    /// outcome any more.
    Spent,
}

/// A failed action.
pub struct Failure {
    /// Why the action failed.
    pub kind: FailureKind,
    /// A message without secrets.
    pub message: String,
    /// The error that caused the failure.
    pub cause: Option<Cause>,
}

/// An error of the crate `codat-keys` or of a sink.
#[derive(Debug)]
pub enum Cause {
    /// An error of the crate `codat-keys`.
    Api(codat_keys::Error),
    /// An error of a sink. Its message contains no key.
    Sink(SinkError),
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure").field("kind", &self.kind).field("message", &self.message).finish_non_exhaustive()
    }
}

/// The end of a run: the latest record and, if the run stopped early, the reason.
#[derive(Debug)]
pub struct Outcome {
    /// The latest record of the journal.
    pub record: Record,
    /// Why the run stopped early. `None` if the run did what the caller asked for.
    pub stop: Option<Stop>,
}

/// Why a run stopped early.
#[derive(Debug)]
pub struct Stop {
    /// The kind of the error.
    pub kind: RotationErrorKind,
    /// The message of the error.
    pub message: String,
    /// The hint of the error.
    pub hint: String,
    /// The error that caused the stop.
    pub cause: Option<Cause>,
}
