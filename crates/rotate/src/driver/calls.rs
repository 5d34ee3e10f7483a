//! The calls of Codat's API and of the sinks. Only this module knows the values of keys.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use codat_keys::internal::{holds_credential, replace_key};
use codat_keys::{ApiKey, ApiKeyDetails, Client, Error, ErrorKind, KeyId, Untrusted};
use tokio::time::timeout;

use super::Options;
use crate::machine::{Action, Caller, Cause, Event, Failure, FailureKind, ListedKey};
use crate::record::{Record, State};
use crate::sink::{Content, Sink, SinkContent, SinkError, SinkFuture};

/// The maximum duration of a creation. This is longer than the default timeout of `create`, which is 60 s.
const CREATE_LIMIT: Duration = Duration::from_secs(75);

/// The maximum duration of a call of `list` or `delete`. This is longer than the default timeout of these calls, which
/// is 30 s.
const CALL_LIMIT: Duration = Duration::from_secs(45);

/// Performs the actions of the state machine, and keeps the values of the keys for later actions.
pub(super) struct Calls<'a> {
    options: &'a Options,
    /// For each sink in the rotation record, the index of the same sink in the options.
    order: Vec<usize>,
    /// The values of all keys that were listed or created. The map key is the id of the API key.
    secrets: HashMap<String, ApiKey>,
    /// The credential that was last read from each sink.
    sink_keys: Vec<Option<ApiKey>>,
    contents: Vec<SinkContent>,
    /// The number of keys in the latest list.
    listed: usize,
}

impl<'a> Calls<'a> {
    pub(super) fn new(options: &'a Options, order: Vec<usize>) -> Self {
        let sinks = order.len();
        Self {
            options,
            order,
            secrets: HashMap::new(),
            sink_keys: vec![None; sinks],
            contents: vec![SinkContent::Unreadable; sinks],
            listed: 0,
        }
    }

    /// Returns the number of keys in the latest list.
    pub(super) fn listed(&self) -> usize {
        self.listed
    }

