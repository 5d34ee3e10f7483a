//! Responses that are out of date or wrong: a rotation deletes no key that it did not create or replace, and reports no
//! deletion that did not happen.

use codat_keys_rotate::{RotationErrorKind, State};
use serde_json::json;

use crate::support::{Setup, bounded};

/// Makes the emulator respond to this number of lists without the newest change.
fn serve_stale_lists(setup: &Setup, count: u32) {
    let fault = json!([{"method": "GET", "fault": "stale-list", "count": count}]);
    setup.emulator.set_faults(&fault.to_string()).unwrap();
}

fn count(setup: &Setup, method: &str) -> usize {
    setup.emulator.journal().iter().filter(|request| request["method"] == method).count()
}

#[tokio::test]
async fn a_rollback_deletes_a_key_that_the_first_lists_lack() {
    let setup = Setup::new();
    bounded(setup.rotation().start()).await.unwrap();
    serve_stale_lists(&setup, 4);
    let report = bounded(setup.rotation().abort()).await.unwrap();
    assert_eq!((report.state, report.deleted.len(), report.may_appear_later), (State::Aborted, 1, false));
    assert_eq!(count(&setup, "DELETE"), 1);
    setup.assert_rolled_back(1).await;
}

#[tokio::test]
async fn a_rollback_leaves_no_sink_with_a_key_that_the_lists_lack() {
    let setup = Setup::new();
    bounded(setup.rotation().start()).await.unwrap();
    serve_stale_lists(&setup, 100);
    let error = bounded(setup.rotation().abort()).await.unwrap_err();
    assert_eq!((error.kind(), count(&setup, "DELETE")), (RotationErrorKind::Unfinished, 0));
    setup.emulator.set_faults("[]").unwrap();
    bounded(setup.rotation().abort()).await.unwrap();
    setup.assert_rolled_back(1).await;
}

#[tokio::test]
async fn a_rollback_reports_no_deletion_that_it_did_not_send() {
    let setup = Setup::new();
    bounded(setup.rotation().start()).await.unwrap();
    setup.sink.set(Some(setup.old.clone()));
    serve_stale_lists(&setup, 100);
    let report = bounded(setup.rotation().abort()).await.unwrap();
    assert_eq!((report.state, report.deleted, report.new_key), (State::Aborted, vec![], None));
    assert!(report.may_appear_later, "the key can be listed later");
    assert_eq!((count(&setup, "DELETE"), setup.tagged().len()), (0, 1));
}

#[tokio::test]
async fn a_finished_rotation_reports_no_deletion_of_another_program() {
    let setup = Setup::new();
    bounded(setup.rotation().start()).await.unwrap();
    let new = setup.client.with_api_key(&setup.sink.key().unwrap());
    new.keys().delete(&codat_keys::KeyId::parse("old").unwrap()).send().await.unwrap();
    let report = bounded(setup.rotation().finish()).await.unwrap();
    assert_eq!((report.state, report.deleted), (State::Done, vec![]));
    setup.assert_rotated(1).await;
}

#[tokio::test]
async fn an_id_that_existed_before_is_not_taken_for_the_new_key() {
    tokio::join!(with_wrong_id("old"), with_wrong_id("foreign-0"));
}

/// Starts and aborts a rotation. The response to the creation has the id of another key.
async fn with_wrong_id(id: &str) {
    let setup = Setup::new();
    let body = json!({"id": id, "name": "billing", "apiKey": "MadeUpKeyOfAWrongResponse0000000000000000"});
    let wrong = json!([{"method": "POST", "fault": "status", "status": 200, "body": body, "count": 100}]);
    setup.emulator.set_faults(&wrong.to_string()).unwrap();
    let error = bounded(setup.rotation().start()).await.unwrap_err();
    assert_eq!((error.kind(), error.report().unwrap().new_key.clone()), (RotationErrorKind::Unfinished, None));
    let report = bounded(setup.rotation().abort()).await.unwrap();
    assert_eq!((report.state, report.deleted, report.may_appear_later), (State::Aborted, vec![], true));
    assert_eq!(count(&setup, "DELETE"), 0);
    setup.assert_rolled_back(1).await;
}
