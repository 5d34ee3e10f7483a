//! The public handle of a rotation, and its builder.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use codat_keys::{Client, KeyId, Timestamp};

use crate::driver::{Command, Options};
use crate::error::{RotationError, RotationErrorKind};
use crate::event::RotationEvent;
use crate::journal::{JournalStore, is_name};
use crate::report::{Report, Status};
use crate::sink::Sink;

pub use crate::driver::{Grace, Plan, SinkPlan};

/// The default name of a journal.
const DEFAULT_JOURNAL: &str = "default";

const DEFAULT_LEASE: Duration = Duration::from_secs(5 * 60);

const DEFAULT_PROBE_TIMEOUT: Duration = Duration::from_secs(2 * 60);

/// The shortest allowed lease. A lease must be longer than the creation of a key, which times out after 60 s.
const MIN_LEASE: Duration = Duration::from_secs(2 * 60);

/// The longest allowed lease. After a crash, no other process can resume the rotation until the lease ends.
const MAX_LEASE: Duration = Duration::from_secs(24 * 60 * 60);

/// A rotation: the replacement of an API key with a new one. Methods such as [`start`](Self::start) return a [`Run`],
/// which runs the rotation when it is awaited.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use codat_keys_rotate::{FileJournal, MemorySink, Rotation};
///
/// let client = codat_keys::Client::from_env()?;
/// let sink = MemorySink::new("memory:payments", None); // in a real program, a sink of your own
/// let rotation = Rotation::builder(&client).sink(sink).journal(FileJournal::new("/var/lib/app/rotations")).build()?;
/// rotation.start().await?;
/// // Here, restart the programs that read their key only when they start.
/// rotation.finish().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Rotation(Arc<Options>);

impl Rotation {
    /// Returns a builder for a rotation of the key that `client` authenticates with. The rotation sends its requests
    /// with the settings of `client`.
    ///
    /// If the key of `client` was given as a value, `client` and its clones use the new key as soon as all sinks have
    /// the new key. After a rollback, `client` and its clones use the old key. A client that reads its key from a
    /// source, such as a file, reads the source again when Codat rejects the old key.
    pub fn builder(client: &Client) -> RotationBuilder {
        RotationBuilder {
            client: client.clone(),
            key: None,
            name: None,
            sinks: Vec::new(),
            journal: None,
            journal_name: DEFAULT_JOURNAL.into(),
            grace: None,
            overwrite: false,
            delete_first: Vec::new(),
            lease: DEFAULT_LEASE,
            probe_timeout: DEFAULT_PROBE_TIMEOUT,
            on_event: None,
        }
    }

    /// Starts a rotation. By default, the run ends in the state [`Grace`](crate::State::Grace): all sinks have the new
    /// key, and the old key still works. [`RotationBuilder::grace`] changes this default.
    ///
    /// # Errors
    /// `InProgress` if the journal contains an unfinished rotation, and `Busy` if another process runs that rotation.
    /// `Api`, `InvalidInput`, `KeyLimitReached`, `SinkOccupied` and `SinkUnavailable`: nothing was changed, except that
    /// keys named by [`RotationBuilder::delete_first`] may have been deleted; the report lists them. `RolledBack` if
    /// the new key did not work or could not be delivered: the old key works as before. `Unfinished`, `Journal` and
    /// `Cancelled`: [`resume`](Self::resume) or [`abort`](Self::abort) the rotation.
    pub fn start(&self) -> Run {
        self.run(Command::Start)
    }

    /// Resumes a rotation that was interrupted in this or another process. Takes the remaining steps of the rotation.
    /// If the rotation waits for [`finish`](Self::finish), changes nothing and returns the report.
    ///
    /// The rotation needs one working key: the key of the client, or a key in one of the sinks. A rotation that was
    /// interrupted in the state [`Preflight`](crate::State::Preflight) or [`Recover`](crate::State::Recover) has
    /// changed nothing, and cannot be resumed. Call [`start`](Self::start) or [`recover`](Self::recover) again.
    ///
    /// # Errors
    /// As [`start`](Self::start). `NothingToResume` if the journal contains no unfinished rotation. `ForeignJournal` if
    /// the journal belongs to another Codat client, or to other sinks.
    pub fn resume(&self) -> Run {
        self.run(Command::Resume)
    }

