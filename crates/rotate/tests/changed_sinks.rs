//! Sinks that show a write late, and sinks in which another program has written a key in another form.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use codat_keys::{ApiKey, AuthorizationHeader, Credential, KeyId};
use codat_keys_rotate::{Content, MemorySink, Rotation, RotationErrorKind, Sink, SinkError, SinkFuture, State};
use serde_json::json;

use crate::support::{Setup, bounded};

/// A replicated store. After a write, some reads still show the earlier content.
#[derive(Clone)]
struct LateSink(Arc<Mutex<Late>>);

struct Late {
    content: String,
    shown: String,
    late: usize,
    /// The number of reads after a write that still show the earlier content.
    delay: usize,
    /// The number of writes that succeed. All later ones fail.
    writes: usize,
}

impl LateSink {
    fn new(content: &str, delay: usize) -> Self {
        let late = Late { content: content.into(), shown: content.into(), late: 0, delay, writes: usize::MAX };
        Self(Arc::new(Mutex::new(late)))
    }

    fn content(&self) -> String {
        self.0.lock().unwrap().content.clone()
    }

    /// Another program writes a text.
    fn set(&self, text: &str) {
        let mut state = self.0.lock().unwrap();
        (state.content, state.shown) = (text.into(), text.into());
    }

    fn rotation(&self, setup: &Setup) -> Rotation {
        setup.builder().sink(self.clone()).build().unwrap()
    }
}

impl Sink for LateSink {
    fn describe(&self) -> String {
        "late".into()
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        let mut state = self.0.lock().unwrap();
        if state.late == 0 {
            state.shown = state.content.clone();
        }
        state.late = state.late.saturating_sub(1);
        let content = match state.shown.as_str() {
            "" => Content::Nothing,
            text => match Credential::parse_line(text) {
                Ok(Credential::ApiKey(key)) => Content::Credential(Credential::ApiKey(key)),
                _ => Content::Other(text.into()),
            },
        };
        Box::pin(std::future::ready(Ok(content)))
    }

    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
        let mut state = self.0.lock().unwrap();
        let Some(writes) = state.writes.checked_sub(1) else {
            return Box::pin(std::future::ready(Err(SinkError::permanent("it is read-only"))));
        };
        state.writes = writes;
        state.content = key.expose_secret().into();
        state.late = state.delay;
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Returns the new key of a rotation.
async fn new_key(setup: &Setup, id: &str) -> ApiKey {
    let keys = setup.client.keys().list().await.unwrap();
    keys.into_iter().find(|key| key.id.as_str() == id).unwrap().api_key
}

#[tokio::test]
async fn a_rollback_writes_the_old_key_to_a_sink_that_shows_the_new_key_late() {
    let setup = Setup::new();
    let sink = LateSink::new(setup.old.expose_secret(), 8);
    let error = bounded(sink.rotation(&setup).start()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::RolledBack, "{error}");
    assert_eq!(sink.content(), setup.old.expose_secret());
    setup.assert_rolled_back(1).await;
}

#[tokio::test]
async fn a_rollback_keeps_the_new_key_until_a_sink_shows_the_old_key() {
    let setup = Setup::new();
    let sink = LateSink::new("", usize::MAX);
    let error = bounded(sink.rotation(&setup).start()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::Unfinished, "{error}");
    assert_eq!(setup.tagged().len(), 1);
    sink.0.lock().unwrap().late = 0;
    bounded(sink.rotation(&setup).abort()).await.unwrap();
    assert_eq!(sink.content(), setup.old.expose_secret());
    setup.assert_rolled_back(1).await;
}

/// The process that resumes the rollback does not know that a write of the new key has succeeded.
#[tokio::test]
async fn a_resumed_rollback_keeps_the_new_key_until_the_old_key_is_written() {
    let setup = Setup::new();
    let sink = LateSink::new(setup.old.expose_secret(), usize::MAX);
    sink.0.lock().unwrap().writes = 1;
    for run in [sink.rotation(&setup).start(), sink.rotation(&setup).resume()] {
        let error = bounded(run).await.unwrap_err();
        assert_eq!(error.kind(), RotationErrorKind::Unfinished, "{error}");
        assert_eq!(setup.tagged().len(), 1);
    }
    sink.0.lock().unwrap().writes = 1;
    bounded(sink.rotation(&setup).abort()).await.unwrap();
    assert_eq!(sink.content(), setup.old.expose_secret());
    setup.assert_rolled_back(1).await;
}

/// A sink that shows no key after a write, such as a command that prints asterisks.
#[derive(Clone)]
struct Concealing(MemorySink, Arc<AtomicBool>);

impl Sink for Concealing {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        match self.1.load(Ordering::Relaxed) {
            true => Box::pin(async { Ok(Content::Other("********".into())) }),
            false => self.0.read(),
        }
    }

    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
        self.1.store(true, Ordering::Relaxed);
        self.0.write(key)
    }
}

