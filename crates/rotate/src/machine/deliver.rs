//! The states [`State::Deliver`] and [`State::Confirm`]. In the first, each sink gets the new key. In the second, the
//! rotation checks that Codat accepts the key that each sink contains.

use codat_keys::Timestamp;

use super::action::{Caller, Failure, FailureKind, Stop};
use super::process::{Process, TRIES, contains};
use crate::record::{SinkProgress, State};
use crate::sink::{SinkContent, Verification};

impl Process {
    pub(super) async fn deliver(&mut self) -> Result<(), Stop> {
        for sink in 0..self.record.sinks.len() {
            if let Err(failure) = self.deliver_to(sink).await {
                let reason = self.sink_message(sink, "did not get the new key", &failure);
                return self.fail(reason, failure.cause).await;
            }
        }
        self.enter(State::Confirm).await;
        Ok(())
    }

    /// Writes the new key to a sink, even if the sink shows the new key already. This write is necessary, because an
    /// earlier run may have written the old key in a rollback, and a sink can show a write late.
    pub(super) async fn deliver_to(&mut self, sink: usize) -> Result<(), Failure> {
        let progress = self.record.sinks[sink].progress;
        if matches!(progress, SinkProgress::Written | SinkProgress::Confirmed) {
            return Ok(());
        }
        let new = self.new_key();
        if self.config.verifications[sink] == Verification::ReadBack {
            let content = self.read_sink(sink).await?;
            match &content {
                SinkContent::Nothing => {}
                SinkContent::Key(id) if *id == self.old() || self.is_ours(id) => {}
                _ if self.record.overwrite => {}
                _ => return Err(changed()),
            }
            self.before[sink] = (progress == SinkProgress::Pending).then_some(content);
        }
        self.set_progress(sink, SinkProgress::Writing).await;
        self.write_sink(sink, &new).await?;
        self.set_progress(sink, SinkProgress::Written).await;
        Ok(())
    }

    pub(super) async fn confirm(&mut self) -> Result<(), Stop> {
        for sink in 0..self.record.sinks.len() {
            if self.record.sinks[sink].progress == SinkProgress::Confirmed {
                continue;
            }
            if let Err(failure) = self.confirm_sink(sink).await {
                let reason = self.sink_message(sink, "could not be confirmed", &failure);
                return self.fail(reason, failure.cause).await;
            }
            self.set_progress(sink, SinkProgress::Confirmed).await;
        }
        let until = |grace| self.port.now().checked_add(grace).unwrap_or(Timestamp::MAX);
        self.record.grace_until = self.config.grace.map(until);
        self.enter(State::Grace).await;
        Ok(())
    }

    /// Checks that a sink contains the new key, and that Codat accepts the value in the sink.
    async fn confirm_sink(&mut self, sink: usize) -> Result<(), Failure> {
        let new = self.new_key();
        if self.config.verifications[sink] != Verification::ReadBack {
            return self.ask_sink(sink, &new).await;
        }
        if !matches!(self.read_sink(sink).await?, SinkContent::Key(id) if id == new) {
            return Err(changed());
        }
        let mut tries = 1;
        loop {
            let failure = match self.list(Caller::Sink(sink)).await {
                Ok(keys) if contains(&keys, &new) => return Ok(()),
                Ok(_) => changed(),
                Err(failure) => failure,
            };
            if tries == TRIES {
                return Err(failure);
            }
            self.wait_after(tries, &failure.message).await;
            tries += 1;
        }
    }
}

pub(super) fn changed() -> Failure {
    let message = "another program has changed its content".into();
    Failure { kind: FailureKind::Permanent, message, cause: None }
}
