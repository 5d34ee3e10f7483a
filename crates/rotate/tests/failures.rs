//! Rotations that fail: what remains, and what the error says.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use codat_keys::{ApiKey, KeyId};
use codat_keys_rotate::{
    Content, FileJournal, Grace, JournalFuture, JournalStore, MemorySink, Rotation, RotationErrorKind, RotationEvent,
    Sink, SinkError, SinkFuture, State, Verification,
};
use serde_json::json;

use crate::support::{Setup, bounded};

/// Runs a rotation with these faults of the emulator. The rotation completes.
async fn completes(faults: serde_json::Value) -> Setup {
    let setup = Setup::new();
    setup.emulator.set_faults(&faults.to_string()).unwrap();
    let rotation = setup.builder().grace(Grace::None).build().unwrap();
    bounded(rotation.start()).await.unwrap();
    setup.assert_rotated(1).await;
    setup
}

fn posts(setup: &Setup) -> Vec<serde_json::Value> {
    setup.emulator.journal().into_iter().filter(|request| request["method"] == "POST").collect()
}

#[tokio::test]
async fn lost_responses_create_one_key() {
    let setup =
        completes(json!([{"method": "POST", "fault": "drop-after"}, {"method": "DELETE", "fault": "drop-after"}]))
            .await;
    let posts = posts(&setup);
    assert!(posts.iter().all(|post| post["idempotencyKey"] == posts[0]["idempotencyKey"]));
}

#[tokio::test]
async fn a_stored_failure_without_effect_takes_a_new_idempotency_key() {
    let failed = json!({"method": "POST", "fault": "status", "status": 503, "effect": "none"});
    let setup = completes(json!([failed])).await;
    let posts = posts(&setup);
    let first = &posts[0]["idempotencyKey"];
    assert!(posts.iter().any(|post| post["idempotencyKey"] != *first), "{posts:?}");
    assert!(posts.iter().all(|post| post["body"] == posts[0]["body"]));
}

#[tokio::test]
async fn a_stored_failure_with_an_effect_is_found_by_the_tag() {
    let setup = completes(json!([{"method": "POST", "fault": "status", "status": 503, "effect": "now"}])).await;
    let posts = posts(&setup);
    assert!(posts.iter().all(|post| post["idempotencyKey"] == posts[0]["idempotencyKey"]));
}

#[tokio::test]
async fn a_key_that_appears_late_is_deleted_as_a_duplicate() {
    let late = json!({"method": "POST", "fault": "status", "status": 503, "effect": "late", "milliseconds": 4500});
    completes(json!([late])).await;
}

#[tokio::test]
async fn ten_keys_stop_a_rotation_before_it_changes_anything() {
    let setup = Setup::with_foreign(9);
    let error = bounded(setup.rotation().start()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::KeyLimitReached);
    assert_eq!(error.report().unwrap().state, State::Aborted);
    assert!(posts(&setup).is_empty());
    setup.assert_rolled_back(9).await;

    let unused = KeyId::parse("foreign-3").unwrap();
    let own = KeyId::parse("old").unwrap();
    let refused = setup.builder().delete_first(own).build().unwrap();
    assert_eq!(bounded(refused.start()).await.unwrap_err().kind(), RotationErrorKind::InvalidInput);
    setup.assert_rolled_back(9).await;

    let rotation = setup.builder().delete_first(unused).grace(Grace::None).build().unwrap();
    assert_eq!(rotation.plan().await.unwrap().delete_first, ["foreign-3"]);
    let report = bounded(rotation.start()).await.unwrap();
    assert_eq!(report.deleted, ["foreign-3", "old"]);
    setup.assert_rotated(8).await;
}

#[tokio::test]
async fn a_rejected_key_stops_a_rotation() {
    let setup = Setup::new();
    let wrong = ApiKey::parse("MadeUpKeyThatIsWrong00000000000000000000").unwrap();
    let rotation = Rotation::builder(&setup.client.with_api_key(&wrong)).sink(setup.sink.clone());
    let error = bounded(rotation.journal(setup.store.clone()).build().unwrap().start()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::Api);
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<codat_keys::Error>());
    assert_eq!(source.map(codat_keys::Error::kind), Some(codat_keys::ErrorKind::Unauthorized));
    setup.assert_rolled_back(1).await;
}

