//! Rotations that are cancelled while they use their journal.

use std::io::{Error, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codat_keys_rotate::{
    Grace, JournalFuture, JournalLock, JournalStore, MemoryJournal, Report, Rotation, RotationError, RotationErrorKind,
    State,
};

use serde_json::Value;

use crate::support::{Setup, bounded};

/// When the entry whose creation is interrupted appears in the store.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stored {
    BeforeTheInterruption,
    /// The entry appears when the next entry is created.
    Later,
    Never,
    /// Another run creates an entry with the same number.
    ByAnotherRun,
}

/// A store in which the creation of one entry is interrupted, as by Ctrl-C.
#[derive(Clone)]
struct Interrupted {
    store: MemoryJournal,
    /// The number of the entry whose creation is interrupted. `None` after the interruption.
    at: Arc<Mutex<Option<u64>>>,
    stored: Stored,
    late: Arc<Mutex<Option<NewEntry>>>,
}

/// The number and the content of an entry.
type NewEntry = (u64, Vec<u8>);

impl Interrupted {
    fn new(store: &MemoryJournal, at: u64, stored: Stored) -> Self {
        Self { store: store.clone(), at: Arc::new(Mutex::new(Some(at))), stored, late: Arc::default() }
    }
}

impl JournalStore for Interrupted {
    fn list<'a>(&'a self, name: &'a str) -> JournalFuture<'a, Vec<u64>> {
        self.store.list(name)
    }

    fn get<'a>(&'a self, name: &'a str, seq: u64) -> JournalFuture<'a, Option<Vec<u8>>> {
        self.store.get(name, seq)
    }

    fn create<'a>(&'a self, name: &'a str, seq: u64, bytes: Vec<u8>) -> JournalFuture<'a, bool> {
        Box::pin(async move {
            let late = self.late.lock().unwrap().take();
            if let Some((seq, bytes)) = late {
                assert!(self.store.create(name, seq, bytes).await?);
            }
            if self.at.lock().unwrap().take_if(|at| *at == seq).is_none() {
                return self.store.create(name, seq, bytes).await;
            }
            match self.stored {
                Stored::BeforeTheInterruption => assert!(self.store.create(name, seq, bytes).await?),
                Stored::Later => *self.late.lock().unwrap() = Some((seq, bytes)),
                Stored::Never => {}
                Stored::ByAnotherRun => {
                    let mut entry: Value = serde_json::from_slice(&bytes)?;
                    entry["holder"] = "another".into();
                    assert!(self.store.create(name, seq, serde_json::to_vec(&entry)?).await?);
                }
            }
            Err(ErrorKind::Interrupted.into())
        })
    }
}

/// Starts a rotation, or resumes the rotation in the journal.
async fn run(rotation: &Rotation) -> Result<Report, RotationError> {
    let status = rotation.status().await.unwrap();
    match status.is_some_and(|status| status.report.state != State::Preflight) {
        true => bounded(rotation.resume()).await,
        false => bounded(rotation.start()).await,
    }
}

/// Runs a rotation in which the creation of the entry `at` is interrupted, and completes the rotation.
async fn interrupted_and_completed(at: u64, stored: Stored) {
    let setup = Setup::new();
    let journal = Interrupted::new(&setup.store, at, stored);
    let rotation = || setup.builder().journal(journal.clone()).grace(Grace::None).build().unwrap();
    let Err(error) = bounded(rotation().start()).await else { panic!("entry {at} was not interrupted") };
    assert_eq!(error.kind(), RotationErrorKind::Cancelled, "{stored:?} {at}: {error}");
    let status = rotation().status().await.unwrap();
    assert!(status.is_none_or(|status| status.holder.is_none()), "{stored:?} {at}");
    match run(&rotation()).await {
        Ok(report) => assert_eq!(report.state, State::Done, "{stored:?} {at}"),
        // The first entry of the interrupted run appears now. This process knows that the run has ended.
        Err(error) if stored == Stored::Later && at == 1 => {
            assert_eq!(error.kind(), RotationErrorKind::Busy);
            assert_eq!(run(&rotation()).await.unwrap().state, State::Done);
        }
        Err(error) => panic!("{stored:?} {at}: {error}"),
    }
    setup.assert_rotated(1).await;
}

