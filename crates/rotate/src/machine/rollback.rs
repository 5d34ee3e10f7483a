//! The state [`State::Rollback`]: the sinks get the old key again, and the new key is deleted. The old key
//! authenticates the requests.

use super::action::{Caller, Failure, FailureKind, Stop};
use super::deletion::out_of_date;
use super::process::{Process, TRIES, unfinished};
use crate::record::{SinkProgress, State};
use crate::sink::{SinkContent, Verification};

impl Process {
    pub(super) async fn roll_back(&mut self) -> Result<(), Stop> {
        let old = self.old();
        match self.list_with(&old).await {
            Ok(_) => {}
            Err(Failure { kind: FailureKind::Rejected | FailureKind::UnknownSecret, message, error }) => {
                return self.go_forward(&message, error).await;
            }
            Err(failure) => return Err(not_rolled_back(&failure.message, failure.error)),
        }
        self.settle_creation().await?;
        for sink in 0..self.record.sinks.len() {
            if let Err(failure) = self.restore(sink).await {
                return Err(not_rolled_back(&self.sink_message(sink, "was not restored", &failure), failure.error));
            }
        }
        let new = self.record.new_key.clone();
        let deleted = self.delete_all_but(&old, new.as_deref()).await;
        deleted.map_err(|failure| not_rolled_back(&failure.message, failure.error))?;
        if new.is_some_and(|id| !self.record.deleted.contains(&id)) {
            // Another program has deleted the new key, or the lists do not contain it yet.
            self.record.new_key = None;
            self.record.may_appear_later = true;
        }
        self.enter(State::Aborted).await;
        Ok(())
    }

    /// Completes the rotation instead of rolling it back, because the old key does not work any more, but the new key
    /// works. Only another program can cause this situation.
    async fn go_forward(&mut self, message: &str, error: Option<codat_keys::Error>) -> Result<(), Stop> {
        if self.is_forward_only || self.record.new_key.is_none() || self.new_key_fails().await?.is_some() {
            return Err(not_rolled_back(&format!("the old key does not work any more: {message}"), error));
        }
        self.is_forward_only = true;
        for sink in &mut self.record.sinks {
            if matches!(sink.progress, SinkProgress::Restored | SinkProgress::LeftAlone) {
                sink.progress = SinkProgress::Writing;
            }
        }
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
            Remains::OldKey => Restored,
            Remains::NewKey => {
                let old = self.old();
                self.write_sink(sink, &old).await?;
                if self.config.verifications[sink] != Verification::ReadBack {
                    self.ask_sink(sink, &old).await?;
                }
                Restored
            }
        };
        self.set_progress(sink, progress).await;
        Ok(())
    }

    async fn content_to_restore(&mut self, sink: usize) -> Result<Remains, Failure> {
        if self.config.verifications[sink] != Verification::ReadBack {
            return Ok(Remains::NewKey);
        }
        Ok(match self.known_content(sink).await? {
            SinkContent::Key(id) if id == self.old() => Remains::OldKey,
            SinkContent::Key(id) if self.is_ours(&id) => Remains::NewKey,
            // The sink was empty before, and the write had no effect.
            SinkContent::Nothing if self.record.sinks[sink].progress == SinkProgress::Writing => Remains::OldKey,
            SinkContent::Nothing => Remains::NewKey,
            _ => Remains::OfAnother,
        })
    }

    /// Reads a sink. If it contains a credential that no list has shown, lists the keys until a list contains the new
    /// key, so that the credential can be compared with it.
    async fn known_content(&mut self, sink: usize) -> Result<SinkContent, Failure> {
        let mut tries = 1;
        loop {
            let content = self.read_sink(sink).await?;
            if content != SinkContent::UnknownCredential {
                return Ok(content);
            }
            let keys = self.list(Caller::Key(self.old())).await?;
            if !self.ours(&keys).is_empty() {
                return self.read_sink(sink).await;
            }
            if tries == TRIES {
                break;
            }
            self.try_again(out_of_date(), &mut tries).await?;
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
    OldKey,
    /// The new key, or nothing in place of it.
    NewKey,
    OfAnother,
}

fn not_rolled_back(message: &str, error: Option<codat_keys::Error>) -> Stop {
    unfinished(format!("the rotation is not rolled back yet: {message}"), error)
}
