//! The journal of a run: the lease, and the entries that this process writes.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use codat_keys::Timestamp;

use super::{Cancellation, Interruption, Options, ended, or_cancelled};
use crate::error::{RotationError, RotationErrorKind};
use crate::journal::{Entry, FORMAT, JournalLock};
use crate::record::Record;
use crate::report::Report;

/// The margin of the lease. When a step begins, the lease must last for the timeout of the step plus this margin. The
/// margin covers the time until a lost connection is noticed, and small differences between the clocks of two machines.
const MARGIN: Duration = Duration::from_secs(15);

/// The journal of the rotation that this process runs.
pub(super) struct HeldJournal<'a> {
    options: &'a Options,
    holder: String,
    machine: Option<String>,
    /// The number of the latest entry.
    seq: u64,
    expires: Timestamp,
    record: Option<Record>,
    _lock: JournalLock,
}

impl<'a> HeldJournal<'a> {
    /// Opens the journal, and returns its latest entry. Writes nothing: the first [`save`](Self::save) acquires the
    /// journal. If the future is dropped, an acquired lock is released.
    pub(super) async fn open(options: &'a Options) -> Result<(Self, Option<Entry>), RotationError> {
        let store = &options.journal;
        let lock = store.lock(&options.journal_name).await.map_err(failed(options))?;
        if let JournalLock::Taken = lock {
            return Err(busy("another process of this machine runs a rotation"));
        }
        let (latest, machine) = (latest(options).await?, store.machine());
        if let Some(entry) = &latest {
            // This process holds the lock. If the process that wrote the entry ran on this machine, that process has
            // therefore ended.
            let has_ended = matches!(lock, JournalLock::Held(_)) && machine.is_some() && machine == entry.machine
                || ended::contains(&entry.holder);
            if !entry.rotation.state.is_final() && !has_ended && entry.expires > Timestamp::now() {
                return Err(busy(&format!("the process {} runs the rotation until {}", entry.holder, entry.expires)));
            }
        }
        let journal = Self {
            options,
            holder: format!("{}-{:016x}", std::process::id(), fastrand::u64(..)),
            machine,
            seq: latest.as_ref().map_or(0, |entry| entry.seq),
            expires: Timestamp::UNIX_EPOCH,
            record: None,
            _lock: lock,
        };
        Ok((journal, latest))
    }

    /// Returns the record that was saved last in this run.
    pub(super) fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// Writes the next entry, and renews the lease.
    ///
    /// # Errors
    /// `Busy` if another process has written the entry, and therefore runs the rotation now. `Cancelled` if the write
    /// was interrupted.
    pub(super) async fn save(&mut self, record: Record) -> Result<(), Interruption> {
        let expires = Timestamp::now() + self.options.lease;
        self.write(record, expires).await
    }

    /// Renews the lease if the lease could end during a step with the timeout `timeout`.
    pub(super) async fn outlive(&mut self, timeout: Duration) -> Result<(), Interruption> {
        if self.remaining() > timeout + MARGIN {
            return Ok(());
        }
        match self.record.clone() {
            Some(record) => self.save(record).await,
            None => Ok(()),
        }
    }

