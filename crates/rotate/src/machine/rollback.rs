//! The state [`State::Rollback`]: the sinks get the old key again, and the new key is deleted. The old key
//! authenticates the requests.

use super::action::{Action, Caller, Cause, Event, Failure, FailureKind, Stop};
use super::deletion::out_of_date;
use super::process::{Process, TRIES, unfinished};
use crate::record::{SinkProgress, State};
use crate::sink::{SinkContent, Verification};

impl Process {
    pub(super) async fn roll_back(&mut self) -> Result<(), Stop> {
        let old = self.old();
        match self.list_with(&old).await {
            Ok(_) => {}
            Err(Failure { kind: FailureKind::Rejected | FailureKind::UnknownSecret, message, cause }) => {
                return self.go_forward(&message, cause).await;
            }
            Err(failure) => return Err(not_rolled_back(&failure.message, failure.cause)),
        }
        self.settle_creation().await?;
        for sink in 0..self.record.sinks.len() {
            if let Err(failure) = self.restore(sink).await {
                return Err(not_rolled_back(&self.sink_message(sink, "was not restored", &failure), failure.cause));
            }
        }
        let new = self.record.new_key.clone();
        let deleted = self.delete_all_but(&old, new.as_deref()).await;
        deleted.map_err(|failure| not_rolled_back(&failure.message, failure.cause))?;
        if new.is_some_and(|id| !self.record.deleted.contains(&id)) {
            // Another program has deleted the new key, or the lists do not contain it yet.
            self.record.new_key = None;
            self.record.may_appear_later = true;
        }
        self.enter(State::Aborted).await;
        Ok(())
    }

    /// Completes a rotation that cannot be rolled back, because the old key does not work any more. Returns an error if
    /// the new key does not work either. Only another program can make the old key stop working.
    async fn go_forward(&mut self, message: &str, cause: Option<Cause>) -> Result<(), Stop> {
        if self.is_forward_only || self.record.new_key.is_none() || self.new_key_fails().await?.is_some() {
            return Err(not_rolled_back(&format!("the old key does not work any more: {message}"), cause));
        }
        self.is_forward_only = true;
        // A sink may have the old key again, even one that still shows the new key.
        self.record.sinks.iter_mut().for_each(|sink| sink.progress = SinkProgress::Writing);
        self.enter(State::Deliver).await;
        Ok(())
    }

    /// Restores the old key in a sink, if the rotation may have changed the sink.
    async fn restore(&mut self, sink: usize) -> Result<(), Failure> {
        use SinkProgress::{Confirmed, LeftAlone, Restored, Writing, Written};
        if !matches!(self.record.sinks[sink].progress, Writing | Written | Confirmed) {
            return Ok(());
        }
        let progress = match self.content_to_restore(sink).await? {
            Remains::OfAnother => LeftAlone,
            Remains::Unchanged(unchanged) if self.is_written_first[sink] && !self.was_written[sink] => {
                self.try_to_restore(sink, unchanged).await?
            }
            Remains::Unchanged(_) | Remains::NewKey => {
                self.write_old_key(sink).await?;
                Restored
            }
        };
        self.set_progress(sink, progress).await;
        Ok(())
    }

    /// Writes the old key once to a sink that shows its content from before the rotation. Returns `unchanged` if this
    /// write fails. No write of the rotation has then succeeded, so the content of the sink counts as unchanged.
    async fn try_to_restore(&mut self, sink: usize, unchanged: SinkProgress) -> Result<SinkProgress, Failure> {
        let old = self.old();
        let is_written = match self.port.perform(Action::Write(sink, old.clone())).await {
            Event::Written => self.check_written(sink, &old).await?.is_none(),
            _ => false,
        };
        Ok(if is_written { SinkProgress::Restored } else { unchanged })
    }

    async fn write_old_key(&mut self, sink: usize) -> Result<(), Failure> {
        let old = self.old();
        self.write_sink(sink, &old).await?;
        if self.config.verifications[sink] != Verification::ReadBack {
            self.ask_sink(sink, &old).await?;
        }
        Ok(())
    }

    async fn content_to_restore(&mut self, sink: usize) -> Result<Remains, Failure> {
        if self.config.verifications[sink] != Verification::ReadBack {
            return Ok(Remains::NewKey);
        }
        let is_writing = self.record.sinks[sink].progress == SinkProgress::Writing;
        Ok(match self.known_content(sink).await? {
            SinkContent::Key(id) if id == self.old() && is_writing => Remains::Unchanged(SinkProgress::Restored),
            SinkContent::Nothing if is_writing => Remains::Unchanged(SinkProgress::Pending),
            SinkContent::Key(id) if id == self.old() || self.is_ours(&id) => Remains::NewKey,
            SinkContent::Nothing => Remains::NewKey,
            SinkContent::KeysInText(ids) if ids.iter().any(|id| self.is_ours(id)) => {
                return Err(to_be_checked("it contains the new key in another form; write the old key to it"));
            }
            // Another program has written to the sink after the rotation, or the sink does not show what was written to
            // it. A write of an earlier run may have succeeded, too.
            _ if is_writing && !self.is_checked && (self.was_written[sink] || !self.is_written_first[sink]) => {
                return Err(to_be_checked("it shows neither the old nor the new key after a write; check it"));
            }
            _ => Remains::OfAnother,
        })
    }

    /// Reads a sink. If the sink contains something other than known keys, lists the keys until a list contains the new
    /// key, and reads the sink again. The second read shows whether the content is the new key.
    async fn known_content(&mut self, sink: usize) -> Result<SinkContent, Failure> {
        let mut tries = 1;
        let content = loop {
            let content = self.read_sink(sink).await?;
            if !matches!(content, SinkContent::UnknownCredential | SinkContent::Other) {
                return Ok(content);
            }
            let keys = self.list(Caller::Key(self.old())).await?;
            if !self.ours(&keys).is_empty() {
                return self.read_sink(sink).await;
            }
            if tries == TRIES {
                break content;
            }
            self.try_again(out_of_date(), &mut tries).await?;
        };
        if content == SinkContent::Other {
            return Ok(content);
        }
        // Another program has deleted the new key, or the lists are out of date.
        match self.list(Caller::Sink(sink)).await {
            Ok(_) => Err(out_of_date()),
            Err(failure) if failure.kind == FailureKind::Rejected => Ok(SinkContent::Other),
            Err(failure) => Err(failure),
        }
    }
}

/// The content that a rollback finds in a sink.
enum Remains {
    /// The content from before the write of the new key. Either the write had no effect, or the sink shows the new key
    /// late. The field is the progress that the rotation records if it cannot write the old key either.
    Unchanged(SinkProgress),
    /// Content that the rotation replaces with the old key: the new key, nothing, or the old key although a write of
    /// the new key has succeeded.
    NewKey,
    OfAnother,
}

fn to_be_checked(what: &str) -> Failure {
    let message = format!("{what}, and abort the rotation again");
    Failure { kind: FailureKind::Permanent, message, cause: None }
}

fn not_rolled_back(message: &str, cause: Option<Cause>) -> Stop {
    unfinished(format!("the rotation is not rolled back yet: {message}"), cause)
}
