//! Two rotations of one key at once.

use std::future::IntoFuture;

use codat_keys_rotate::{FileJournal, Grace, RotationErrorKind};

use crate::support::{Setup, bounded};

#[tokio::test]
async fn one_of_two_rotations_with_the_same_journal_stops() {
    let setup = Setup::new();
    let rotation = || setup.builder().grace(Grace::None).build().unwrap();
    let (one, other) = tokio::join!(bounded(rotation().start()), bounded(rotation().start()));
    let failed: Vec<_> = [one, other].into_iter().filter_map(Result::err).map(|error| error.kind()).collect();
    assert_eq!(failed, [RotationErrorKind::Busy]);
    setup.assert_rotated(1).await;
}

#[tokio::test]
async fn a_lock_excludes_a_second_process_before_it_reads_the_journal() {
    let setup = Setup::new();
    let folder = tempfile::tempdir().unwrap();
    let rotation = || setup.builder().journal(FileJournal::new(folder.path())).grace(Grace::None).build().unwrap();
    let (one, other) = tokio::join!(bounded(rotation().start()), bounded(rotation().start()));
    let failed: Vec<_> = [one, other].into_iter().filter_map(Result::err).map(|error| error.kind()).collect();
    assert_eq!(failed, [RotationErrorKind::Busy]);
    setup.assert_rotated(1).await;
}

#[tokio::test]
async fn a_dropped_rotation_is_resumed_on_the_same_machine_before_its_lease_ends() {
    let setup = Setup::new();
    let folder = tempfile::tempdir().unwrap();
    let rotation = || setup.builder().journal(FileJournal::new(folder.path())).build().unwrap();
    let run = rotation().start();
    assert!(tokio::time::timeout(std::time::Duration::from_millis(400), run.into_future()).await.is_err());
    if !cfg!(target_os = "linux") {
        return; // Other systems wait for the end of the lease.
    }
    bounded(rotation().finish()).await.unwrap();
    setup.assert_rotated(1).await;
}
