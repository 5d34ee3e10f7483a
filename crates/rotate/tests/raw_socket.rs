//! Rotations against a server on a raw socket. Each test also asserts the rules that all requests must keep.

use std::time::Duration;

use codat_keys::{KeyId, Timestamp};
use codat_keys_rotate::{Entry, Grace, JournalStore, MemorySink, Report, RotationErrorKind, State};
use serde_json::json;
use tokio::task::JoinSet;

use crate::failures::Broken;
use crate::raw_codat::{Codat, Fault};
use crate::support::bounded;

/// Runs a rotation without a grace period.
async fn rotate(codat: &Codat) -> Report {
    let report = bounded(codat.builder().grace(Grace::None).build().unwrap().start()).await.unwrap();
    assert_eq!(report.state, State::Done);
    codat.assert_rotated();
    report
}

/// Starts a rotation, and cancels it as soon as the server has received a request with this method. The cancellation
/// stands for the end of the process, so another process must be able to resume the rotation.
async fn interrupted_at(codat: &Codat, method: &str) {
    let is_sent = async {
        while codat.requests(method).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        ended = bounded(codat.builder().grace(Grace::None).build().unwrap().start()) => panic!("{ended:?}"),
        () = is_sent => {}
    }
    // The process was killed, and its lease is over.
    let mut entry: Entry = serde_json::from_slice(codat.store.entries("default").last().unwrap()).unwrap();
    (entry.seq, entry.expires) = (entry.seq + 1, Timestamp::UNIX_EPOCH);
    assert!(codat.store.create("default", entry.seq, serde_json::to_vec(&entry).unwrap()).await.unwrap());
}

/// Awaits the runs concurrently, because a rotation spends most of its time waiting.
async fn all(runs: impl IntoIterator<Item = impl Future<Output = ()> + Send + 'static>) {
    runs.into_iter().collect::<JoinSet<()>>().join_all().await;
}

#[tokio::test]
async fn a_creation_whose_request_or_response_is_lost_is_repeated_byte_for_byte() {
    all([Fault::LostRequest, Fault::LostResponse].map(async |fault| {
        let codat = Codat::new(1, &[("POST", fault)]);
        rotate(&codat).await;
        let posts = codat.requests("POST");
        assert_eq!(posts.len(), 2);
        assert_eq!((&posts[0].idempotency_key, &posts[0].body), (&posts[1].idempotency_key, &posts[1].body));
    }))
    .await;
}

#[tokio::test]
async fn a_response_with_another_key_is_not_believed() {
    let other = json!({"id": "foreign-0", "name": "another", "apiKey": "MadeUpKeyOfAnotherProgram000000000000000"});
    let unknown = json!({"id": "z", "name": "another", "apiKey": "MadeUpKeyThatIsNobodys000000000000000000"});
    all([other, unknown].map(async |mixed| {
        let codat = Codat::new(1, &[("POST", Fault::Mixed(mixed))]);
        let report = rotate(&codat).await;
        assert_eq!((report.new_key.as_deref(), codat.requests("POST").len()), (Some("new-1"), 2));
        assert_eq!(codat.requests("DELETE").len(), 1);
    }))
    .await;
}

#[tokio::test]
async fn lists_that_lack_a_change_delay_a_rotation_only() {
    all([1, 2, 3].map(async |lists| {
        let codat = Codat::new(1, &[]).with_stale_lists(lists);
        rotate(&codat).await;
        assert_eq!(codat.requests("POST").len(), 1);
    }))
    .await;
}

#[tokio::test]
async fn a_failed_creation_that_takes_effect_leaves_no_second_key() {
    all([0, 1, 2, 4, 6, 8, 10].map(async |after| {
        let codat = Codat::new(1, &[("POST", Fault::FailedLate(503, after))]);
        rotate(&codat).await;
        let posts = codat.requests("POST");
        assert!(posts.iter().all(|post| post.body == posts[0].body));
    }))
    .await;
}

#[tokio::test]
async fn a_failed_creation_without_effect_takes_a_new_idempotency_key() {
    let codat = Codat::new(1, &[("POST", Fault::Failed(503))]);
    rotate(&codat).await;
    let posts = codat.requests("POST");
    let last = posts.last().unwrap();
    assert!(last.idempotency_key != posts[0].idempotency_key && last.body == posts[0].body, "{posts:?}");
}

#[tokio::test]
async fn a_deletion_whose_request_or_response_is_lost_is_completed() {
    use Fault::{Failed, LostRequest, LostResponse};
    all([LostRequest, LostResponse, Failed(429), Failed(500), Failed(503)].map(async |fault| {
        let codat = Codat::new(1, &[("DELETE", fault)]);
        let report = rotate(&codat).await;
        assert_eq!(report.deleted, ["old"]);
        assert!(codat.requests("DELETE").iter().all(|deletion| deletion.target() == "old"));
    }))
    .await;
}