    /// Completes a rotation: checks all sinks once more, and deletes the old key without waiting for the end of the
    /// grace period. If the rotation was interrupted, resumes it first.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub fn finish(&self) -> Run {
        self.run(Command::Finish)
    }

    /// Rolls a rotation back: restores the old key in all sinks that the rotation has changed, and deletes the new key.
    /// If the deletion of the old key has begun, or the old key does not work any more, completes the rotation instead.
    /// [`Report::state`] shows whether the rotation was rolled back or completed.
    ///
    /// # Errors
    /// As [`resume`](Self::resume). A successful rollback is not an error.
    pub fn abort(&self) -> Run {
        self.run(Command::Abort)
    }

    /// Rebuilds a lost journal from the tag in the name of the new key and from the sinks, and resumes the rotation.
    /// The caller must set the old key with [`RotationBuilder::key`] in three cases:
    ///
    /// - The names of several other keys have the same base as the name of the new key.
    /// - No readable sink has the old or the new key.
    /// - Neither the client nor a readable sink uses the old key.
    ///
    /// # Errors
    /// As [`resume`](Self::resume). `NothingToResume` if no key has a tag, or if the old key must be set.
    pub fn recover(&self) -> Run {
        self.run(Command::Recover)
    }

    /// Returns the state of the latest rotation in the journal. Returns `None` if the journal contains no rotation.
    /// Sends no request.
    ///
    /// # Errors
    /// `Journal` if the journal cannot be read.
    pub async fn status(&self) -> Result<Option<Status>, RotationError> {
        crate::driver::status(&self.0).await
    }

    /// Returns what [`start`](Self::start) would do. Lists the keys and reads the sinks, and changes nothing.
    ///
    /// # Errors
    /// The errors with which `start` would end before it changes anything.
    pub async fn plan(&self) -> Result<Plan, RotationError> {
        crate::driver::plan(&self.0).await
    }

    fn run(&self, command: Command) -> Run {
        Run { options: Arc::clone(&self.0), command, cancelled: None }
    }
}

impl fmt::Debug for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A run of a rotation. The run starts when it is awaited. Returned by the methods of [`Rotation`].
///
/// If the future is dropped, the rotation stops as if the process had ended, and can be resumed only after the lease
/// has ended. A rotation that was stopped by [`cancel_on`](Self::cancel_on) can be resumed immediately.
#[must_use = "a rotation does nothing until it is awaited"]
pub struct Run {
    options: Arc<Options>,
    command: Command,
    cancelled: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Run {
    /// Stops the rotation when the future `cancelled` completes. If the run is creating a journal entry at that time,
    /// the run completes the creation before it stops. A stopped run returns the error `Cancelled`. The error has a
    /// report if the run has created a journal entry. The journal contains all that is needed to resume or abort the
    /// rotation.
    pub fn cancel_on(mut self, cancelled: impl Future<Output = ()> + Send + 'static) -> Self {
        self.cancelled = Some(Box::pin(cancelled));
        self
    }
}

impl IntoFuture for Run {
    type Output = Result<Report, RotationError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { crate::driver::run(&self.options, self.command, self.cancelled).await })
    }
}

/// Builds a [`Rotation`]. Returned by [`Rotation::builder`].
#[must_use]
pub struct RotationBuilder {
    client: Client,
    key: Option<KeyId>,
    name: Option<String>,
    sinks: Vec<Arc<dyn Sink>>,
    journal: Option<Arc<dyn JournalStore>>,
    journal_name: String,
    grace: Option<Grace>,
    overwrite: bool,
    delete_first: Vec<KeyId>,
    lease: Duration,
    probe_timeout: Duration,
    on_event: Option<Box<dyn Fn(RotationEvent) + Send + Sync>>,
}

impl RotationBuilder {
    /// Sets the key to replace. Default: the key that the client authenticates with.
    pub fn key(mut self, id: KeyId) -> Self {
        self.key = Some(id);
        self
    }

    /// Sets the name of the new key without the [tag](crate::Tag). A name of more than 36 UTF-16 code units is cut. A
    /// name that contains an API key is an error. Default: the name of the old key without its tag. If the old key has
    /// no name, or if its name contains an API key, the default is `key`.
    pub fn name(mut self, base: impl Into<String>) -> Self {
        self.name = Some(base.into());
        self
    }

    /// Adds a sink. The new key is delivered to the sinks in the order in which the sinks were added.
    pub fn sink(self, sink: impl Sink + 'static) -> Self {
        self.shared_sink(Arc::new(sink))
    }

    /// Adds a sink. Unlike [`sink`](Self::sink), accepts a sink that is shared with other code.
    pub fn shared_sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Sets the storage of the journal. Required.
    pub fn journal(mut self, store: impl JournalStore + 'static) -> Self {
        self.journal = Some(Arc::new(store));
        self
    }

    /// Sets the storage of the journal. Unlike [`journal`](Self::journal), accepts a store that is shared with other
    /// code or chosen at run time.
    pub fn shared_journal(mut self, store: Arc<dyn JournalStore>) -> Self {
        self.journal = Some(store);
        self
    }

    /// Sets the name of the journal. Only one rotation with the same journal can run at a time. All rotations of the
    /// keys of one Codat client must therefore use the same name. The name consists of 1 to 100 ASCII letters, digits,
    /// `.`, `_` and `-`, and does not begin with `.`. Default: `default`.
    pub fn journal_name(mut self, name: impl Into<String>) -> Self {
        self.journal_name = name.into();
        self
    }

