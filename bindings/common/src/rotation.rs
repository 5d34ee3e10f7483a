//! Data types for the options of a rotation, and the code that runs a rotation.

use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use codat_keys::{Client, KeyId};
use codat_keys_rotate::{FileJournal, Grace, JournalStore, RotationError, Run};
use serde::Serialize;

use crate::errors::json;
use crate::functions::{Ask, RotationRequest, current_ask};
use crate::journals::FunctionJournal;
use crate::sinks::{FunctionSink, Turn};

/// The default timeout for one run of a function of a sink or of a journal store.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(30);

/// The default duration of the lease of a rotation. If the timeout of a sink is longer than half of this duration, the
/// default is twice the longest timeout of a sink.
const LEASE: Duration = Duration::from_secs(5 * 60);

/// The options of a rotation. An option that is `None` has its default value.
pub struct RotationOptions {
    /// The id of the key to replace.
    pub key: Option<KeyId>,
    /// The sinks.
    pub sinks: Vec<SinkOptions>,
    /// The storage of the journals.
    pub journal: JournalOptions,
    /// The name of the journal.
    pub journal_name: String,
    /// The name of the new key, without the tag that the rotation appends to the name.
    pub name: Option<String>,
    /// How long the old key stays after all sinks have the new key.
    pub grace: Option<Duration>,
    /// Whether the rotation replaces the content of a sink that contains something other than the old key.
    pub overwrite: bool,
    /// The ids of the keys that the rotation may delete before it creates the new key.
    pub delete_first: Vec<KeyId>,
    /// The duration of the lease.
    pub lease: Option<Duration>,
    /// The time within which Codat must accept the new key.
    pub probe_timeout: Option<Duration>,
}

/// The storage of journals.
pub enum JournalOptions {
    /// The default journal folder of the current user.
    OfThisUser,
    /// The folder with this path.
    Folder(PathBuf),
    /// A store that consists of Python or JavaScript functions.
    Functions {
        /// The id of the object that has the functions. No other object of this process has this id.
        id: String,
        /// Whether there is a function that locks a journal.
        locks: bool,
        /// The identifier of this machine. Each entry of a journal contains this identifier.
        machine: Option<String>,
        /// The maximum duration of one run of a function of the store.
        timeout: Option<Duration>,
    },
}

/// A sink that consists of functions.
pub struct SinkOptions {
    /// The name of the sink. The journal contains this name.
    pub name: String,
    /// Whether the sink has the function `confirm` instead of `read`.
    pub confirms: bool,
    /// The maximum duration of one run of a function of the sink.
    pub timeout: Option<Duration>,
}

/// The operation that a rotation performs.
#[derive(Clone, Copy)]
pub enum RotationVerb {
    /// Start the rotation.
    Start,
    /// Resume an interrupted rotation.
    Resume,
    /// Delete the old key.
    Finish,
    /// Roll the rotation back.
    Abort,
    /// Rebuild a lost journal, and resume the rotation.
    Recover,
    /// Return the latest rotation of the journal.
    Status,
    /// Return what `Start` would do.
    Plan,
}

impl RotationVerb {
    /// Returns the verb with this name, such as `start`.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "start" => Self::Start,
            "resume" => Self::Resume,
            "finish" => Self::Finish,
            "abort" => Self::Abort,
            "recover" => Self::Recover,
            "status" => Self::Status,
            "plan" => Self::Plan,
            _ => return None,
        })
    }
}

/// A rotation. Clones share their sinks.
#[derive(Clone)]
pub struct Rotation(Arc<RotationOptions>);

/// Identifies the lock of a sink: the id of the process, the store of the journals, the name of the journal and the
/// name of the sink. A forked child process has its own id, so it does not wait for functions that run in its parent
/// process.
type TurnId = (u32, PathBuf, String, String);

/// The locks of sinks. A lock is freed when neither a rotation nor a running function refers to the lock.
static TURNS: LazyLock<Mutex<HashMap<TurnId, Weak<tokio::sync::Mutex<()>>>>> = LazyLock::new(Mutex::default);

/// Returns the lock of a sink. The lock is held while a function of the sink runs. All rotations of this process with
/// the same journal share this lock. Without the lock, a function that still runs after a timeout or a cancellation
/// could write a key after the rotation has been rolled back. `store` identifies the store of the journal.
fn turn(store: &Path, journal: &str, sink: &str) -> Turn {
    let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    turns.retain(|_, turn| turn.strong_count() > 0);
    let id = (std::process::id(), store.to_owned(), journal.to_owned(), sink.to_owned());
    let known = turns.get(&id).and_then(Weak::upgrade);
    known.unwrap_or_else(|| {
        let turn = Turn::default();
        turns.insert(id, Arc::downgrade(&turn));
        turn
    })
}