#[tokio::test]
async fn an_unknown_id_stops_a_rotation() {
    let setup = Setup::new();
    let rotation = setup.builder().key(KeyId::parse("none").unwrap()).build().unwrap();
    assert_eq!(bounded(rotation.start()).await.unwrap_err().kind(), RotationErrorKind::InvalidInput);
    setup.assert_rolled_back(1).await;
}

#[tokio::test]
async fn a_sink_with_other_content_stops_a_rotation_unless_it_is_to_be_overwritten() {
    let setup = Setup::new();
    let other = ApiKey::parse("MadeUpKeyOfSomebody000000000000000000000").unwrap();
    setup.sink.set(Some(other.clone()));
    let error = bounded(setup.rotation().start()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::SinkOccupied);
    assert!(setup.sink.key().is_some_and(|key| key == other));
    assert!(posts(&setup).is_empty());
    let rotation = setup.builder().overwrite(true).grace(Grace::None).build().unwrap();
    bounded(rotation.start()).await.unwrap();
    setup.assert_rotated(1).await;
}

/// A sink whose writes fail, or are not made although the sink reports success.
#[derive(Clone)]
struct Faulty {
    inner: MemorySink,
    writes: Arc<AtomicUsize>,
    fault: SinkFault,
    is_repaired: Arc<AtomicBool>,
}

#[derive(Clone, Copy, PartialEq)]
enum SinkFault {
    /// The first writes fail, and the third succeeds.
    Twice,
    Permanent,
    /// Writes of the new key fail after they took effect.
    PermanentAfter,
    Ignores,
    Unconfirmed,
    Unavailable,
}

impl Faulty {
    fn new(setup: &Setup, fault: SinkFault) -> Self {
        let (inner, is_repaired) = (setup.sink.clone(), Arc::new(AtomicBool::new(false)));
        Self { inner, writes: Arc::default(), fault, is_repaired }
    }
}

impl Sink for Faulty {
    fn describe(&self) -> String {
        "faulty".into()
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        self.inner.read()
    }

    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
        let writes = self.writes.fetch_add(1, Ordering::SeqCst);
        let error = || SinkError::permanent(format!("no permission to write {}", key.expose_secret()));
        Box::pin(async move {
            match self.fault {
                _ if self.is_repaired.load(Ordering::SeqCst) => self.inner.write(key).await,
                SinkFault::Twice if writes < 2 => Err(SinkError::temporary("try again")),
                SinkFault::Permanent => Err(error()),
                SinkFault::PermanentAfter if writes == 0 => self.inner.write(key).await.and(Err(error())),
                SinkFault::Ignores => Ok(()),
                _ => self.inner.write(key).await,
            }
        })
    }

    fn verification(&self) -> Verification {
        match self.fault {
            SinkFault::Unconfirmed => Verification::Confirm,
            SinkFault::Unavailable => Verification::Unavailable,
            _ => Verification::ReadBack,
        }
    }

    fn confirm<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, bool> {
        // Until the repair, the programs have only the old key.
        let is_repaired = self.is_repaired.load(Ordering::SeqCst);
        Box::pin(async move { Ok(is_repaired || key.expose_secret().ends_with("Old")) })
    }
}

fn with_sink(setup: &Setup, sink: &Faulty) -> Rotation {
    let builder = Rotation::builder(&setup.client).sink(sink.clone()).journal(setup.store.clone());
    builder.grace(Grace::None).build().unwrap()
}

#[tokio::test]
async fn a_sink_that_fails_for_a_time_gets_the_key() {
    let setup = Setup::new();
    let sink = Faulty::new(&setup, SinkFault::Twice);
    bounded(with_sink(&setup, &sink).start()).await.unwrap();
    setup.assert_rotated(1).await;
}

#[tokio::test]
async fn a_sink_that_cannot_be_written_or_lies_leads_to_a_rollback() {
    for fault in [SinkFault::Permanent, SinkFault::PermanentAfter, SinkFault::Ignores, SinkFault::Unconfirmed] {
        let setup = Setup::new();
        let sink = Faulty::new(&setup, fault);
        let error = bounded(with_sink(&setup, &sink).start()).await.unwrap_err();
        assert_eq!(error.kind(), RotationErrorKind::RolledBack, "{error}");
        let shown = format!("{error} {error:?}");
        for key in setup.client.keys().list().await.unwrap() {
            assert_eq!(key.api_key.redact(&shown), shown);
        }
        assert!(error.to_string().contains("faulty"), "{error}");
        setup.assert_rolled_back(1).await;
        setup.assert_no_secret().await;
    }
}

