//! Rotations whose process is killed, and resumed by another one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use codat_keys::{ApiKey, KeyId, Timestamp};
use codat_keys_rotate::{
    Entry, Grace, JournalFuture, JournalStore, MemoryJournal, MemorySink, Rotation, RotationErrorKind, Run, State,
};
use serde_json::json;

use crate::support::{Setup, bounded};

/// A journal whose process is killed at a write, before or after the entry is stored. A killed process cannot end its
/// lease. The journal therefore stores each entry with a lease that is already over, as if some minutes had passed.
#[derive(Clone)]
struct KilledAt {
    store: MemoryJournal,
    writes_left: Arc<AtomicUsize>,
    stores_last: bool,
    killed: Arc<tokio::sync::Notify>,
}

impl JournalStore for KilledAt {
    fn list<'a>(&'a self, name: &'a str) -> JournalFuture<'a, Vec<u64>> {
        self.store.list(name)
    }

    fn get<'a>(&'a self, name: &'a str, seq: u64) -> JournalFuture<'a, Option<Vec<u8>>> {
        self.store.get(name, seq)
    }

    fn create<'a>(&'a self, name: &'a str, seq: u64, bytes: Vec<u8>) -> JournalFuture<'a, bool> {
        Box::pin(async move {
            let mut entry: Entry = serde_json::from_slice(&bytes)?;
            entry.expires = Timestamp::UNIX_EPOCH;
            let bytes = serde_json::to_vec(&entry)?;
            if self.writes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
                if self.stores_last {
                    self.store.create(name, seq, bytes).await?;
                }
                self.killed.notify_one();
                return std::future::pending().await;
            }
            self.store.create(name, seq, bytes).await
        })
    }
}

/// Runs a rotation whose process is killed before the write with this number is stored.
async fn killed_before(setup: &Setup, write: usize, run: impl FnOnce(KilledAt) -> Run) {
    let killed = Arc::new(tokio::sync::Notify::new());
    let journal = KilledAt {
        store: setup.store.clone(),
        writes_left: Arc::new(AtomicUsize::new(write)),
        stores_last: false,
        killed: Arc::clone(&killed),
    };
    tokio::select! {
        ended = bounded(run(journal)) => panic!("{ended:?}"),
        () = killed.notified() => {}
    }
}

/// Runs a rotation that is killed at the write with this number. Returns false if the rotation ends before this write.
async fn killed_at(setup: &Setup, write: usize, stores_last: bool) -> bool {
    let killed = Arc::new(tokio::sync::Notify::new());
    let journal = KilledAt {
        store: setup.store.clone(),
        writes_left: Arc::new(AtomicUsize::new(write)),
        stores_last,
        killed: Arc::clone(&killed),
    };
    let rotation = setup.builder().journal(journal).grace(Grace::None).build().unwrap();
    tokio::select! {
        result = bounded(rotation.start()) => {
            result.unwrap();
            false
        }
        () = killed.notified() => true,
    }
}

/// Runs a rotation that is killed at a write, and lets another process finish it. Returns the state in which the
/// rotation was killed. Returns `None` if the rotation ended before this write, or had not begun.
async fn killed_and_finished(write: usize, stores_last: bool) -> Option<State> {
    let setup = Setup::new();
    if !killed_at(&setup, write, stores_last).await {
        return None;
    }
    assert!(setup.id_in_sink().await.is_some(), "the value of the sink works");
    let Some(status) = setup.rotation().status().await.unwrap() else {
        setup.assert_rolled_back(1).await;
        return None;
    };
    if status.report.state == State::Preflight {
        let error = bounded(setup.rotation().finish()).await.unwrap_err();
        assert_eq!(error.kind(), RotationErrorKind::NothingToResume);
        setup.assert_rolled_back(1).await;
        bounded(setup.builder().grace(Grace::None).build().unwrap().start()).await.unwrap();
    } else if !status.report.state.is_final() {
        // The client of the other process still has the old key, which may be deleted.
        let report = bounded(setup.rotation().finish()).await.unwrap();
        assert_eq!(report.state, State::Done, "killed at write {write}");
    }
    setup.assert_rotated(1).await;
    setup.assert_no_secret().await;
    Some(status.report.state)
}

