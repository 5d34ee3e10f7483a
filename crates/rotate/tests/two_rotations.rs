//! Two rotations of one key at once.

use std::sync::Arc;

use codat_keys_rotate::{FileJournal, Grace, Rotation, RotationErrorKind, RotationEvent};
use tokio::sync::Notify;

use crate::support::{Setup, bounded};

async fn assert_one_is_busy(setup: &Setup, rotation: impl Fn() -> Rotation) {
    let (one, other) = tokio::join!(bounded(rotation().start()), bounded(rotation().start()));
    let failed: Vec<_> = [one, other].into_iter().filter_map(Result::err).map(|error| error.kind()).collect();
    assert_eq!(failed, [RotationErrorKind::Busy]);
    setup.assert_rotated(1).await;
}

#[tokio::test]
async fn one_of_two_rotations_with_the_same_journal_stops() {
    let setup = Setup::new();
    assert_one_is_busy(&setup, || setup.builder().grace(Grace::None).build().unwrap()).await;
}

#[tokio::test]
async fn a_lock_excludes_a_second_process_before_it_reads_the_journal() {
    let (setup, folder) = (Setup::new(), tempfile::tempdir().unwrap());
    let journal = || FileJournal::new(folder.path());
    assert_one_is_busy(&setup, || setup.builder().journal(journal()).grace(Grace::None).build().unwrap()).await;
}

/// On other systems than Linux, a rotation waits for the end of the lease.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_dropped_rotation_is_resumed_on_the_same_machine_before_its_lease_ends() {
    let (setup, folder) = (Setup::new(), tempfile::tempdir().unwrap());
    let builder = || setup.builder().journal(FileJournal::new(folder.path()));
    let created = Arc::new(Notify::new());
    let notified = Arc::clone(&created);
    let rotation = builder().on_event(move |event| {
        if let RotationEvent::Created { .. } = event {
            notified.notify_one();
        }
    });
    tokio::select! {
        ended = bounded(rotation.build().unwrap().start()) => panic!("it ended before it was dropped: {ended:?}"),
        () = created.notified() => {}
    }
    bounded(builder().build().unwrap().finish()).await.unwrap();
    setup.assert_rotated(1).await;
}