impl Rotation {
    /// Creates a rotation. Does not check the options, and sends no request.
    pub fn new(options: RotationOptions) -> Self {
        Self(Arc::new(options))
    }

    /// Performs the operation `verb` of the rotation. Returns a report, a status or a plan as JSON. `stop` cancels the
    /// operation. A cancelled `Status` or `Plan` returns `None`, because these operations change nothing. Any other
    /// cancelled operation returns an error.
    pub(crate) async fn run(
        self,
        verb: RotationVerb,
        client: Client,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Option<Result<String, RotationError>> {
        let rotation = match self.build(&client) {
            Ok(rotation) => rotation,
            Err(error) => return Some(Err(error)),
        };
        let run: Run = match verb {
            RotationVerb::Start => rotation.start(),
            RotationVerb::Resume => rotation.resume(),
            RotationVerb::Finish => rotation.finish(),
            RotationVerb::Abort => rotation.abort(),
            RotationVerb::Recover => rotation.recover(),
            RotationVerb::Status => return unless_stopped(rotation.status(), stop).await,
            RotationVerb::Plan => return unless_stopped(rotation.plan(), stop).await,
        };
        Some(run.cancel_on(stop).await.map(|report| json(&report)))
    }

    fn build(&self, client: &Client) -> Result<codat_keys_rotate::Rotation, RotationError> {
        let (options, ask) = (&self.0, current_ask());
        let (store, store_id) = options.journal.store(&ask)?;
        let events = Arc::clone(&ask);
        let longest = options.sinks.iter().map(|sink| timeout(sink.timeout)).max().unwrap_or_default();
        let mut builder = codat_keys_rotate::Rotation::builder(client)
            .journal_name(&options.journal_name)
            .overwrite(options.overwrite)
            .lease(options.lease.unwrap_or(LEASE.max(longest.saturating_mul(2))))
            .shared_journal(store)
            .on_event(move |event| events(RotationRequest::Event(json(&event))));
        if let Some(time) = options.probe_timeout {
            builder = builder.probe_timeout(time);
        }
        if let Some(time) = options.grace {
            builder = builder.grace(if time.is_zero() { Grace::None } else { Grace::For(time) });
        }
        if let Some(key) = &options.key {
            builder = builder.key(key.clone());
        }
        if let Some(name) = &options.name {
            builder = builder.name(name);
        }
        for id in &options.delete_first {
            builder = builder.delete_first(id.clone());
        }
        for (index, sink) in options.sinks.iter().enumerate() {
            builder = builder.sink(FunctionSink {
                index,
                name: sink.name.clone(),
                confirms: sink.confirms,
                timeout: timeout(sink.timeout),
                turn: turn(&store_id, &options.journal_name, &sink.name),
                ask: Arc::clone(&ask),
            });
        }
        builder.build()
    }
}

/// Returns the result of `read` as JSON. Returns `None` if `stop` completes first.
async fn unless_stopped<T: Serialize>(
    read: impl Future<Output = Result<T, RotationError>>,
    stop: impl Future<Output = ()>,
) -> Option<Result<String, RotationError>> {
    tokio::select! {
        result = read => Some(result.map(|value| json(&value))),
        () = stop => None,
    }
}

impl JournalOptions {
    /// Returns the journal store, and a path that identifies the store. The path is the folder of the journals. For a
    /// store of Python or JavaScript functions, the path is the id of the object that has these functions.
    fn store(&self, ask: &Ask) -> Result<(Arc<dyn JournalStore>, PathBuf), RotationError> {
        let journal = match self {
            Self::OfThisUser => FileJournal::of_this_user()?,
            Self::Folder(folder) => FileJournal::new(folder),
            Self::Functions { id, locks, machine, timeout: time } => {
                let functions = FunctionJournal {
                    locks: *locks,
                    machine: machine.clone(),
                    timeout: timeout(*time),
                    ask: Arc::clone(ask),
                };
                return Ok((Arc::new(functions), id.into()));
            }
        };
        let folder = journal.location().map(PathBuf::from).unwrap_or_default();
        let id = std::path::absolute(&folder).unwrap_or(folder);
        Ok((Arc::new(journal), id))
    }
}

fn timeout(given: Option<Duration>) -> Duration {
    given.unwrap_or(FUNCTION_TIMEOUT)
}
