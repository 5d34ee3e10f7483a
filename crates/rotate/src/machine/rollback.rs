//! The state [`State::Rollback`]: the sinks get the old key again, and the new key is deleted. The old key
//! authenticates the requests.

use codat_keys::ErrorKind;

use super::action::{Caller, Cause, Failure, FailureKind, Stop};
use super::deletion::out_of_date;
use super::process::{Process, TRIES, contains, unfinished};
use crate::record::{SinkProgress, State};
use crate::sink::{SinkContent, Verification};

impl Process {
    pub(super) async fn roll_back(&mut self) -> Result<(), Stop> {
        let old = self.old();
        let keys = match self.list_with(&old).await {
            Ok(keys) => keys,
            Err(Failure { kind: FailureKind::Rejected | FailureKind::UnknownSecret, message, cause }) => {
                return self.go_forward(&message, cause).await;
            }
            Err(failure) => return Err(not_rolled_back(&failure.message, failure.cause)),
        };
        self.settle_creation().await?;
        let new = self.record.new_key.clone();
        if let Err(mut stop) = self.restore_all().await {
            if let Some(id) = new.filter(|id| !self.was_deleted(id) && !contains(&keys, id)) {
                stop.message += &format!("; Codat does not list the new key {id}");
            }
            return Err(stop);
        }
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
        // Each sink may have the old key again, even if the sink still shows the new key.
        for sink in &mut self.record.sinks {
            (sink.progress, sink.to_be_checked) = (SinkProgress::Writing, false);
        }
        self.enter(State::Deliver).await;
        Ok(())
    }

    /// Restores the old key in all sinks. Returns one error that names all sinks that were not restored. The journal
    /// records which of these sinks the caller must check.
    async fn restore_all(&mut self) -> Result<(), Stop> {
        let (mut messages, mut first_cause, mut unknown) = (Vec::new(), None, Vec::new());
        for sink in 0..self.record.sinks.len() {
            let Err(unrestored) = self.restore(sink).await else { continue };
            let failure = match unrestored {
                Unrestored::Failed(failure) => failure,
                Unrestored::Unknown(failure) => {
                    unknown.push(sink);
                    failure
                }
            };
            messages.push(self.sink_message(sink, "was not restored", &failure));
            first_cause = first_cause.or(failure.cause);
        }
        if messages.is_empty() {
            return Ok(());
        }
        for sink in unknown {
            self.record.sinks[sink].to_be_checked = true;
        }
        self.save().await;
        Err(not_rolled_back(&messages.join("; "), first_cause))
    }

    /// Restores the old key in a sink, if the rotation may have changed the sink.
    async fn restore(&mut self, sink: usize) -> Result<(), Unrestored> {
        use SinkProgress::{Confirmed, LeftAlone, Restored, Writing, Written};
        if !matches!(self.record.sinks[sink].progress, Writing | Written | Confirmed) {
            return Ok(());
        }
        let progress = match self.content_to_restore(sink).await? {
            Remains::OfAnother => LeftAlone,
            Remains::Unchanged => self.restore_unchanged(sink).await?,
            Remains::NewKey => {
                self.write_old_key(sink).await?;
                Restored
            }
        };
        self.set_progress(sink, progress).await;
        Ok(())
    }

    /// Writes the old key to a sink that shows the old key or nothing, and returns the progress to record. If the write
    /// fails, but the sink still shows the old key or nothing, the method succeeds in two cases: every write of the new
    /// key to the sink has failed with an error of the sink, or the caller has checked the sink.
    async fn restore_unchanged(&mut self, sink: usize) -> Result<SinkProgress, Unrestored> {
        // If no write of the new key has taken effect, the sink need not be written.
        let tries = if self.before[sink].is_some() { TRIES } else { 1 };
        let old = self.old();
        let Err(failure) = self.write_sink_from(tries, sink, &old).await else { return Ok(SinkProgress::Restored) };
        let (shown, unchanged) = match self.read_sink(sink).await? {
            SinkContent::Key(id) if id == self.old() => ("the old key", SinkProgress::Restored),
            SinkContent::Nothing if self.before[sink].is_some() => ("nothing", SinkProgress::Pending),
            SinkContent::Nothing => ("nothing", SinkProgress::LeftAlone),
            _ => return Err(failure.into()),
        };
        if self.before[sink].is_some() || self.is_checked[sink] {
            return Ok(unchanged);
        }
        let what = format!(
            "it shows {shown}, but an earlier write of the new key can still take effect, and the old key cannot be \
             written: {}; check it",
            failure.message
        );
        Err(Unrestored::Unknown(Failure { cause: failure.cause, ..to_be_checked(&what) }))
    }

