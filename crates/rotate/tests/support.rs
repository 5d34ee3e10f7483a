//! What the tests share: an emulator with a client, a sink and a journal.

use std::time::Duration;

use codat_keys::{ApiKey, Client, KeyId};
use codat_keys_emulator::Emulator;
use codat_keys_rotate::{MemoryJournal, MemorySink, Report, Rotation, RotationBuilder, RotationError, Run};
use serde_json::{Value, json};

/// The maximum duration of a run in a test.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Setup {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
    pub(crate) old: ApiKey,
    pub(crate) sink: MemorySink,
    pub(crate) store: MemoryJournal,
}

impl Setup {
    /// Starts an emulator with the key in use, which is named `billing`, and a foreign key.
    pub(crate) fn new() -> Self {
        Self::with_foreign(1)
    }

    /// Starts an emulator with the key in use and this number of foreign keys.
    pub(crate) fn with_foreign(number: usize) -> Self {
        let emulator = Emulator::start().unwrap();
        let old = ApiKey::parse("MadeUpKeyOfBilling00000000000000000000Old").unwrap();
        let foreign = (0..number).map(|number| json!({"id": format!("foreign-{number}"), "name": "foreign"}));
        let own = json!({"id": "old", "name": "billing", "apiKey": old.expose_secret()});
        let keys: Vec<Value> = [own].into_iter().chain(foreign).collect();
        emulator.set_state(&json!({ "keys": keys }).to_string()).unwrap();
        let client = Client::builder().base_url(emulator.base_url()).api_key(old.clone()).build().unwrap();
        let sink = MemorySink::new("memory:billing", Some(old.clone()));
        Self { emulator, client, old, sink, store: MemoryJournal::new() }
    }

    pub(crate) fn builder(&self) -> RotationBuilder {
        Rotation::builder(&self.client).sink(self.sink.clone()).journal(self.store.clone())
    }

    pub(crate) fn rotation(&self) -> Rotation {
        self.builder().build().unwrap()
    }

    /// Returns the ids and names of all keys on the emulator.
    pub(crate) fn keys(&self) -> Vec<(String, String)> {
        let state = self.emulator.state();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        state["keys"].as_array().unwrap().iter().map(|key| (text(&key["id"]), text(&key["name"]))).collect()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.keys().into_iter().map(|(id, _)| id).collect()
    }

    /// Returns the names of the keys that rotations have created.
    pub(crate) fn tagged(&self) -> Vec<String> {
        let names = self.keys().into_iter().map(|(_, name)| name);
        names.filter(|name| codat_keys_rotate::tag_of(name).is_some()).collect()
    }

    /// Returns the id of the key in the sink, according to a client with this key.
    pub(crate) async fn id_in_sink(&self) -> Option<KeyId> {
        let client = self.client.with_api_key(&self.sink.key()?);
        client.whoami().await.ok().map(|key| key.id)
    }

    /// Asserts that the emulator has the same keys as before the rotation, and that the sink has the old key.
    pub(crate) async fn assert_rolled_back(&self, foreign: usize) {
        let expected: Vec<String> =
            ["old".to_owned()].into_iter().chain((0..foreign).map(|number| format!("foreign-{number}"))).collect();
        assert_eq!(self.ids(), expected);
        assert!(self.sink.key().is_some_and(|key| key == self.old));
    }

    /// Asserts that the new key has replaced the old key, on the emulator and in the sink.
    pub(crate) async fn assert_rotated(&self, foreign: usize) {
        let ids = self.ids();
        assert_eq!(ids.len(), foreign + 1, "{ids:?}");
        assert!(!ids.contains(&"old".to_owned()));
        assert_eq!(self.tagged().len(), 1);
        let id = self.id_in_sink().await.expect("the value of the sink works");
        assert!(self.keys().iter().any(|(own, name)| *own == *id.as_str() && name.starts_with("billing~")));
    }

    /// Asserts that no entry of the journal contains a key or a header.
    pub(crate) async fn assert_no_secret(&self) {
        let client = self.client.with_api_key(&self.sink.key().unwrap());
        let keys = client.keys().list().await.unwrap();
        for bytes in self.store.entries("default") {
            let text = String::from_utf8(bytes).unwrap();
            assert_eq!(self.old.redact(&text), text);
            for key in &keys {
                assert_eq!(key.api_key.redact(&text), text);
            }
        }
    }
}

/// Awaits a run, at most for [`LIMIT`].
pub(crate) async fn bounded(run: Run) -> Result<Report, RotationError> {
    tokio::time::timeout(LIMIT, run.into_future()).await.expect("the run ends")
}