#[tokio::test]
async fn an_interrupted_creation_of_any_entry_cancels_the_rotation() {
    let mut runs = tokio::task::JoinSet::new();
    for at in 1..10 {
        for stored in [Stored::BeforeTheInterruption, Stored::Later, Stored::Never] {
            runs.spawn(interrupted_and_completed(at, stored));
        }
    }
    runs.join_all().await;
}

#[tokio::test]
async fn an_interrupted_run_does_not_continue_after_the_entry_of_another_run() {
    for at in [1, 3] {
        let setup = Setup::new();
        let journal = Interrupted::new(&setup.store, at, Stored::ByAnotherRun);
        let rotation = setup.builder().journal(journal).build().unwrap();
        let error = bounded(rotation.start()).await.unwrap_err();
        // A run that is interrupted before its first entry does not write an entry to end its lease.
        assert_eq!(error.kind(), if at == 1 { RotationErrorKind::Cancelled } else { RotationErrorKind::Busy });
        assert_eq!(rotation.status().await.unwrap().unwrap().holder.as_deref(), Some("another"));
        assert_eq!(bounded(rotation.start()).await.unwrap_err().kind(), RotationErrorKind::Busy);
    }
}

/// The part of a store that never answers, or is interrupted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Lock,
    List,
    Get,
}

/// A store with a lock, in which one function does not work.
struct Broken {
    store: MemoryJournal,
    part: Part,
    is_interrupted: bool,
    is_locked: Arc<AtomicBool>,
}

struct Unlocks(Arc<AtomicBool>);

impl Drop for Unlocks {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Broken {
    async fn reach(&self, part: Part) -> Result<(), Error> {
        match part == self.part {
            true if self.is_interrupted => Err(ErrorKind::Interrupted.into()),
            true => std::future::pending().await,
            false => Ok(()),
        }
    }
}

impl JournalStore for Broken {
    fn list<'a>(&'a self, name: &'a str) -> JournalFuture<'a, Vec<u64>> {
        Box::pin(async move {
            self.reach(Part::List).await?;
            self.store.list(name).await
        })
    }

    fn get<'a>(&'a self, name: &'a str, seq: u64) -> JournalFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            self.reach(Part::Get).await?;
            self.store.get(name, seq).await
        })
    }

    fn create<'a>(&'a self, _: &'a str, _: u64, _: Vec<u8>) -> JournalFuture<'a, bool> {
        panic!("a cancelled run creates no entry")
    }

    fn lock<'a>(&'a self, _: &'a str) -> JournalFuture<'a, JournalLock> {
        Box::pin(async move {
            self.is_locked.store(true, Ordering::SeqCst);
            let lock = Unlocks(Arc::clone(&self.is_locked));
            self.reach(Part::Lock).await?;
            Ok(JournalLock::Held(Box::new(lock)))
        })
    }
}

#[tokio::test]
async fn a_cancellation_ends_the_opening_of_the_journal() {
    for (part, is_interrupted) in [Part::Lock, Part::List, Part::Get].into_iter().flat_map(|p| [(p, false), (p, true)])
    {
        let setup = Setup::new();
        bounded(setup.rotation().start()).await.unwrap();
        let is_locked = Arc::new(AtomicBool::new(false));
        let journal = Broken { store: setup.store.clone(), part, is_interrupted, is_locked: Arc::clone(&is_locked) };
        let rotation = setup.builder().journal(journal).build().unwrap();
        let run = match is_interrupted {
            true => rotation.finish(),
            false => rotation.finish().cancel_on(tokio::time::sleep(Duration::from_millis(100))),
        };
        let error = bounded(run).await.unwrap_err();
        assert_eq!(error.kind(), RotationErrorKind::Cancelled, "{part:?}: {error}");
        assert!(error.report().is_none() && error.hint().contains("repeat it"), "{part:?}: {}", error.hint());
        assert!(!is_locked.load(Ordering::SeqCst), "{part:?}: the lock is released");
        assert_eq!(bounded(setup.rotation().finish()).await.unwrap().state, State::Done);
    }
}
