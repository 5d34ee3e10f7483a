//! Sinks whose content a rollback cannot determine. The new key stays until the rotation has named such a sink in a
//! message, and the caller has checked the sink.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use codat_keys::{ApiKey, KeyId};
use codat_keys_rotate::{
    Content, MemorySink, Report, Rotation, RotationError, RotationErrorKind, RotationEvent, Sink, SinkError,
    SinkFuture, SinkProgress, State,
};

use crate::raw_codat::Codat;
use crate::support::{Setup, bounded};

const CHECK: &str = "check it, and abort the rotation again";

/// How a write ends.
#[derive(Clone, Copy, PartialEq)]
enum Write {
    Stores,
    /// The sink stores the key, and then reports an error.
    StoresAndFails,
    Fails,
    /// No result arrives within the timeout.
    Hangs,
}

#[derive(Clone)]
struct Behaviour {
    write: Write,
    /// Whether the sink shows asterisks instead of its content.
    is_concealed: bool,
    /// Whether a write conceals the content.
    conceals: bool,
}

#[derive(Clone)]
struct UnknownSink(MemorySink, Arc<Mutex<Behaviour>>);

impl UnknownSink {
    fn new(name: &str, key: &ApiKey, write: Write, conceals: bool) -> Self {
        let behaviour = Behaviour { write, is_concealed: false, conceals };
        Self(MemorySink::new(name, Some(key.clone())), Arc::new(Mutex::new(behaviour)))
    }

    fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.1.lock().unwrap());
    }

    fn rotation(&self, setup: &Setup) -> Rotation {
        let builder = Rotation::builder(&setup.client).sink(self.clone()).journal(setup.store.clone());
        builder.build().unwrap()
    }
}

impl Sink for UnknownSink {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        match self.1.lock().unwrap().is_concealed {
            true => Box::pin(async { Ok(Content::Other("********".into())) }),
            false => self.0.read(),
        }
    }

    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
        let mut behaviour = self.1.lock().unwrap();
        behaviour.is_concealed |= behaviour.conceals;
        let failed = || Box::pin(std::future::ready(Err(SinkError::permanent("it is offline"))));
        match behaviour.write {
            Write::Stores => self.0.write(key),
            Write::StoresAndFails => {
                self.0.set(Some(key.clone()));
                failed()
            }
            Write::Fails => failed(),
            Write::Hangs => Box::pin(std::future::pending()),
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(100)
    }
}

/// Asserts that a run has stopped, has asked the caller to check these sinks, and has kept the new key.
fn assert_asks(setup: &Setup, result: Result<Report, RotationError>, sinks: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::Unfinished, "{error}");
    let report = error.report().unwrap();
    let asked: Vec<&str> =
        report.sinks.iter().filter(|sink| sink.to_be_checked).map(|sink| sink.sink.as_str()).collect();
    assert_eq!(asked, sinks, "{error}");
    assert!(sinks.iter().all(|sink| error.to_string().contains(sink)), "{error}");
    assert_eq!(error.to_string().matches(CHECK).count(), sinks.len(), "{error}");
    assert_eq!(setup.tagged().len(), 1);
}

/// Asserts that an abort accepts the content of the only sink.
async fn assert_accepts(setup: &Setup, rotation: Rotation, progress: SinkProgress) {
    let report = bounded(rotation.abort()).await.unwrap();
    assert_eq!((report.state, report.sinks[0].progress), (State::Aborted, progress));
    assert!(!report.sinks[0].to_be_checked);
    assert_eq!(setup.ids(), ["old", "foreign-0"]);
}