#[tokio::test]
async fn a_rotation_that_is_killed_at_any_write_is_resumed() {
    let mut runs = tokio::task::JoinSet::new();
    for (write, stores_last) in (0..20).flat_map(|write| [(write, false), (write, true)]) {
        runs.spawn(killed_and_finished(write, stores_last));
    }
    let states: Vec<State> = runs.join_all().await.into_iter().flatten().collect();
    use State::{Confirm, Create, Deliver, Done, Grace, Preflight, Probe, Retire};
    for state in [Preflight, Create, Probe, Deliver, Confirm, Grace, Retire, Done] {
        assert!(states.contains(&state), "killed in {state:?}");
    }
}

#[tokio::test]
async fn a_rotation_that_is_killed_at_any_write_is_aborted() {
    let mut runs = tokio::task::JoinSet::new();
    // The first write is that of the preflight, which changes nothing.
    for write in 1..8 {
        runs.spawn(async move {
            let setup = Setup::new();
            assert!(killed_at(&setup, write, true).await);
            assert_eq!(bounded(setup.rotation().abort()).await.unwrap().state, State::Aborted, "write {write}");
            setup.assert_rolled_back(1).await;
        });
    }
    runs.join_all().await;
}

/// The process that resumes the rotation does not name the key to replace again.
#[tokio::test]
async fn a_rotation_that_is_killed_while_it_deletes_a_key_replaces_no_other_key() {
    for write in [2, 3] {
        let setup = Setup::with_foreign(9);
        let killed = Arc::new(tokio::sync::Notify::new());
        let writes_left = Arc::new(AtomicUsize::new(write));
        let journal =
            KilledAt { store: setup.store.clone(), writes_left, stores_last: false, killed: Arc::clone(&killed) };
        let id = |id: &str| KeyId::parse(id).unwrap();
        let builder = || setup.builder().journal(journal.clone()).overwrite(true);
        let started = builder().key(id("foreign-0")).delete_first(id("foreign-1")).name("payments").build().unwrap();
        tokio::select! {
            ended = bounded(started.start()) => panic!("{ended:?}"),
            () = killed.notified() => {}
        }
        assert_eq!(setup.rotation().status().await.unwrap().unwrap().report.state, State::DeleteFirst);
        let resumed = setup.builder().overwrite(true).delete_first(id("foreign-1")).build().unwrap();
        bounded(resumed.finish()).await.unwrap();
        assert!(setup.ids().contains(&"old".to_owned()) && !setup.ids().contains(&"foreign-0".to_owned()));
        assert!(setup.tagged()[0].starts_with("payments~"), "{:?}", setup.tagged());
    }
}

/// The process is killed between a deletion and its journal entry. Later commands report the deletion.
#[tokio::test]
async fn a_deletion_that_the_journal_does_not_confirm_is_reported_later() {
    for aborts in [true, false] {
        let setup = Setup::with_foreign(9);
        let foreign = KeyId::parse("foreign-0").unwrap();
        let builder = || setup.builder().delete_first(foreign.clone());
        killed_before(&setup, 3, |journal| builder().journal(journal).build().unwrap().start()).await;
        let rotation = builder().build().unwrap();
        let report = bounded(if aborts { rotation.abort() } else { rotation.resume() }).await.unwrap();
        assert_eq!(report.deleted, ["foreign-0"]);
        assert!(!setup.ids().contains(&"foreign-0".to_owned()));
    }
}

/// The process is killed at a write shortly before the end of a rotation. The report of the next process lists the old key
/// as deleted.
#[tokio::test]
async fn the_deletion_of_the_old_key_is_reported_after_each_interruption() {
    for write in 9..13 {
        let setup = Setup::new();
        let builder = || setup.builder().grace(Grace::None);
        killed_before(&setup, write, |journal| builder().journal(journal).build().unwrap().start()).await;
        let report = bounded(builder().build().unwrap().resume()).await.unwrap();
        assert_eq!((report.state, report.deleted), (State::Done, vec!["old".to_owned()]), "write {write}");
    }
}

/// The list that the next process gets can be older than the deletion.
#[tokio::test]
async fn a_list_that_is_older_than_a_deletion_is_repeated() {
    for (aborts, lists) in [(true, 1), (false, 1), (true, 100)] {
        let setup = Setup::with_foreign(9);
        let foreign = KeyId::parse("foreign-0").unwrap();
        let builder = || setup.builder().delete_first(foreign.clone());
        killed_before(&setup, 3, |journal| builder().journal(journal).build().unwrap().start()).await;
        let stale = json!([{"method": "GET", "fault": "stale-list", "count": lists}]);
        setup.emulator.set_faults(&stale.to_string()).unwrap();
        let rotation = builder().build().unwrap();
        let report = bounded(if aborts { rotation.abort() } else { rotation.resume() }).await.unwrap();
        if lists == 1 {
            assert_eq!(report.deleted, ["foreign-0"]);
        } else {
            assert_eq!(report.deleted, [""; 0]);
            let reason = report.reason.unwrap();
            assert!(reason.ends_with("the deletion of the key foreign-0 can still take effect"), "{reason}");
        }
    }
}

