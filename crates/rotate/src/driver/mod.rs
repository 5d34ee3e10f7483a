//! The driver of the state machine: it performs the I/O.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use codat_keys::{Client, KeyId};
use serde::Serialize;

use crate::error::{RotationError, RotationErrorKind};
use crate::event::RotationEvent;
use crate::journal::JournalStore;
use crate::report::{Report, Status};
use crate::sink::Sink;

/// How long the old key stays after all sinks have the new key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grace {
    /// Until [`Rotation::finish`](crate::Rotation::finish). Programs that read their key only when they start still have
    /// the old key.
    #[default]
    UntilFinish,
    /// The old key is deleted immediately.
    None,
    /// The run waits for this time, and then deletes the old key.
    For(Duration),
}

/// What a rotation would do. Returned by [`Rotation::plan`](crate::Rotation::plan).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The id of the key to replace.
    pub old_key: String,
    /// The name of the new key. The random part of its tag changes with each call.
    pub name: String,
    /// The number of keys that exist.
    pub keys: usize,
    /// The ids of the keys that would be deleted first, because ten keys exist.
    pub delete_first: Vec<String>,
    /// The sinks, in the order of delivery.
    pub sinks: Vec<SinkPlan>,
}

/// What a rotation would do with a sink.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SinkPlan {
    /// The [description](crate::Sink::describe) of the sink.
    pub sink: String,
    /// Whether the sink can be read. If not, it is asked for a confirmation after the delivery.
    pub reads_back: bool,
    /// What the sink contains now.
    pub content: SinkContent,
}

/// What a sink contains, compared with the keys of the Codat client.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkContent {
    /// The sink cannot be read.
    Unreadable,
    /// The sink does not exist or is empty.
    Nothing,
    /// The key with this id.
    Key(String),
    /// A credential that Codat does not list.
    UnknownCredential,
    /// Content that is no credential.
    Other,
}

pub(crate) enum Command {
    Start,
    Resume,
    Finish,
    Abort,
    Recover,
}

/// The checked options of a rotation.
pub(crate) struct Options {
    pub(crate) client: Client,
    pub(crate) key: Option<KeyId>,
    pub(crate) name: Option<String>,
    pub(crate) sinks: Vec<Arc<dyn Sink>>,
    /// The texts of [`Sink::describe`], in the order of the sinks.
    pub(crate) descriptions: Vec<String>,
    pub(crate) journal: Arc<dyn JournalStore>,
    pub(crate) journal_name: String,
    pub(crate) grace: Grace,
    pub(crate) overwrite: bool,
    pub(crate) delete_first: Vec<KeyId>,
    pub(crate) lease: Duration,
    pub(crate) on_event: Option<Box<dyn Fn(RotationEvent) + Send + Sync>>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotation")
            .field("sinks", &self.descriptions)
            .field("journal", &self.journal_name)
            .finish_non_exhaustive()
    }
}

/// A future that completes when the rotation is to be cancelled.
pub(crate) type Cancellation = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) async fn run(
    _options: &Options,
    _command: Command,
    _cancelled: Option<Cancellation>,
) -> Result<Report, RotationError> {
    Err(unavailable())
}

pub(crate) async fn status(_options: &Options) -> Result<Option<Status>, RotationError> {
    Err(unavailable())
}

pub(crate) async fn plan(_options: &Options) -> Result<Plan, RotationError> {
    Err(unavailable())
}

fn unavailable() -> RotationError {
    RotationError::new(RotationErrorKind::Unfinished, "rotation is not available yet", "use a later version")
}