#[tokio::test]
async fn a_sink_that_can_neither_be_read_nor_confirmed_is_rejected_first() {
    let setup = Setup::new();
    let sink = Faulty::new(&setup, SinkFault::Unavailable);
    let error = bounded(with_sink(&setup, &sink).start()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::SinkUnavailable);
    assert!(posts(&setup).is_empty());
}

#[tokio::test]
async fn a_sink_that_is_confirmed_by_its_programs_gets_the_key() {
    let setup = Setup::new();
    let sink = Faulty::new(&setup, SinkFault::Unconfirmed);
    sink.is_repaired.store(true, Ordering::SeqCst);
    bounded(with_sink(&setup, &sink).start()).await.unwrap();
    setup.assert_rotated(1).await;
}

#[tokio::test]
async fn a_sink_that_was_changed_in_the_grace_period_keeps_the_old_key_alive() {
    let setup = Setup::new();
    bounded(setup.rotation().start()).await.unwrap();
    setup.sink.set(Some(ApiKey::parse("MadeUpKeyOfSomebody000000000000000000000").unwrap()));
    let error = bounded(setup.rotation().finish()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::Unfinished);
    assert!(setup.ids().contains(&"old".to_owned()));
    // A sink that has the old key again gets the new key.
    setup.sink.set(Some(setup.old.clone()));
    bounded(setup.rotation().finish()).await.unwrap();
    setup.assert_rotated(1).await;
}

#[tokio::test]
async fn an_old_key_that_cannot_be_deleted_does_not_hide_the_new_key() {
    let setup = Setup::new();
    bounded(setup.rotation().start()).await.unwrap();
    let failed = json!({"method": "DELETE", "fault": "status", "status": 400, "effect": "none", "count": 100});
    setup.emulator.set_faults(&json!([failed]).to_string()).unwrap();
    let error = bounded(setup.rotation().finish()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::Unfinished);
    let report = error.report().unwrap();
    assert_eq!(report.state, State::Retire);
    assert_eq!(setup.id_in_sink().await.unwrap().as_str(), report.new_key.as_deref().unwrap());
    setup.emulator.set_faults("[]").unwrap();
    bounded(setup.rotation().finish()).await.unwrap();
    setup.assert_rotated(1).await;
}

#[tokio::test]
async fn a_new_key_that_does_not_work_leads_to_a_rollback() {
    let setup = Setup::new();
    // Another program deletes the new key as soon as it exists.
    let client = setup.client.clone();
    let rotation = setup.builder().probe_timeout(Duration::from_secs(1)).on_event(move |event| {
        if let RotationEvent::Created { id, .. } = event {
            let (client, id) = (client.clone(), KeyId::parse(&id).unwrap());
            tokio::spawn(async move { client.keys().delete(&id).send().await });
        }
    });
    let error = bounded(rotation.build().unwrap().start()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::RolledBack, "{error}");
    let source = error.source().and_then(|source| source.downcast_ref::<codat_keys::Error>());
    assert_eq!(source.map(codat_keys::Error::kind), Some(codat_keys::ErrorKind::Unauthorized));
    setup.assert_rolled_back(1).await;
}

#[tokio::test]
async fn times_that_do_not_end_are_rejected_before_anything_is_changed() {
    let setup = Setup::new();
    let far = Duration::from_secs(9000 * 366 * 24 * 3600);
    for builder in [
        setup.builder().grace(Grace::For(far)),
        setup.builder().grace(Grace::For(Duration::MAX)),
        setup.builder().lease(Duration::MAX),
        setup.builder().lease(Duration::from_secs(25 * 3600)),
    ] {
        assert_eq!(builder.build().unwrap_err().kind(), RotationErrorKind::InvalidInput);
    }
    // A long grace period that ends before the year 9999 does not cause a panic.
    let builder = setup.builder().grace(Grace::For(Duration::from_secs(7000 * 365 * 24 * 3600)));
    let waits = Arc::new(tokio::sync::Notify::new());
    let seen = Arc::clone(&waits);
    let rotation = builder.probe_timeout(Duration::MAX).on_event(move |event| {
        if matches!(event, RotationEvent::Waiting { .. }) {
            seen.notify_one();
        }
    });
    let run = rotation.build().unwrap().start().cancel_on(async move { waits.notified().await });
    assert_eq!(bounded(run).await.unwrap_err().kind(), RotationErrorKind::Cancelled);
}