/// The process that resumes the recovery does not name the old key again.
#[tokio::test]
async fn an_interrupted_recovery_is_started_again() {
    let mut setup = Setup::new();
    assert!(killed_at(&setup, 4, true).await);
    setup.store = MemoryJournal::new();
    let named = || setup.builder().key(KeyId::parse("old").unwrap()).grace(Grace::None);
    killed_before(&setup, 1, |journal| named().journal(journal).build().unwrap().recover()).await;
    for run in [setup.rotation().resume(), setup.rotation().finish(), setup.rotation().abort()] {
        assert_eq!(bounded(run).await.unwrap_err().kind(), RotationErrorKind::NothingToResume);
    }
    assert_eq!(bounded(named().build().unwrap().recover()).await.unwrap().state, State::Done);
    setup.assert_rotated(1).await;
}

#[tokio::test]
async fn a_lost_journal_is_rebuilt_from_the_tag() {
    for write in [4, 6, 8] {
        let mut setup = Setup::new();
        assert!(killed_at(&setup, write, true).await);
        setup.store = MemoryJournal::new();
        let report = bounded(setup.builder().grace(Grace::None).build().unwrap().recover()).await.unwrap();
        assert_eq!(report.state, State::Done);
        setup.assert_rotated(1).await;
    }
    let setup = Setup::new();
    let error = bounded(setup.rotation().recover()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::NothingToResume);
    setup.assert_rolled_back(1).await;
}

#[tokio::test]
async fn a_recovery_needs_the_id_of_the_old_key_if_no_sink_shows_it() {
    let mut setup = Setup::new();
    assert!(killed_at(&setup, 4, true).await);
    setup.store = MemoryJournal::new();
    setup.sink.set(None);
    let before = setup.ids();
    let error = bounded(setup.rotation().recover()).await.unwrap_err();
    assert_eq!((error.kind(), setup.ids()), (RotationErrorKind::NothingToResume, before));
    let named = setup.builder().key(KeyId::parse("old").unwrap()).grace(Grace::None).build().unwrap();
    assert_eq!(bounded(named.recover()).await.unwrap().state, State::Done);
    setup.assert_rotated(1).await;
}

/// The sink may not be the sink of the lost rotation. A rollback would delete the key that the programs use.
#[tokio::test]
async fn a_recovery_stops_at_a_sink_with_other_content() {
    let mut setup = Setup::new();
    bounded(setup.rotation().start()).await.unwrap();
    setup.store = MemoryJournal::new();
    let before = setup.ids();
    let foreign = setup.client.keys().list().await.unwrap().into_iter().find(|key| key.id.as_str() == "foreign-0");
    let unknown = ApiKey::parse("MadeUpKeyOfAnother00000000000000000000One").unwrap();
    for content in [Some(unknown), foreign.map(|key| key.api_key)] {
        let other = MemorySink::new("memory:other", content.clone());
        let rotation = Rotation::builder(&setup.client).sink(other.clone()).journal(setup.store.clone());
        let rotation = rotation.key(KeyId::parse("old").unwrap()).build().unwrap();
        let error = bounded(rotation.recover()).await.unwrap_err();
        assert_eq!((error.kind(), setup.ids()), (RotationErrorKind::SinkOccupied, before.clone()), "{error}");
        assert_eq!(other.key(), content);
    }
}

/// The lost rotation may have deleted the old key. A key of another program with the same name must then stay.
#[tokio::test]
async fn a_recovery_needs_the_id_of_an_old_key_that_nothing_uses() {
    let mut setup = Setup::new();
    let namesake = setup.client.keys().create("billing").await.unwrap().key.id;
    bounded(setup.builder().grace(Grace::None).build().unwrap().start()).await.unwrap();
    setup.store = MemoryJournal::new();
    let before = setup.ids();
    assert!(before.contains(&namesake.as_str().to_owned()) && !before.contains(&"old".to_owned()));
    let error = bounded(setup.rotation().recover()).await.unwrap_err();
    assert_eq!((error.kind(), setup.ids()), (RotationErrorKind::NothingToResume, before));
}

/// A journal that cannot be written after this number of entries.
struct FullAfter {
    store: MemoryJournal,
    entries: u64,
}