    async fn write_old_key(&mut self, sink: usize) -> Result<(), Failure> {
        let old = self.old();
        if self.config.verifications[sink] == Verification::ReadBack {
            return self.write_sink(sink, &old).await;
        }
        // If the programs do not confirm the old key, it is not known which key the sink has.
        self.set_progress(sink, SinkProgress::Writing).await;
        self.write_sink(sink, &old).await?;
        self.ask_sink(sink, &old).await
    }

    async fn content_to_restore(&mut self, sink: usize) -> Result<Remains, Unrestored> {
        if self.config.verifications[sink] != Verification::ReadBack {
            return Ok(Remains::NewKey);
        }
        let is_writing = self.record.sinks[sink].progress == SinkProgress::Writing;
        let Some(content) = self.known_content(sink).await? else {
            if is_writing && !self.is_checked[sink] {
                return Err(Unrestored::Unknown(to_be_checked(UNKNOWN_CONTENT)));
            }
            // After a delivery, a key that does not work is the new key, which another program has deleted.
            return Ok(Remains::NewKey);
        };
        Ok(match &content {
            SinkContent::Nothing => Remains::Unchanged,
            SinkContent::Key(id) if *id == self.old() => Remains::Unchanged,
            SinkContent::Key(id) if self.is_ours(id) => Remains::NewKey,
            SinkContent::KeysInText(ids) if ids.iter().any(|id| self.is_ours(id)) => {
                let what = "it contains the new key in another form; write the old key to it";
                return Err(Unrestored::Failed(to_be_checked(what)));
            }
            _ if self.is_checked[sink] => Remains::OfAnother,
            // A text can conceal the new key, as asterisks do. A credential or a known key does not. After a write of
            // the new key, however, a sink can show earlier content for a while.
            content
                if *content == SinkContent::Other || (is_writing && self.before[sink].as_ref() != Some(content)) =>
            {
                return Err(Unrestored::Unknown(to_be_checked(UNKNOWN_CONTENT)));
            }
            _ => Remains::OfAnother,
        })
    }

    /// Reads a sink. If the content contains no known key, lists the keys up to four times until a list contains the
    /// new key, and then reads the sink again. The second read then recognizes the new key. Returns `None` if no list
    /// contains the new key, and the sink has a credential that Codat rejects.
    async fn known_content(&mut self, sink: usize) -> Result<Option<SinkContent>, Failure> {
        let mut tries = 1;
        let content = loop {
            let content = self.read_sink(sink).await?;
            if !matches!(content, SinkContent::UnknownCredential | SinkContent::Other) {
                return Ok(Some(content));
            }
            let keys = self.list(Caller::Key(self.old())).await?;
            if !self.ours(&keys).is_empty() {
                return self.read_sink(sink).await.map(Some);
            }
            if tries == TRIES {
                break content;
            }
            self.try_again(out_of_date(), &mut tries).await?;
        };
        if content == SinkContent::Other {
            return Ok(Some(content));
        }
        // Another program has deleted the new key, or the lists are out of date.
        let mut tries = 1;
        loop {
            match self.list(Caller::Sink(sink)).await {
                Ok(keys) if self.is_own(&keys) => return Err(out_of_date()),
                // The credential belongs to another Codat client.
                Ok(_) => return Ok(Some(SinkContent::Other)),
                Err(failure) if failure.kind != FailureKind::Rejected => return Err(failure),
                Err(Failure { cause: Some(Cause::Api(error)), .. }) if error.kind() == ErrorKind::Forbidden => {
                    return Ok(Some(SinkContent::Other));
                }
                // Codat can reject a valid key for a moment.
                Err(failure) => {
                    if self.try_again(failure, &mut tries).await.is_err() {
                        return Ok(None);
                    }
                }
            }
        }
    }
}

/// What a rollback says about a sink that may have the new key, although it shows other content.
const UNKNOWN_CONTENT: &str = "it shows neither the old nor the new key after a write; check it";

/// The content that a rollback finds in a sink.
enum Remains {
    /// The sink shows the old key or nothing. Either no write of the new key has taken effect, or a write has taken
    /// effect and the sink does not show it yet, or another program has changed the sink.
    Unchanged,
    NewKey,
    OfAnother,
}

/// The reason why a sink was not restored.
enum Unrestored {
    Failed(Failure),
    /// It is unknown what the sink contains. The caller must check the sink. The next abort assumes that the caller has
    /// checked the sink.
    Unknown(Failure),
}

impl From<Failure> for Unrestored {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Returns the failure for a sink that the caller must check or correct. The last words of `what` say what the caller
/// must do.
fn to_be_checked(what: &str) -> Failure {
    let message = format!("{what}, and abort the rotation again");
    Failure { kind: FailureKind::Permanent, message, cause: None }
}

fn not_rolled_back(message: &str, cause: Option<Cause>) -> Stop {
    unfinished(format!("the rotation is not rolled back yet: {message}"), cause)
}