#[tokio::test]
async fn one_message_names_all_sinks_to_check() {
    let setup = Setup::new();
    let sinks = ["a", "b", "c"].map(|name| UnknownSink::new(name, &setup.old, Write::Stores, name != "a"));
    let offline = Arc::clone(&sinks[0].1);
    let rotation = || {
        let builder = Rotation::builder(&setup.client).journal(setup.store.clone());
        sinks.iter().fold(builder, |builder, sink| builder.sink(sink.clone()))
    };
    // The second sink conceals the key. The first one cannot be restored.
    let rolled_back = rotation().on_event(move |event| {
        if event == (RotationEvent::State { state: State::Rollback }) {
            offline.lock().unwrap().write = Write::Fails;
        }
    });
    let error = bounded(rolled_back.build().unwrap().start()).await.unwrap_err();
    assert!(error.to_string().contains("a was not restored: it is offline; b was not restored: it shows"), "{error}");
    assert_asks(&setup, Err(error), &["b"]);
    // The third sink has not been written. It is never named.
    sinks[0].set(|sink| sink.write = Write::Stores);
    let report = bounded(rotation().build().unwrap().abort()).await.unwrap();
    let progress: Vec<SinkProgress> = report.sinks.iter().map(|sink| sink.progress).collect();
    assert_eq!(progress, [SinkProgress::Restored, SinkProgress::LeftAlone, SinkProgress::Pending]);
    assert_eq!(setup.ids(), ["old", "foreign-0"]);
}

/// No message has named the sink when the first abort starts.
#[tokio::test]
async fn an_abort_accepts_only_sinks_that_an_earlier_run_has_named() {
    let setup = Setup::new();
    let sink = UnknownSink::new("a", &setup.old, Write::Stores, true);
    let (cancel, cancelled) = tokio::sync::oneshot::channel::<()>();
    let cancel = Mutex::new(Some(cancel));
    let builder = Rotation::builder(&setup.client).sink(sink.clone()).journal(setup.store.clone());
    let rotation = builder.on_event(move |event| {
        if event == (RotationEvent::State { state: State::Rollback }) {
            drop(cancel.lock().unwrap().take());
        }
    });
    let run = rotation.build().unwrap().start().cancel_on(async { drop(cancelled.await) });
    let error = bounded(run).await.unwrap_err();
    assert_eq!(error.report().unwrap().state, State::Rollback, "{error}");
    assert_asks(&setup, bounded(sink.rotation(&setup).abort()).await, &["a"]);
    assert_accepts(&setup, sink.rotation(&setup), SinkProgress::LeftAlone).await;
}

#[tokio::test]
async fn an_abort_asks_about_a_delivered_sink_that_conceals_its_content() {
    let setup = Setup::new();
    let sink = UnknownSink::new("a", &setup.old, Write::Stores, false);
    assert_eq!(bounded(sink.rotation(&setup).start()).await.unwrap().state, State::Grace);
    sink.set(|sink| sink.is_concealed = true);
    assert_asks(&setup, bounded(sink.rotation(&setup).abort()).await, &["a"]);
    assert_asks(&setup, bounded(sink.rotation(&setup).resume()).await, &["a"]);
    assert_accepts(&setup, sink.rotation(&setup), SinkProgress::LeftAlone).await;
}

#[tokio::test]
async fn a_failed_write_counts_as_one_that_may_have_taken_effect() {
    let setup = Setup::new();
    let sink = UnknownSink::new("a", &setup.old, Write::StoresAndFails, true);
    assert_asks(&setup, bounded(sink.rotation(&setup).start()).await, &["a"]);
    assert_accepts(&setup, sink.rotation(&setup), SinkProgress::LeftAlone).await;
}

#[tokio::test]
async fn a_sink_that_keeps_its_other_content_after_a_failed_write_is_left_alone() {
    let setup = Setup::new();
    let other = ApiKey::parse("MadeUpKeyOfSomebody000000000000000000000").unwrap();
    let sink = UnknownSink::new("a", &other, Write::Fails, false);
    let builder = Rotation::builder(&setup.client).sink(sink.clone()).journal(setup.store.clone()).overwrite(true);
    let error = bounded(builder.build().unwrap().start()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::RolledBack, "{error}");
    assert_eq!(error.report().unwrap().sinks[0].progress, SinkProgress::LeftAlone);
    assert_eq!(setup.ids(), ["old", "foreign-0"]);
}

