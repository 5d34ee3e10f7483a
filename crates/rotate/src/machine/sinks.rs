//! The steps that concern one sink, and the search for a working key.

use super::action::{Action, Caller, Cause, Event, Failure, FailureKind, ListedKey, Stop};
use super::process::{Process, contains, failure, unfinished};
use crate::error::RotationErrorKind;
use crate::event::RotationEvent;
use crate::record::SinkProgress;
use crate::sink::{SinkContent, Verification};

impl Process {
    /// Authenticates with the key of the client, and lists the keys. If this key does not work, tries the keys in the
    /// sinks. A resumed rotation begins with this list to get the values of the keys, which the journal does not
    /// contain.
    pub(super) async fn connect(&mut self) -> Result<Vec<ListedKey>, Stop> {
        let mut is_foreign = false;
        let mut latest = None;
        for caller in self.callers() {
            if let Caller::Sink(sink) = caller
                && !matches!(self.read_sink(sink).await, Ok(SinkContent::Key(_) | SinkContent::UnknownCredential))
            {
                continue;
            }
            match self.list(caller).await {
                Ok(keys) if self.is_own(&keys) => return Ok(keys),
                Ok(_) => is_foreign = true,
                Err(failure) => latest = Some(failure),
            }
        }
        if is_foreign {
            return Err(Stop {
                kind: RotationErrorKind::ForeignJournal,
                message: "the journal belongs to another Codat client: the list contains none of its keys".into(),
                hint: "use the key and the journal of the same Codat client".into(),
                cause: None,
            });
        }
        let (message, cause) =
            latest.map_or(("no key was found".into(), None), |failure| (failure.message, failure.cause));
        Err(unfinished(format!("the keys cannot be listed: {message}"), cause))
    }

    fn callers(&self) -> Vec<Caller> {
        let can_read = |sink: &usize| self.config.verifications[*sink] == Verification::ReadBack;
        let sinks = (0..self.record.sinks.len()).filter(can_read).map(Caller::Sink);
        [Caller::Source].into_iter().chain(sinks).collect()
    }

    /// Returns whether the list contains the old or the new key of this rotation. Also returns true if the record
    /// contains no key yet.
    pub(super) fn is_own(&self, keys: &[ListedKey]) -> bool {
        let known: Vec<&String> = self.record.old_key.iter().chain(&self.record.new_key).collect();
        known.is_empty() || known.into_iter().any(|id| contains(keys, id)) || !self.ours(keys).is_empty()
    }

    /// Reads a sink. Repeats the read after a temporary failure.
    pub(super) async fn read_sink(&mut self, sink: usize) -> Result<SinkContent, Failure> {
        let mut tries = 1;
        loop {
            match self.port.perform(Action::Read(sink)).await {
                Event::Content(content) => return Ok(content),
                event => self.retry(failure(event), &mut tries).await?,
            }
        }
    }

    /// Writes the key with this id to a sink, and reads the sink back. Repeats both steps after a failure.
    pub(super) async fn write_sink(&mut self, sink: usize, id: &str) -> Result<(), Failure> {
        self.write_sink_from(1, sink, id).await
    }

    /// Does the same as [`write_sink`](Self::write_sink), but the first try has the number `tries`. If `tries` is
    /// [`TRIES`](super::process::TRIES), writes once.
    pub(super) async fn write_sink_from(&mut self, mut tries: u32, sink: usize, id: &str) -> Result<(), Failure> {
        loop {
            let event = self.port.perform(Action::Write(sink, id.into())).await;
            if id == self.new_key() && !is_refused(&event) {
                self.before[sink] = None;
            }
            let failure = match event {
                Event::Written => match self.check_written(sink, id).await? {
                    None => return Ok(()),
                    Some(failure) => failure,
                },
                event => failure(event),
            };
            if failure.kind == FailureKind::UnknownSecret {
                // The value of the key is not known, because another process created the key. A list that authenticates
                // with another key contains the value.
                let _ = self.list(Caller::Key(self.old())).await;
            }
            self.retry(failure, &mut tries).await?;
        }
    }

    /// Reads a sink back. Returns a failure if the sink does not have the key.
    async fn check_written(&mut self, sink: usize, id: &str) -> Result<Option<Failure>, Failure> {
        if self.config.verifications[sink] != Verification::ReadBack {
            return Ok(None);
        }
        let has_key = matches!(self.read_sink(sink).await?, SinkContent::Key(content) if content == id);
        let message = || "the sink does not return the value that was written to it".into();
        Ok((!has_key).then(|| Failure { kind: FailureKind::Temporary, message: message(), cause: None }))
    }

    /// Asks up to four times whether the programs that use a sink have the key with this id. Returns a failure if they
    /// do not have the key.
    pub(super) async fn ask_sink(&mut self, sink: usize, id: &str) -> Result<(), Failure> {
        let mut tries = 1;
        loop {
            let failure = match self.port.perform(Action::Confirm(sink, id.into())).await {
                Event::Confirmed(true) => return Ok(()),
                Event::Confirmed(false) => {
                    let message = "the programs that use the sink do not have the key yet".into();
                    Failure { kind: FailureKind::Temporary, message, cause: None }
                }
                event => failure(event),
            };
            self.retry(failure, &mut tries).await?;
        }
    }

    /// Waits before the next try. Returns the failure instead if the failure is permanent, or if the failed try was the
    /// last one.
    async fn retry(&mut self, failure: Failure, tries: &mut u32) -> Result<(), Failure> {
        match failure.kind {
            FailureKind::Permanent | FailureKind::Rejected => Err(failure),
            _ => self.try_again(failure, tries).await,
        }
    }

    /// Records how far the delivery to a sink has come.
    pub(super) async fn set_progress(&mut self, sink: usize, progress: SinkProgress) {
        if self.record.sinks[sink].progress == progress {
            return;
        }
        self.record.sinks[sink].progress = progress;
        self.record.sinks[sink].to_be_checked = false;
        self.save().await;
        let sink = self.record.sinks[sink].sink.clone();
        match progress {
            SinkProgress::Written => self.port.emit(RotationEvent::Delivered { sink }),
            SinkProgress::Confirmed => self.port.emit(RotationEvent::Confirmed { sink }),
            SinkProgress::Restored => self.port.emit(RotationEvent::Restored { sink }),
            SinkProgress::LeftAlone => self.port.emit(RotationEvent::LeftAlone { sink }),
            SinkProgress::Pending | SinkProgress::Writing => {}
        }
    }

    /// Returns a message that names a sink, says what did not succeed, and contains the message of the failure.
    pub(super) fn sink_message(&self, sink: usize, what: &str, failure: &Failure) -> String {
        format!("{} {what}: {}", self.record.sinks[sink].sink, failure.message)
    }
}

/// Returns whether a write was refused: the sink returned an error, or the write was not sent. A write that has timed
/// out is not refused, because it can take effect later.
fn is_refused(event: &Event) -> bool {
    use FailureKind::UnknownSecret;
    matches!(event, Event::Failed(Failure { kind: UnknownSecret, .. } | Failure { cause: Some(Cause::Sink(_)), .. }))
}