impl JournalStore for FullAfter {
    fn list<'a>(&'a self, name: &'a str) -> JournalFuture<'a, Vec<u64>> {
        self.store.list(name)
    }

    fn get<'a>(&'a self, name: &'a str, seq: u64) -> JournalFuture<'a, Option<Vec<u8>>> {
        self.store.get(name, seq)
    }

    fn create<'a>(&'a self, name: &'a str, seq: u64, bytes: Vec<u8>) -> JournalFuture<'a, bool> {
        match seq > self.entries {
            true => Box::pin(async { Err(std::io::ErrorKind::StorageFull.into()) }),
            false => self.store.create(name, seq, bytes),
        }
    }
}

#[tokio::test]
async fn the_error_of_a_journal_that_cannot_be_written_reports_what_was_done() {
    for (entries, state) in [(1, State::Create), (2, State::Probe), (3, State::Deliver)] {
        let setup = Setup::new();
        let journal = FullAfter { store: setup.store.clone(), entries };
        let error = bounded(setup.builder().journal(journal).build().unwrap().start()).await.unwrap_err();
        assert_eq!(error.kind(), RotationErrorKind::Journal);
        let report = error.report().expect("a report");
        assert_eq!((report.state, report.old_key.as_str()), (state, "old"));
        let new = setup.keys().into_iter().find(|(_, name)| name.starts_with("billing~")).map(|(id, _)| id);
        assert_eq!(report.new_key, new, "{state:?}");
    }
    // This process knows that its run has ended, so the next run does not wait for the end of the lease.
    let setup = Setup::new();
    let journal = FullAfter { store: setup.store.clone(), entries: 3 };
    bounded(setup.builder().journal(journal).build().unwrap().start()).await.unwrap_err();
    assert_eq!(bounded(setup.rotation().resume()).await.unwrap().state, State::Grace);
    let setup = Setup::new();
    let journal = FullAfter { store: setup.store.clone(), entries: 0 };
    let error = bounded(setup.builder().journal(journal).build().unwrap().start()).await.unwrap_err();
    assert!(error.kind() == RotationErrorKind::Journal && error.report().is_none());
}

#[tokio::test]
async fn a_cancelled_rotation_is_resumed_immediately() {
    let setup = Setup::new();
    let (cancel, cancelled) = tokio::sync::oneshot::channel::<()>();
    let cancel = Mutex::new(Some(cancel));
    let rotation = setup.builder().on_event(move |event| {
        if matches!(event, codat_keys_rotate::RotationEvent::Created { .. }) {
            drop(cancel.lock().unwrap().take());
        }
    });
    let run = rotation.build().unwrap().start().cancel_on(async { drop(cancelled.await) });
    let error = bounded(run).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::Cancelled);
    assert!(error.report().unwrap().new_key.is_some());
    assert_eq!(bounded(setup.rotation().resume()).await.unwrap().state, State::Grace);
}

/// A store in which an entry exists some time before its creation completes.
struct Slow {
    store: MemoryJournal,
    /// Signals the creation of the second entry.
    cancel: Mutex<Option<tokio::sync::oneshot::Sender<()>>>,
    /// Whether the creation of the second entry fails as if a signal had interrupted it.
    is_interrupted: bool,
}

impl JournalStore for Slow {
    fn list<'a>(&'a self, name: &'a str) -> JournalFuture<'a, Vec<u64>> {
        self.store.list(name)
    }

    fn get<'a>(&'a self, name: &'a str, seq: u64) -> JournalFuture<'a, Option<Vec<u8>>> {
        self.store.get(name, seq)
    }

    fn create<'a>(&'a self, name: &'a str, seq: u64, bytes: Vec<u8>) -> JournalFuture<'a, bool> {
        Box::pin(async move {
            if seq == 2
                && let Some(cancel) = self.cancel.lock().unwrap().take()
            {
                if self.is_interrupted {
                    return Err(std::io::ErrorKind::Interrupted.into());
                }
                drop(cancel);
            }
            let is_new = self.store.create(name, seq, bytes).await;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            is_new
        })
    }
}