#[tokio::test]
async fn a_new_key_stays_until_the_caller_has_checked_a_sink_that_shows_no_key() {
    let setup = Setup::new();
    let sink = Concealing(setup.sink.clone(), Arc::default());
    let rotation = || Rotation::builder(&setup.client).sink(sink.clone()).journal(setup.store.clone()).build().unwrap();
    for run in [rotation().start(), rotation().resume(), rotation().finish()] {
        let error = bounded(run).await.unwrap_err();
        assert_eq!((error.kind(), setup.tagged().len()), (RotationErrorKind::Unfinished, 1), "{error}");
        assert!(error.to_string().contains("check it, and abort the rotation again"), "{error}");
    }
    assert_eq!(bounded(rotation().abort()).await.unwrap().state, State::Aborted);
    assert_eq!(setup.ids(), ["old", "foreign-0"]);
}

#[tokio::test]
async fn a_sink_gets_the_new_key_again_if_the_old_key_is_gone_after_a_rollback_has_begun() {
    let setup = Setup::new();
    let sink = LateSink::new(setup.old.expose_secret(), 0);
    let rotation = || Rotation::builder(&setup.client).sink(sink.clone()).journal(setup.store.clone()).build().unwrap();
    let report = bounded(rotation().start()).await.unwrap();
    let new = new_key(&setup, &report.new_key.unwrap()).await;
    // The sink gets the old key, and still shows the new key.
    sink.0.lock().unwrap().delay = usize::MAX;
    let error = bounded(rotation().abort()).await.unwrap_err();
    assert_eq!((error.kind(), sink.content()), (RotationErrorKind::Unfinished, setup.old.expose_secret().to_owned()));
    setup.client.with_api_key(&new).keys().delete(&KeyId::parse("old").unwrap()).send().await.unwrap();
    assert_eq!(bounded(rotation().abort()).await.unwrap().state, State::Done);
    assert_eq!(sink.content(), new.expose_secret());
}

#[tokio::test]
async fn a_rollback_keeps_a_key_that_a_sink_contains_in_another_form() {
    let setup = Setup::new();
    let sink = LateSink::new(setup.old.expose_secret(), 0);
    let report = bounded(sink.rotation(&setup).start()).await.unwrap();
    let new = new_key(&setup, &report.new_key.unwrap()).await;
    let raw = new.expose_secret();
    let header = AuthorizationHeader::from(&new);
    let utf16: String = raw.chars().flat_map(|char| [char, '\0']).collect();
    for text in [
        format!("\"{raw}\""),
        format!("CODAT_API_KEY={raw}\n"),
        format!("{{\"headers\": [\"{}\"]}}", header.expose_secret()),
        format!("{} {raw}", setup.old.expose_secret()),
        utf16,
    ] {
        sink.set(&text);
        for run in [sink.rotation(&setup).abort(), sink.rotation(&setup).finish()] {
            let error = bounded(run).await.unwrap_err();
            assert_eq!(error.kind(), RotationErrorKind::Unfinished);
            assert!(error.to_string().contains("in another form"), "{error}");
            assert_eq!((sink.content(), setup.ids().len()), (text.clone(), 3));
        }
    }
    sink.set(setup.old.expose_secret());
    bounded(sink.rotation(&setup).abort()).await.unwrap();
    setup.assert_rolled_back(1).await;
}

#[tokio::test]
async fn a_rotation_names_the_key_that_a_sink_contains_in_another_form() {
    let setup = Setup::with_foreign(9);
    let foreign = KeyId::parse("foreign-0").unwrap();
    let keys = setup.client.keys().list().await.unwrap();
    let value = keys.into_iter().find(|key| key.id == foreign).unwrap().api_key;
    let sink = LateSink::new(&format!("'{}'", value.expose_secret()), 0);
    let error = bounded(sink.rotation(&setup).start()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::SinkOccupied);
    assert!(error.to_string().contains("the key foreign-0 in another form"), "{error}");
    // The rotation does not delete the key of another program first, even if it may overwrite the sink.
    let builder = setup.builder().sink(sink.clone()).overwrite(true).delete_first(foreign);
    let error = bounded(builder.build().unwrap().start()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::InvalidInput, "{error}");
    let plan = setup.builder().sink(sink).overwrite(true).build().unwrap().plan().await;
    assert_eq!(plan.unwrap_err().kind(), RotationErrorKind::KeyLimitReached);
    assert_eq!(setup.ids().len(), 10);
}

#[tokio::test]
async fn a_recovery_finds_a_key_whose_name_was_shortened() {
    let setup = Setup::with_foreign(0);
    let long = "billing ".repeat(6);
    let key = json!({"id": "old", "name": long.trim(), "apiKey": setup.old.expose_secret()});
    setup.emulator.set_state(&json!({ "keys": [key] }).to_string()).unwrap();
    bounded(setup.rotation().start()).await.unwrap();
    let journal = codat_keys_rotate::MemoryJournal::new();
    let rotation = setup.builder().journal(journal).key(KeyId::parse("old").unwrap()).build().unwrap();
    bounded(rotation.recover()).await.unwrap();
    assert_eq!(setup.tagged().len(), 1);
}