/// A sink that can be read, but not written.
pub(crate) struct Broken(pub(crate) MemorySink);

impl Sink for Broken {
    fn describe(&self) -> String {
        "memory:broken".into()
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        self.0.read()
    }

    fn write<'a>(&'a self, _key: &'a ApiKey) -> SinkFuture<'a, ()> {
        let error = SinkError::permanent("it is broken").with_source(std::io::Error::other("the cause"));
        Box::pin(std::future::ready(Err(error)))
    }
}

#[tokio::test]
async fn the_error_of_a_sink_is_the_source_of_the_error() {
    let setup = Setup::new();
    let broken = Broken(MemorySink::new("unused", None));
    let error = bounded(setup.builder().sink(broken).build().unwrap().start()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::RolledBack);
    let of_sink = error.source().and_then(|source| source.downcast_ref::<SinkError>()).unwrap();
    assert_eq!((of_sink.to_string(), of_sink.is_permanent()), ("it is broken".to_owned(), true));
    assert_eq!(of_sink.source().unwrap().to_string(), "the cause");
    setup.assert_rolled_back(1).await;
    assert_eq!(setup.client.whoami().await.unwrap().id.as_str(), "old");
}

/// A sink whose first read fails. The text of its error occurs in every message about the sink.
struct ReadTwice(MemorySink, AtomicBool);

impl Sink for ReadTwice {
    fn describe(&self) -> String {
        "memory:twice".into()
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        if self.1.swap(true, Ordering::Relaxed) {
            return self.0.read();
        }
        Box::pin(std::future::ready(Err(SinkError::temporary("memory"))))
    }

    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
        self.0.write(key)
    }
}

#[tokio::test]
async fn an_error_of_a_sink_is_not_the_source_of_a_later_error() {
    let setup = Setup::new();
    let other = ApiKey::parse("MadeUpKeyOfSomebody000000000000000000000").unwrap();
    let sink = ReadTwice(MemorySink::new("unused", Some(other)), AtomicBool::new(false));
    let error = bounded(setup.builder().sink(sink).build().unwrap().start()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::SinkOccupied);
    assert!(error.to_string().contains("memory"), "{error}");
    assert!(error.source().is_none());
    setup.assert_rolled_back(1).await;
}

/// An empty journal store of a machine with this identifier.
struct OfMachine(String);

impl JournalStore for OfMachine {
    fn list<'a>(&'a self, _: &'a str) -> JournalFuture<'a, Vec<u64>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn get<'a>(&'a self, _: &'a str, _: u64) -> JournalFuture<'a, Option<Vec<u8>>> {
        Box::pin(async { Ok(None) })
    }

    fn create<'a>(&'a self, _: &'a str, _: u64, _: Vec<u8>) -> JournalFuture<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn machine(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

#[tokio::test]
async fn options_that_cannot_be_journalled_are_refused() {
    let setup = Setup::new();
    for description in ["", &format!("file:{}", setup.old.expose_secret())] {
        let refused = setup.builder().sink(MemorySink::new(description, None)).build().unwrap_err();
        assert_eq!(refused.kind(), RotationErrorKind::InvalidInput, "{description}");
    }
    let (known, unknown) = (setup.old.expose_secret(), "MadeUpKeyForTheTests0123456789abcdefGhIj");
    for key in [known, unknown] {
        let id = KeyId::parse(key).unwrap();
        for builder in [
            setup.builder().journal_name(key),
            setup.builder().journal(FileJournal::new(format!("/proc/{key}"))),
            setup.builder().journal(OfMachine(format!("machine {key}"))),
            setup.builder().sink(MemorySink::new(format!("store:{key}"), None)),
            setup.builder().key(id.clone()),
            setup.builder().delete_first(id),
            setup.builder().name(key),
        ] {
            let refused = builder.build().unwrap_err();
            assert_eq!(refused.kind(), RotationErrorKind::InvalidInput);
            assert!(!format!("{refused} {refused:?}").contains(key), "{refused}");
        }
    }
}