    /// Sets how long the old key stays after all sinks have the new key. Default: [`Grace::UntilFinish`]. If this
    /// option is not set when a rotation is resumed, the rotation keeps the value with which it was started.
    pub fn grace(mut self, grace: Grace) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Sets whether the rotation may overwrite a sink that contains something other than the old key. A rollback cannot
    /// restore such content, because the journal contains no secret. Instead, the rollback writes the old key to the
    /// sink. Default: `false`.
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Adds a key that the rotation may delete if ten keys exist, which is Codat's limit. The rotation deletes such
    /// keys before it creates the new key. It deletes only as many keys as necessary, in the order of the calls of this
    /// method. Default: no key. Without such a key, a rotation fails with `KeyLimitReached` if ten keys exist, and
    /// changes nothing.
    pub fn delete_first(mut self, id: KeyId) -> Self {
        self.delete_first.push(id);
        self
    }

    /// Sets the duration of the lease. Each journal entry starts a new lease. Until a lease ends, no other process can
    /// resume the rotation. A running rotation renews its lease. If this process crashes, other processes must wait
    /// until the lease ends. With a [`FileJournal`](crate::FileJournal) on Linux, processes of the same machine need
    /// not wait. The lease is at least 2 minutes, and at least twice the [timeout](Sink::timeout) of each sink, because
    /// the lease must be longer than each step. The lease is at most 24 hours. Default: 5 minutes.
    pub fn lease(mut self, time: Duration) -> Self {
        self.lease = time;
        self
    }

    /// Sets the time within which Codat must accept the new key. If Codat still rejects the new key after this time,
    /// the rotation is rolled back. Codat documents no delay between the creation of a key and its first use. Default:
    /// 2 minutes.
    pub fn probe_timeout(mut self, time: Duration) -> Self {
        self.probe_timeout = time;
        self
    }

    /// Sets a function that receives the events of the rotation as they happen. The function must return quickly.
    pub fn on_event(mut self, on_event: impl Fn(RotationEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Box::new(on_event));
        self
    }

    /// Builds the rotation. Reads and sends nothing.
    ///
    /// # Errors
    /// `InvalidInput` in these cases:
    ///
    /// - No sink or no journal was given.
    /// - Two sinks have the same description, or a description is empty.
    /// - The name of the journal is invalid.
    /// - A description, the name of the journal, the base URL, an id or the name of the new key contains a key that the
    ///   client has used or listed, or something that looks like a key.
    /// - The lease is shorter than 2 minutes, shorter than twice the timeout of a sink, or longer than 24 hours.
    /// - The grace period ends after the year 9999.
    pub fn build(self) -> Result<Rotation, RotationError> {
        let journal = self.journal.ok_or_else(|| invalid("no journal was given", "set `journal`"))?;
        check_journal_name(&self.journal_name)?;
        let descriptions: Vec<String> = self.sinks.iter().map(|sink| sink.describe()).collect();
        if descriptions.is_empty() {
            return Err(invalid("no sink was given", "add the place where your programs read the key"));
        }
        if descriptions.iter().any(String::is_empty) {
            return Err(invalid("the description of a sink is empty", "give each sink a text that identifies it"));
        }
        let longest = self.sinks.iter().map(|sink| sink.timeout()).max().unwrap_or_default();
        if self.lease < MIN_LEASE.max(longest.saturating_mul(2)) || self.lease > MAX_LEASE {
            return Err(invalid(
                "the lease is too short or too long",
                "set at least 2 minutes, at least twice the timeout of each sink, and at most 24 hours",
            ));
        }
        if let Some(Grace::For(time)) = self.grace
            && Timestamp::now().checked_add(time).is_err()
        {
            let hint = "set a shorter time, or none: the old key then stays until the rotation is finished";
            return Err(invalid("the grace period ends after the year 9999", hint));
        }
        let options = Options {
            client: self.client,
            key: self.key,
            name: self.name,
            sinks: self.sinks,
            descriptions,
            journal,
            journal_name: self.journal_name,
            grace: self.grace,
            overwrite: self.overwrite,
            delete_first: self.delete_first,
            lease: self.lease,
            probe_timeout: self.probe_timeout,
            on_event: self.on_event,
        };
        options.check_texts().map_err(|what| invalid(what, "use a text without a key: the journal stores it"))?;
        let descriptions = &options.descriptions;
        if let Some(twice) = (1..descriptions.len()).find(|&index| descriptions[..index].contains(&descriptions[index]))
        {
            return Err(invalid(format!("the sink {} was given twice", descriptions[twice]), "give each sink once"));
        }
        Ok(Rotation(Arc::new(options)))
    }
}

fn check_journal_name(name: &str) -> Result<(), RotationError> {
    if is_name(name) {
        return Ok(());
    }
    Err(invalid("the name of the journal is not valid", "use 1 to 100 letters, digits, `_`, `-` and `.`, not first"))
}

fn invalid(message: impl Into<String>, hint: &str) -> RotationError {
    RotationError::new(RotationErrorKind::InvalidInput, message, hint)
}
