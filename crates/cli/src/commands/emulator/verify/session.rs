//! The state of a run of `emulator verify`. The session limits the number of requests, and records the keys that the
//! requests create.

use std::collections::HashSet;
use std::time::Duration;

use codat_keys::internal::{generate_idempotency_key, send_once};
use codat_keys::{ApiKey, ApiKeyDetails, Bytes, Client, ErrorKind, KeyId, Method, Response, Timestamp};
use serde::Deserialize;

use super::call::{Call, Creation, KEYS};
use super::seen::{describe, json};
use crate::failure::Failure;
use crate::signals::{interrupted, was_received};

/// The maximum number of requests that the command sends.
pub(super) const MAX_REQUESTS: u32 = 60;

/// The maximum number of keys that the command creates.
pub(super) const MAX_MADE: usize = 2;

/// The maximum number of rounds of deletion at the end of the command. Each round deletes the created keys, and then
/// lists the keys to find created keys that remain.
pub(super) const ROUNDS: u32 = 3;

/// The number of requests that the probes must leave for the deletion of the keys.
const RESERVED: u32 = ROUNDS * (MAX_MADE as u32 + 1);

/// The maximum number of requests before the session starts. The command sends a request to list the keys. If Codat
/// rejects the key, the client reads the key again, and sends the request a second time.
const SENT_BEFORE: u32 = 2;

/// The maximum time that the command waits, after a signal, for the response to a request that creates a key.
const GRACE: Duration = Duration::from_secs(2);

/// The reason why the probes stopped early.
pub(super) enum Stop {
    /// A signal arrived.
    Interrupted,
    /// The remaining requests are reserved for the deletion of the keys.
    LimitReached,
    Failed(Failure),
}

/// A key that the command has created.
pub(super) struct Made {
    pub(super) id: KeyId,
    /// A client that authenticates with the created key. If the response with the created key was lost, the client
    /// authenticates with the key in use.
    pub(super) client: Client,
    /// Whether a request to delete the key succeeded.
    pub(super) is_deleted: bool,
    /// The number of rounds of deletion in which the response to the deletion request was 404 and the list did not
    /// contain the key.
    pub(super) missing: u32,
    /// Whether the key was in the latest list of a round of deletion.
    pub(super) is_listed: bool,
}

impl Made {
    pub(super) fn new(id: KeyId, client: Client) -> Self {
        Self { id, client, is_deleted: false, missing: 0, is_listed: false }
    }
}

/// A key in a response.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyJson {
    id: String,
    api_key: String,
}

/// A response, with the data that the probe [`Responses`](super::rows::Probe::Responses) needs.
pub(super) struct Observed {
    pub(super) response: Response,
    pub(super) is_head: bool,
    /// Whether the response can be a copy of an earlier response.
    pub(super) is_repeat: bool,
}

pub(super) struct Session {
    /// The client with the API key in use.
    pub(super) client: Client,
    pub(super) own: ApiKeyDetails,
    /// The ids of the keys that existed before the first probe.
    pub(super) existing: HashSet<KeyId>,
    /// The name of the keys that the command creates. The probes also send longer names, which begin with this name.
    pub(super) name: String,
    sent: u32,
    pub(super) made: Vec<Made>,
    /// The key names in all creation requests so far.
    pub(super) names: HashSet<String>,
    /// The number of requests that may have created a key, because their outcome is unknown.
    pub(super) unknown: usize,
    pub(super) observed: Vec<Observed>,
    /// The idempotency key of the request that created the first key.
    pub(super) first_idempotency_key: String,
    /// The body of the response to the request that created the first key.
    pub(super) created: Bytes,
    /// Whether a request with the first new key has succeeded.
    pub(super) is_new_key_valid: bool,
}

/// Returns a new name for the keys. The name ends with six random characters. The name of a key that a rotation has
/// created ends with four random characters, so the two names can be distinguished.
pub(super) fn new_name() -> String {
    let date: String = Timestamp::now().to_string().chars().filter(char::is_ascii_digit).take(8).collect();
    let random = generate_idempotency_key();
    format!("codat-keys-verify~{date}-{}", &random[random.len() - 6..])
}

impl Session {
    pub(super) fn new(client: &Client, own: &ApiKeyDetails, keys: &[ApiKeyDetails], name: String) -> Self {
        Self {
            client: client.with_api_key(&own.api_key),
            own: own.clone(),
            existing: keys.iter().map(|key| key.id.clone()).collect(),
            name,
            sent: SENT_BEFORE,
            made: Vec::new(),
            names: HashSet::new(),
            unknown: 0,
            observed: Vec::new(),
            first_idempotency_key: String::new(),
            created: Bytes::new(),
            is_new_key_valid: false,
        }
    }

    /// The number of requests so far.
    pub(super) fn requests(&self) -> u32 {
        // Counts only one request before the session, because a second list is unlikely.
        self.sent - SENT_BEFORE + 1
    }

    /// Returns a client with an API key that does not exist.
    pub(super) fn stranger(&self) -> Client {
        let random = [generate_idempotency_key(), generate_idempotency_key()].concat().replace('-', "");
        let key = ApiKey::verbatim(&random[random.len() - 40..]).expect("hexadecimal digits are a key");
        self.client.with_api_key(&key)
    }

    /// Sends a request once.
    pub(super) async fn send(&mut self, call: Call<'_>) -> Result<Response, Stop> {
        tokio::select! {
            biased;
            () = interrupted() => Err(Stop::Interrupted),
            response = self.exchange(call, RESERVED) => response,
        }
    }

