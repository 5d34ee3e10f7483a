//! Rotations without faults.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use codat_keys_rotate::{FileJournal, Grace, RotationErrorKind, RotationEvent, State};

use crate::support::{Setup, bounded};

#[tokio::test]
async fn a_rotation_ends_in_its_grace_period_and_is_finished_later() {
    let setup = Setup::new();
    let report = bounded(setup.rotation().start()).await.unwrap();
    assert_eq!((report.state, report.old_key.as_str()), (State::Grace, "old"));
    assert_eq!(report.delivered().collect::<Vec<_>>(), ["memory:billing"]);
    assert_eq!(setup.ids().len(), 3, "both keys exist");
    assert_eq!(setup.id_in_sink().await.unwrap().as_str(), report.new_key.as_deref().unwrap());

    // The client continues with its new key.
    assert_eq!(Some(setup.client.whoami().await.unwrap().id.as_str()), report.new_key.as_deref());

    // Resuming changes nothing.
    setup.emulator.clear_journal();
    assert_eq!(bounded(setup.rotation().resume()).await.unwrap().state, State::Grace);
    let again = bounded(setup.rotation().start()).await.unwrap_err();
    assert_eq!(again.kind(), RotationErrorKind::InProgress);
    let methods: Vec<_> = setup.emulator.journal().iter().map(|request| request["method"].clone()).collect();
    assert!(methods.iter().all(|method| method == "GET"), "{methods:?}");

    let report = bounded(setup.rotation().finish()).await.unwrap();
    assert_eq!((report.state, report.deleted), (State::Done, vec!["old".to_owned()]));
    setup.assert_rotated(1).await;
    setup.assert_no_secret().await;
    let error = bounded(setup.rotation().resume()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::NothingToResume);
}

#[tokio::test]
async fn without_a_grace_period_the_old_key_is_deleted_at_once() {
    let setup = Setup::new();
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let builder = setup.builder().grace(Grace::None).on_event(move |event| seen.lock().unwrap().push(event));
    let report = bounded(builder.build().unwrap().start()).await.unwrap();
    assert_eq!(report.state, State::Done);
    setup.assert_rotated(1).await;
    let states: Vec<State> = events
        .lock()
        .unwrap()
        .iter()
        .filter_map(|event| match event {
            RotationEvent::State { state } => Some(*state),
            _ => None,
        })
        .collect();
    use State::{Confirm, Create, Deliver, Done, Grace as InGrace, Probe, Retire};
    assert_eq!(states, [Create, Probe, Deliver, Confirm, InGrace, Retire, Done]);
    let shown = serde_json::to_string(&*events.lock().unwrap()).unwrap();
    assert!(shown.contains(r#"{"event":"delivered","sink":"memory:billing"}"#), "{shown}");

    // The next rotation replaces the tag.
    let client = setup.client.with_api_key(&setup.sink.key().unwrap());
    let rotation = codat_keys_rotate::Rotation::builder(&client).sink(setup.sink.clone()).journal(setup.store.clone());
    bounded(rotation.grace(Grace::For(Duration::from_secs(1))).build().unwrap().start()).await.unwrap();
    setup.assert_rotated(1).await;
}

#[tokio::test]
async fn an_aborted_rotation_changes_nothing_in_the_end() {
    let setup = Setup::new();
    bounded(setup.rotation().start()).await.unwrap();
    let report = bounded(setup.rotation().abort()).await.unwrap();
    assert_eq!((report.state, report.new_key), (State::Aborted, None));
    setup.assert_rolled_back(1).await;
    assert_eq!(setup.client.whoami().await.unwrap().id.as_str(), "old");
}

#[tokio::test]
async fn a_journal_in_files_belongs_to_one_process_at_a_time() {
    let setup = Setup::new();
    let folder = tempfile::tempdir().unwrap();
    let rotation = || setup.builder().journal(FileJournal::new(folder.path())).build().unwrap();
    bounded(rotation().start()).await.unwrap();
    let status = rotation().status().await.unwrap().unwrap();
    assert_eq!((status.report.state, status.holder), (State::Grace, None));
    bounded(rotation().finish()).await.unwrap();
    setup.assert_rotated(1).await;
}

#[tokio::test]
async fn a_plan_changes_nothing() {
    let setup = Setup::new();
    let plan = setup.rotation().plan().await.unwrap();
    assert_eq!((plan.old_key.as_str(), plan.keys), ("old", 2));
    assert!(plan.name.starts_with("billing~") && plan.delete_first.is_empty() && plan.sinks[0].reads_back);
    assert!(setup.emulator.journal().iter().all(|request| request["method"] == "GET"));
    assert!(setup.store.entries("default").is_empty());
}