    /// Returns whether the key with this id was listed or created.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.secrets.contains_key(id)
    }

    /// Returns what the sink contained when it was last read.
    pub(super) fn content(&self, sink: usize) -> SinkContent {
        self.contents[sink].clone()
    }

    /// After all sinks have the new key, sets the key of the client to the new key. In a rollback, sets the key of the
    /// client to the old key. Does not change a client that reads its key from a source, such as a file.
    pub(super) fn update_client(&self, record: &Record) {
        let value = |id: &Option<String>| id.as_ref().and_then(|id| self.secrets.get(id));
        let (Some(old), Some(new)) = (value(&record.old_key), value(&record.new_key)) else { return };
        match record.state {
            State::Grace | State::Retire | State::Done => replace_key(&self.options.client, old, new),
            State::Rollback | State::Aborted => replace_key(&self.options.client, new, old),
            _ => {}
        }
    }

    /// Returns the maximum duration of an action.
    pub(super) fn limit(&self, action: &Action) -> Duration {
        match action {
            Action::Create { .. } => CREATE_LIMIT,
            Action::Read(sink) | Action::Write(sink, _) | Action::Confirm(sink, _) => self.sink(*sink).timeout(),
            _ => CALL_LIMIT,
        }
    }

    /// Performs a call of Codat's API or of a sink.
    pub(super) async fn perform(&mut self, action: Action) -> Event {
        let limit = self.limit(&action);
        let performed = match action {
            Action::List(caller) => self.list(&caller, limit).await,
            Action::Create { caller, name, idempotency_key, is_resumed } => {
                self.create(&caller, &name, idempotency_key, is_resumed, limit).await
            }
            Action::Delete { caller, id } => self.delete(&caller, &id, limit).await,
            Action::Read(sink) => self.read(sink).await,
            Action::Write(sink, id) => self.write(sink, &id).await,
            Action::Confirm(sink, id) => self.confirm(sink, &id).await,
            Action::Save(_) | Action::Wait(_) | Action::Complete(_) => Ok(Event::Waited),
        };
        performed.unwrap_or_else(Event::Failed)
    }

    async fn list(&mut self, caller: &Caller, limit: Duration) -> Result<Event, Failure> {
        let client = self.client(caller)?;
        let keys = timeout(limit, client.keys().list().send()).await.map_err(|_| timed_out(FailureKind::Temporary))?;
        let keys = keys.map_err(|error| api_failure(error, FailureKind::Temporary))?;
        self.check_texts(&keys)?;
        self.remember(&keys);
        // Omits a name that contains a key, so that the new name is not made from this name. The new name could contain
        // a part of the key, which masking would not recognize.
        let is_name = |name: &&Untrusted| !name.holds_key() && !holds_credential(name.unredacted());
        // A list can contain a key twice, with two values.
        let mut ids = HashSet::new();
        let distinct = keys.iter().filter(|key| ids.insert(key.id.as_str()));
        let listed = distinct.map(|key| ListedKey {
            id: key.id.as_str().to_owned(),
            name: key.name.as_ref().filter(is_name).map(|name| name.unredacted().to_owned()),
            created: key.created_date,
            is_caller: client.uses(key),
        });
        let listed: Vec<ListedKey> = listed.collect();
        self.listed = listed.len();
        Ok(Event::Listed(listed))
    }

    /// Returns an error if an API key occurs in the id of a listed key or in a text of the options. The journal stores
    /// these ids and texts, and must contain no API key.
    fn check_texts(&self, keys: &[ApiKeyDetails]) -> Result<(), Failure> {
        if keys.iter().any(|key| key.id.holds_key()) {
            let what = "the id of a key contains an API key, so it cannot be stored in the journal: delete this key in \
                        the Codat Portal, then run the command again";
            return Err(permanent(what));
        }
        self.options.check_texts().map_err(|what| permanent(&what))
    }

    async fn create(
        &mut self,
        caller: &Caller,
        name: &str,
        idempotency_key: String,
        is_resumed: bool,
        limit: Duration,
    ) -> Result<Event, Failure> {
        // The tag in the name is unique, so the rotation is the sole creator of keys with this name.
        let create = self.client(caller)?.keys().create(name).adopt(true);
        let create = match is_resumed {
            true => create.idempotency_key(idempotency_key),
            false => create.new_idempotency_key(idempotency_key),
        };
        match timeout(limit, create.send()).await.map_err(|_| timed_out(FailureKind::Unknown))? {
            Ok(creation) if creation.key.id.holds_key() => {
                let what = "the id of the new key contains an API key, so it cannot be stored in the journal";
                Err(Failure { kind: FailureKind::Unknown, ..permanent(what) })
            }
            Ok(creation) => {
                self.remember(std::slice::from_ref(&creation.key));
                Ok(Event::Created(creation.key.id.as_str().to_owned()))
            }
            Err(error) => {
                let can_resume = error.outcome().is_some_and(|outcome| outcome.can_resume);
                let unknown = if can_resume { FailureKind::Unknown } else { FailureKind::Spent };
                Err(api_failure(error, unknown))
            }
        }
    }

    async fn delete(&mut self, caller: &Caller, id: &str, limit: Duration) -> Result<Event, Failure> {
        let id = KeyId::parse(id).map_err(|error| api_failure(error, FailureKind::Unknown))?;
        let delete = self.client(caller)?.keys().delete(&id).send();
        match timeout(limit, delete).await.map_err(|_| timed_out(FailureKind::Unknown))? {
            Ok(()) => Ok(Event::Deleted),
            Err(error) => Err(api_failure(error, FailureKind::Unknown)),
        }
    }

    async fn read(&mut self, sink: usize) -> Result<Event, Failure> {
        let content = self.of_sink(sink, |sink| sink.read()).await?;
        self.sink_keys[sink] = None;
        self.contents[sink] = match content {
            Content::Nothing => SinkContent::Nothing,
            Content::Other(text) => self.keys_in(&text),
            Content::Credential(credential) => {
                let key = credential.api_key();
                self.sink_keys[sink] = Some(key.clone());
                let known = self.secrets.iter().find(|(_, secret)| *secret == key);
                known.map_or(SinkContent::UnknownCredential, |(id, _)| SinkContent::Key(id.clone()))
            }
        };
        Ok(Event::Content(self.contents[sink].clone()))
    }

    /// Returns the ids of the keys that a text contains. Finds a key in any form that `ApiKey::redact` recognizes.
    fn keys_in(&self, text: &str) -> SinkContent {
        // The characters of UTF-16 text are separated by NUL.
        let text = text.replace('\0', "");
        let found = self.secrets.iter().filter(|(_, key)| key.redact(&text) != text);
        let mut ids: Vec<String> = found.map(|(id, _)| id.clone()).collect();
        ids.sort_unstable();
        if ids.is_empty() { SinkContent::Other } else { SinkContent::KeysInText(ids) }
    }

    async fn write(&mut self, sink: usize, id: &str) -> Result<Event, Failure> {
        let key = self.secret(id)?;
        self.of_sink(sink, |sink| sink.write(&key)).await?;
        Ok(Event::Written)
    }

    async fn confirm(&mut self, sink: usize, id: &str) -> Result<Event, Failure> {
        let key = self.secret(id)?;
        self.of_sink(sink, |sink| sink.confirm(&key)).await.map(Event::Confirmed)
    }

    async fn of_sink<'b, T>(
        &mut self,
        sink: usize,
        call: impl FnOnce(&'b dyn Sink) -> SinkFuture<'b, T>,
    ) -> Result<T, Failure>
    where
        'a: 'b,
    {
        let options: &'a Options = self.options;
        let sink: &'b dyn Sink = &*options.sinks[self.order[sink]];
        match timeout(sink.timeout(), call(sink)).await {
            Ok(result) => result.map_err(|error| self.sink_failure(error)),
            Err(_) => Err(timed_out(FailureKind::Temporary)),
        }
    }

    fn sink_failure(&self, error: SinkError) -> Failure {
        let kind = if error.is_permanent() { FailureKind::Permanent } else { FailureKind::Temporary };
        let message = self.options.client.redact(&error.to_string());
        let cause = Some(Cause::Sink(error.with_message(&message)));
        Failure { kind, message, cause }
    }

    fn sink(&self, sink: usize) -> &dyn Sink {
        &*self.options.sinks[self.order[sink]]
    }

    /// Returns a client that authenticates with the key that `caller` selects.
    fn client(&self, caller: &Caller) -> Result<Client, Failure> {
        let client = &self.options.client;
        match caller {
            Caller::Source => Ok(client.clone()),
            Caller::Key(id) => Ok(client.with_api_key(&self.secret(id)?)),
            Caller::Sink(sink) => match &self.sink_keys[*sink] {
                Some(key) => Ok(client.with_api_key(key)),
                None => Err(unknown_secret()),
            },
        }
    }

    fn secret(&self, id: &str) -> Result<ApiKey, Failure> {
        self.secrets.get(id).cloned().ok_or_else(unknown_secret)
    }

    fn remember(&mut self, keys: &[ApiKeyDetails]) {
        self.secrets.extend(keys.iter().map(|key| (key.id.as_str().to_owned(), key.api_key.clone())));
    }
}

/// Converts an error of the crate `codat-keys` to a failure. `unknown` is the kind of the failure if the outcome of a
/// creation or a deletion is not known.
fn api_failure(error: Error, unknown: FailureKind) -> Failure {
    let kind = match error.kind() {
        ErrorKind::OutcomeUnknown => unknown,
        ErrorKind::Unauthorized | ErrorKind::Forbidden | ErrorKind::NoCredential | ErrorKind::InvalidCredential => {
            FailureKind::Rejected
        }
        ErrorKind::KeyLimitReached => FailureKind::KeyLimitReached,
        ErrorKind::NotFound => FailureKind::NotFound,
        _ if error.is_retryable() => FailureKind::Temporary,
        _ => FailureKind::Permanent,
    };
    Failure { kind, message: error.to_string(), cause: Some(Cause::Api(error)) }
}

fn permanent(message: &str) -> Failure {
    Failure { kind: FailureKind::Permanent, message: message.into(), cause: None }
}

fn unknown_secret() -> Failure {
    let message = "the value of the key is not known".into();
    Failure { kind: FailureKind::UnknownSecret, message, cause: None }
}

fn timed_out(kind: FailureKind) -> Failure {
    Failure { kind, message: "no result arrived within the timeout".into(), cause: None }
}