    /// Waits, for at most the given time.
    pub(super) async fn wait(&self, time: Duration) -> Result<(), Stop> {
        tokio::select! {
            () = interrupted() => Err(Stop::Interrupted),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// Sends a request that may create a key. If the request creates a key, records the key. If the command has created
    /// the maximum number of keys, returns `None` and sends nothing.
    pub(super) async fn create(&mut self, creation: Creation<'_>) -> Result<Option<Response>, Stop> {
        if self.made.len() + self.unknown >= MAX_MADE {
            return Ok(None);
        }
        if was_received() {
            return Err(Stop::Interrupted);
        }
        let call = Call::creation(creation);
        self.names.insert(creation.name.to_owned());
        // This count stays increased if the response is lost.
        self.unknown += 1;
        let sent = tokio::select! {
            sent = self.exchange(call, RESERVED) => sent,
            () = async { interrupted().await; tokio::time::sleep(GRACE).await } => Err(Stop::Interrupted),
        };
        let response = match sent {
            Ok(response) => response,
            Err(Stop::LimitReached) => {
                self.unknown -= 1;
                return Err(Stop::LimitReached);
            }
            Err(stop) => return Err(stop),
        };
        if response.status().is_success() {
            self.record(&response)?;
        }
        if !response.status().is_server_error() {
            self.unknown -= 1;
        }
        Ok(Some(response))
    }

    /// Records the key that the response to a creation request contains.
    fn record(&mut self, response: &Response) -> Result<(), Stop> {
        let unreadable = || {
            let what = "the response to the request that created a key cannot be read";
            Stop::Failed(Failure::new(ErrorKind::BadResponse, what, "try again later"))
        };
        let key: KeyJson = json(response).ok_or_else(unreadable)?;
        let (Ok(id), Ok(secret)) = (KeyId::parse(&key.id), ApiKey::verbatim(&key.api_key)) else {
            return Err(unreadable());
        };
        // A server could name a key that existed before. The command never deletes such a key.
        if !self.existing.contains(&id) && self.made.iter().all(|made| made.id != id) {
            self.made.push(Made::new(id, self.client.with_api_key(&secret)));
        }
        Ok(())
    }

    /// Deletes a key that the command has created. `client` has the API key that authenticates the request, or is
    /// `None` for the key in use.
    pub(super) async fn delete(&mut self, index: usize, client: Option<&Client>) -> Result<Response, Stop> {
        let path = format!("{KEYS}/{}", self.made[index].id);
        let mut call = Call::new(Method::DELETE, &path);
        call.client = client.cloned();
        let response = self.send(call).await?;
        self.made[index].is_deleted |= response.status().is_success();
        Ok(response)
    }

    /// Sends a request. If fewer than `reserved` requests would be left after this request, sends nothing and returns
    /// [`Stop::LimitReached`].
    pub(super) async fn exchange(&mut self, call: Call<'_>, reserved: u32) -> Result<Response, Stop> {
        if self.sent + reserved >= MAX_REQUESTS {
            return Err(Stop::LimitReached);
        }
        self.sent += 1;
        let (is_head, is_repeat) = (call.method == Method::HEAD, call.is_repeat);
        let what = format!("{} {}", call.method, call.path.split('?').next().unwrap_or_default());
        let client = call.client.as_ref().unwrap_or(&self.client);
        let sent = send_once(client, call.method, call.path, call.headers, call.body).await;
        let response = sent.map_err(|error| Stop::Failed(error.into()))?;
        let kind = match response.status().as_u16() {
            429 => Some(ErrorKind::RateLimited),
            502..=504 => Some(ErrorKind::Server),
            _ => None,
        };
        if let Some(kind) = kind {
            let what = format!("the response to {what} was {}", describe(&response));
            return Err(Stop::Failed(Failure::new(kind, what, kind.hint())));
        }
        self.observed.push(Observed { response: response.clone(), is_head, is_repeat });
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use codat_keys_emulator::Emulator;

    use super::*;

    /// The probes and the deletion of the keys share one limit. The probes leave enough requests for the deletion.
    #[tokio::test]
    async fn the_requests_are_limited_and_the_keys_are_deleted_all_the_same() {
        let emulator = Emulator::start().unwrap();
        let key = ApiKey::parse(emulator.api_key()).unwrap();
        let client = Client::builder().base_url(emulator.base_url()).api_key(key).retry(false).build().unwrap();
        let keys = client.keys().list().await.unwrap();
        let mut session = Session::new(&client, &keys[0], &keys, new_name());
        let name = session.name.clone();
        let body = format!(r#"{{"name":"{name}"}}"#);
        let creation = Creation { name: &name, body: &body, idempotency_key: "a", client: None, is_repeat: false };
        assert!(session.create(creation).await.is_ok_and(|response| response.is_some()));
        emulator.clear_journal();
        let mut stopped = None;
        for _ in 0..2 * MAX_REQUESTS {
            stopped = session.send(Call::get(KEYS)).await.err();
            if stopped.is_some() {
                break;
            }
        }
        assert!(matches!(stopped, Some(Stop::LimitReached)));
        assert_eq!(emulator.journal().len(), (MAX_REQUESTS - RESERVED - SENT_BEFORE) as usize - 1);
        let cleaned = session.clean_up().await;
        assert!(cleaned.is_clean() && cleaned.deleted == 1);
        assert_eq!(client.keys().list().await.unwrap().len(), 1);
    }

    #[test]
    fn a_name_is_not_that_of_a_rotation() {
        let name = new_name();
        assert!(name.starts_with("codat-keys-verify~2") && name.len() < 40, "{name}");
        assert!(codat_keys_rotate::tag_of(&name).is_none(), "{name}");
    }
}