    /// Waits, and renews the lease meanwhile.
    pub(super) async fn wait(&mut self, time: Duration, cancelled: &mut Cancellation) -> Result<(), Interruption> {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(self.options.lease / 4);
            or_cancelled(tokio::time::sleep(step), cancelled).await?;
            left -= step;
            self.outlive(self.options.lease / 2).await?;
        }
        Ok(())
    }

    /// Records in this process that the run has ended. This process can then resume the rotation before the end of the
    /// lease.
    pub(super) fn end(&self) {
        ended::add(&self.holder, Timestamp::now() + self.options.lease);
    }

    /// Ends the lease, so that another process can resume the rotation immediately. If the journal cannot be written,
    /// records in this process that the run has ended.
    pub(super) async fn release(&mut self) -> Result<(), Interruption> {
        let Some(record) = self.record.clone() else {
            // If the creation of the first entry was interrupted, this entry can still appear.
            self.end();
            return Ok(());
        };
        if record.state.is_final() {
            return Ok(());
        }
        let mut released = self.write(record, Timestamp::now()).await;
        if released.is_err() && self.continue_after_own_entry().await {
            released = match self.record.clone() {
                Some(record) if !record.state.is_final() => self.write(record, Timestamp::now()).await,
                _ => Ok(()),
            };
        }
        released.inspect_err(|_| self.end())
    }

    /// Writes the next entry. If writing is interrupted, finds out whether the journal contains the entry.
    async fn write(&mut self, record: Record, expires: Timestamp) -> Result<(), Interruption> {
        match self.create_next(record, expires).await {
            Err(error) if is_interruption(&error) => {
                self.continue_after_own_entry().await;
                Err(Interruption::Cancelled)
            }
            created => created.map_err(Interruption::Failed),
        }
    }

    /// Reads the next entry of the journal. If this run has created the entry, makes it the latest entry of the run and
    /// returns true. The entry can exist even if its creation was interrupted.
    async fn continue_after_own_entry(&mut self) -> bool {
        match entry(self.options, self.seq + 1).await {
            Ok(Some(entry)) if entry.holder == self.holder => {
                (self.seq, self.expires, self.record) = (entry.seq, entry.expires, Some(entry.rotation));
                true
            }
            _ => false,
        }
    }

    async fn create_next(&mut self, record: Record, expires: Timestamp) -> Result<(), RotationError> {
        let entry = Entry {
            format: FORMAT,
            seq: self.seq + 1,
            holder: self.holder.clone(),
            machine: self.machine.clone(),
            written: Timestamp::now(),
            expires,
            rotation: record,
        };
        if let Err(error) = self.create(&entry).await {
            // Before its first entry, a run has changed nothing.
            let has_begun = self.record.is_some();
            return Err(if has_begun { error.with_report(Report::of(&entry.rotation)) } else { error });
        }
        (self.seq, self.expires, self.record) = (entry.seq, expires, Some(entry.rotation));
        Ok(())
    }

    async fn create(&self, entry: &Entry) -> Result<(), RotationError> {
        let bytes = serde_json::to_vec(entry).map_err(|error| failed(self.options)(error.into()))?;
        let created = self.options.journal.create(&self.options.journal_name, entry.seq, bytes).await;
        match created.map_err(failed(self.options))? {
            true => Ok(()),
            false => Err(busy("another process has continued the rotation")),
        }
    }

    fn remaining(&self) -> Duration {
        self.expires.duration_since(Timestamp::now()).try_into().unwrap_or_default()
    }
}

/// Returns whether `error` is the error of an interrupted call of the journal store. For example, Ctrl-C can interrupt
/// such a call.
pub(super) fn is_interruption(error: &RotationError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| source.kind() == io::ErrorKind::Interrupted)
}

/// Returns the latest entry of the journal.
pub(super) async fn latest(options: &Options) -> Result<Option<Entry>, RotationError> {
    let (store, name) = (&options.journal, &options.journal_name);
    let Some(seq) = store.list(name).await.map_err(failed(options))?.into_iter().max() else { return Ok(None) };
    match entry(options, seq).await? {
        Some(entry) => Ok(Some(entry)),
        None => Err(invalid(options, seq, "is missing")),
    }
}

/// Returns the entry with this number, or `None` if there is no such entry.
async fn entry(options: &Options, seq: u64) -> Result<Option<Entry>, RotationError> {
    let stored = options.journal.get(&options.journal_name, seq).await.map_err(failed(options))?;
    let Some(bytes) = stored else { return Ok(None) };
    let invalid = |what| invalid(options, seq, what);
    // The error of the parser quotes the text, which can be anything.
    let entry: Entry = serde_json::from_slice(&bytes).map_err(|_| invalid("is not an entry of a rotation"))?;
    if entry.format != FORMAT || entry.seq != seq {
        return Err(invalid("has another format"));
    }
    Ok(Some(entry))
}

fn invalid(options: &Options, seq: u64, what: &str) -> RotationError {
    failed(options)(io::Error::other(format!("entry {seq} {what}")))
}

/// Returns a function that converts an I/O error of the journal to a [`RotationError`].
fn failed(options: &Options) -> impl Fn(io::Error) -> RotationError {
    |error| {
        let message = format!("the journal `{}` cannot be used: {error}", options.journal_name);
        let hint = "make the journal readable and writable; then resume the rotation, or start it if it has not begun";
        RotationError::new(RotationErrorKind::Journal, message, hint).with_source(error)
    }
}

fn busy(message: &str) -> RotationError {
    RotationError::new(RotationErrorKind::Busy, message, "wait until that process has ended, then resume the rotation")
}