#[tokio::test]
async fn a_rollback_deletes_the_new_key_with_the_old_one() {
    use Fault::{Failed, LostRequest, LostResponse};
    all([vec![], vec![LostRequest], vec![LostResponse], vec![Failed(500)]].map(async |faults| {
        let faults: Vec<_> = faults.into_iter().map(|fault| ("DELETE", fault)).collect();
        let codat = Codat::new(1, &faults);
        let rotation = codat.builder().sink(Broken(MemorySink::new("unused", None))).grace(Grace::None);
        let error = bounded(rotation.build().unwrap().start()).await.unwrap_err();
        assert_eq!(error.kind(), RotationErrorKind::RolledBack);
        codat.assert_rolled_back();
        assert!(codat.requests("DELETE").iter().all(|deletion| deletion.target() == "new-1"));
    }))
    .await;
}

#[tokio::test]
async fn no_eleventh_key_is_requested() {
    let codat = Codat::new(9, &[]);
    let error = bounded(codat.builder().build().unwrap().start()).await.unwrap_err();
    assert_eq!((error.kind(), codat.requests("POST").len()), (RotationErrorKind::KeyLimitReached, 0));
    codat.assert_rolled_back();

    // Another program creates the tenth key between the list and the creation.
    let codat = Codat::new(8, &[("POST", Fault::ForeignCreator)]);
    let error = bounded(codat.builder().build().unwrap().start()).await.unwrap_err();
    assert_eq!((error.kind(), codat.ids().len()), (RotationErrorKind::KeyLimitReached, 10));
    codat.assert_rolled_back();

    // The tenth key is the new one, and its response is lost.
    let codat = Codat::new(8, &[("POST", Fault::LostResponse)]);
    rotate(&codat).await;
}

#[tokio::test]
async fn a_resumed_rotation_repeats_no_creation_that_has_taken_effect() {
    let codat = Codat::new(1, &[("POST", Fault::NoResponse)]);
    interrupted_at(&codat, "POST").await;
    bounded(codat.builder().build().unwrap().finish()).await.unwrap();
    assert_eq!(codat.requests("POST").len(), 1);
    codat.assert_rotated();
}

#[tokio::test]
async fn a_resumed_rotation_repeats_a_lost_creation_byte_for_byte() {
    let codat = Codat::new(1, &[("POST", Fault::Held)]);
    interrupted_at(&codat, "POST").await;
    bounded(codat.builder().build().unwrap().finish()).await.unwrap();
    let posts = codat.requests("POST");
    assert_eq!(posts.len(), 2);
    assert_eq!((&posts[0].idempotency_key, &posts[0].body), (&posts[1].idempotency_key, &posts[1].body));
    codat.assert_rotated();
}

#[tokio::test]
async fn a_resumed_rotation_sends_no_idempotency_key_that_codat_may_have_forgotten() {
    all([86, 90, 600].map(async |minutes| {
        let codat = Codat::new(1, &[("POST", Fault::Held)]);
        interrupted_at(&codat, "POST").await;
        let mut entry: Entry = serde_json::from_slice(codat.store.entries("default").last().unwrap()).unwrap();
        entry.seq += 1;
        entry.rotation.attempts[0].started -= Duration::from_secs(60 * minutes);
        assert!(codat.store.create("default", entry.seq, serde_json::to_vec(&entry).unwrap()).await.unwrap());
        bounded(codat.builder().build().unwrap().finish()).await.unwrap();
        let posts = codat.requests("POST");
        assert_eq!(posts.len(), 2, "{minutes}");
        assert!(posts[0].idempotency_key != posts[1].idempotency_key && posts[0].body == posts[1].body);
        codat.assert_rotated();
    }))
    .await;
}

#[tokio::test]
async fn a_deletion_that_was_interrupted_is_completed_with_the_new_key() {
    all([Fault::Held, Fault::NoResponse].map(async |fault| {
        let codat = Codat::new(1, &[("DELETE", fault)]);
        interrupted_at(&codat, "DELETE").await;
        // The client of the other process still has the old key.
        bounded(codat.builder().build().unwrap().resume()).await.unwrap();
        codat.assert_rotated();
    }))
    .await;
}

#[tokio::test]
async fn an_interrupted_rotation_is_aborted_without_a_trace() {
    all([Fault::Held, Fault::NoResponse].map(async |fault| {
        let codat = Codat::new(1, &[("POST", fault)]);
        interrupted_at(&codat, "POST").await;
        assert_eq!(bounded(codat.builder().build().unwrap().abort()).await.unwrap().state, State::Aborted);
        codat.assert_rolled_back();
    }))
    .await;
}

#[tokio::test]
async fn a_key_is_deleted_first_only_if_ten_exist() {
    all([8, 9].map(async |foreign| {
        let codat = Codat::new(foreign, &[]);
        codat.name_unused("foreign-1");
        let rotation = codat.builder().delete_first(KeyId::parse("unused").unwrap()).grace(Grace::None);
        let report = bounded(rotation.build().unwrap().start()).await.unwrap();
        let expected: &[&str] = if foreign == 9 { &["unused", "old"] } else { &["old"] };
        assert_eq!(report.deleted, expected);
        codat.assert_rotated();
    }))
    .await;
}