/// The request of a write that has timed out can still arrive.
#[tokio::test]
async fn a_write_that_times_out_keeps_the_new_key_until_the_caller_has_checked_the_sink() {
    let setup = Setup::new();
    let sink = UnknownSink::new("a", &setup.old, Write::Hangs, false);
    assert_asks(&setup, bounded(sink.rotation(&setup).start()).await, &["a"]);
    assert_accepts(&setup, sink.rotation(&setup), SinkProgress::Restored).await;

    // The request arrives before the abort.
    let setup = Setup::new();
    let sink = UnknownSink::new("a", &setup.old, Write::Hangs, false);
    let error = bounded(sink.rotation(&setup).start()).await.unwrap_err();
    let id = error.report().unwrap().new_key.clone().unwrap();
    let keys = setup.client.keys().list().await.unwrap();
    sink.0.set(keys.into_iter().find(|key| key.id.as_str() == id).map(|key| key.api_key));
    let error = bounded(sink.rotation(&setup).abort()).await.unwrap_err();
    assert_eq!((error.kind(), setup.tagged().len()), (RotationErrorKind::Unfinished, 1), "{error}");
    sink.set(|sink| sink.write = Write::Stores);
    assert_accepts(&setup, sink.rotation(&setup), SinkProgress::Restored).await;
    assert!(sink.0.key().is_some_and(|key| key == setup.old));
}

/// Deletes the new key as another program does.
async fn delete_new_key(setup: &Setup) {
    let is_new = |(_, name): &(String, String)| codat_keys_rotate::tag_of(name).is_some();
    let (id, _) = setup.keys().into_iter().find(is_new).unwrap();
    // The client of the rotation uses the new key.
    let other = setup.client.with_api_key(&setup.old);
    other.keys().delete(&KeyId::parse(&id).unwrap()).send().await.unwrap();
}

#[tokio::test]
async fn a_rollback_restores_the_old_key_if_another_program_has_deleted_the_new_key() {
    let setup = Setup::new();
    let client = setup.client.with_api_key(&setup.old);
    let rotation = || Rotation::builder(&client).sink(setup.sink.clone()).journal(setup.store.clone()).build().unwrap();
    bounded(setup.rotation().start()).await.unwrap();
    delete_new_key(&setup).await;
    let error = bounded(rotation().finish()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::RolledBack, "{error}");
    assert!(error.to_string().contains("Codat does not list it"), "{error}");
    let report = error.report().unwrap();
    assert_eq!((report.sinks[0].progress, &report.new_key), (SinkProgress::Restored, &None));
    setup.assert_rolled_back(1).await;
}

#[tokio::test]
async fn an_abort_replaces_a_checked_key_that_does_not_work() {
    let setup = Setup::new();
    let sink = UnknownSink::new("a", &setup.old, Write::Hangs, false);
    let error = bounded(sink.rotation(&setup).start()).await.unwrap_err();
    let id = error.report().unwrap().new_key.clone().unwrap();
    // The write takes effect late.
    let keys = setup.client.keys().list().await.unwrap();
    sink.0.set(keys.into_iter().find(|key| key.id.as_str() == id).map(|key| key.api_key));
    delete_new_key(&setup).await;
    let error = bounded(sink.rotation(&setup).resume()).await.unwrap_err();
    assert!(error.to_string().contains(CHECK), "{error}");
    assert!(error.to_string().contains("Codat does not list the new key"), "{error}");
    sink.set(|sink| sink.write = Write::Stores);
    assert_accepts(&setup, sink.rotation(&setup), SinkProgress::Restored).await;
    assert!(sink.0.key().is_some_and(|key| key == setup.old));
}

/// Another program has put the key of another Codat client into the sink, and no list shows the new key any more.
#[tokio::test]
async fn a_rollback_ends_although_a_sink_has_a_key_of_another_codat_client() {
    let codat = Codat::new(1, &[]);
    let old = codat.sink.key().unwrap();
    bounded(codat.builder().build().unwrap().start()).await.unwrap();
    let client = codat.client.with_api_key(&old);
    let rotation = || {
        let builder = Rotation::builder(&client).sink(codat.sink.clone()).journal(codat.store.clone());
        builder.build().unwrap()
    };
    codat.remove("new-1");
    codat.sink.set(Some(codat.add_client()));
    let error = bounded(rotation().abort()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::Unfinished);
    assert!(error.to_string().contains(CHECK), "{error}");
    let report = bounded(rotation().abort()).await.unwrap();
    assert_eq!((report.state, report.sinks[0].progress), (State::Aborted, SinkProgress::LeftAlone));
    assert_eq!(codat.ids(), ["old", "foreign-0"]);
}