#[tokio::test]
async fn a_cancellation_waits_for_the_entry_that_is_being_created() {
    for is_interrupted in [false, true] {
        let setup = Setup::new();
        let (cancel, cancelled) = tokio::sync::oneshot::channel::<()>();
        let journal = Slow { store: setup.store.clone(), cancel: Mutex::new(Some(cancel)), is_interrupted };
        let cancelled = async move {
            match is_interrupted {
                true => std::future::pending().await,
                false => drop(cancelled.await),
            }
        };
        let run = setup.builder().journal(journal).build().unwrap().start().cancel_on(cancelled);
        let error = bounded(run).await.unwrap_err();
        assert_eq!(error.kind(), RotationErrorKind::Cancelled, "{error}");
        assert!(setup.tagged().is_empty(), "the request that the entry announces is not sent");
        let status = setup.rotation().status().await.unwrap().unwrap();
        assert_eq!(status.holder, None);
        let report = match is_interrupted {
            true => bounded(setup.rotation().start()).await,
            false => bounded(setup.rotation().resume()).await,
        };
        assert_eq!(report.unwrap().state, State::Grace);
    }
}

#[tokio::test]
async fn a_resumed_rotation_keeps_the_grace_period_with_which_it_was_started() {
    let start = async || {
        let setup = Setup::new();
        let (cancel, cancelled) = tokio::sync::oneshot::channel::<()>();
        let cancel = Mutex::new(Some(cancel));
        let rotation = setup.builder().grace(Grace::None).on_event(move |_| drop(cancel.lock().unwrap().take()));
        let run = rotation.build().unwrap().start().cancel_on(async { drop(cancelled.await) });
        assert_eq!(bounded(run).await.unwrap_err().kind(), RotationErrorKind::Cancelled);
        setup
    };
    let setup = start().await;
    assert_eq!(bounded(setup.rotation().resume()).await.unwrap().state, State::Done);
    let setup = start().await;
    let other = setup.builder().grace(Grace::UntilFinish).build().unwrap();
    assert_eq!(bounded(other.resume()).await.unwrap().state, State::Grace);
}

#[tokio::test]
async fn another_host_resumes_after_the_lease() {
    let setup = Setup::new();
    bounded(setup.rotation().start()).await.unwrap();
    let entries = setup.store.entries("default");
    let mut entry: Entry = serde_json::from_slice(entries.last().unwrap()).unwrap();
    // A process that was killed in the middle of a rotation, and whose lease is not over.
    (entry.seq, entry.expires) = (entry.seq + 1, Timestamp::now() + std::time::Duration::from_secs(3600));
    assert!(setup.store.create("default", entry.seq, serde_json::to_vec(&entry).unwrap()).await.unwrap());
    let error = bounded(setup.rotation().finish()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::Busy);
    assert!(setup.rotation().status().await.unwrap().unwrap().holder.is_some());
    // A process whose lease is over.
    (entry.seq, entry.expires) = (entry.seq + 1, Timestamp::now() - std::time::Duration::from_secs(1));
    assert!(setup.store.create("default", entry.seq, serde_json::to_vec(&entry).unwrap()).await.unwrap());
    bounded(setup.rotation().finish()).await.unwrap();
    setup.assert_rotated(1).await;
}

#[tokio::test]
async fn a_foreign_journal_is_rejected() {
    let setup = Setup::new();
    bounded(setup.rotation().start()).await.unwrap();
    let other = Setup::new();
    let keys = json!({"keys": [{"id": "x", "name": "other", "apiKey": other.old.expose_secret()}]});
    other.emulator.set_state(&keys.to_string()).unwrap();
    // Another base URL.
    let rotation = other.builder().journal(setup.store.clone()).build().unwrap();
    assert_eq!(bounded(rotation.resume()).await.unwrap_err().kind(), RotationErrorKind::ForeignJournal);
    // Other sinks.
    let sink = MemorySink::new("memory:other", None);
    let rotation = Rotation::builder(&setup.client).sink(sink).journal(setup.store.clone()).build().unwrap();
    assert_eq!(bounded(rotation.resume()).await.unwrap_err().kind(), RotationErrorKind::ForeignJournal);
    // Another Codat client at the same base URL.
    let id = setup.keys().into_iter().find(|(_, name)| name == "foreign").unwrap().0;
    let keys = json!({"keys": [{"id": id, "name": "foreign", "apiKey": "MadeUpKeyOfAnotherClient00000000000000000"}]});
    setup.emulator.set_state(&keys.to_string()).unwrap();
    let key = codat_keys::ApiKey::parse("MadeUpKeyOfAnotherClient00000000000000000").unwrap();
    let rotation = Rotation::builder(&setup.client.with_api_key(&key)).sink(setup.sink.clone());
    let error = bounded(rotation.journal(setup.store.clone()).build().unwrap().finish()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::ForeignJournal);
    assert_eq!(setup.ids(), [id]);
}
