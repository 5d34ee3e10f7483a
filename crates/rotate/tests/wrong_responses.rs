//! Responses that are out of date or wrong: a rotation deletes no key that it did not create or replace, and reports no
//! deletion that did not happen.

use std::time::Duration;

use codat_keys::{KeyName, Timestamp};
use codat_keys_rotate::machine::{Action, Config, Event, Generators, Goal, ListedKey, Machine, Outcome};
use codat_keys_rotate::{Record, RotationErrorKind, SinkContent, SinkProgress, State, Verification};
use serde_json::json;

use crate::support::{Setup, bounded};

/// Makes the emulator omit the newest change from this number of lists.
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

/// A server that reports a deletion and does nothing.
#[tokio::test]
async fn a_deletion_that_has_no_effect_is_repeated_four_times() {
    let setup = Setup::new();
    bounded(setup.rotation().start()).await.unwrap();
    let ignored = json!([{"method": "DELETE", "fault": "status", "status": 204, "effect": "none", "count": 100}]);
    setup.emulator.set_faults(&ignored.to_string()).unwrap();
    let error = bounded(setup.rotation().finish()).await.unwrap_err();
    assert_eq!(error.kind(), RotationErrorKind::Unfinished);
    assert!(error.to_string().contains("still lists the key old"), "{error}");
    assert!((2..=5).contains(&count(&setup, "DELETE")), "{}", count(&setup, "DELETE"));
}

#[tokio::test]
async fn a_rollback_leaves_what_another_program_wrote_and_sends_it_to_no_server() {
    let setup = Setup::new();
    bounded(setup.rotation().start()).await.unwrap();
    let other = codat_keys::ApiKey::parse("PasswordOfAnotherProgram").unwrap();
    setup.sink.set(Some(other.clone()));
    setup.emulator.clear_journal();
    let report = bounded(setup.rotation().abort()).await.unwrap();
    assert_eq!((report.state, report.sinks[0].progress), (State::Aborted, SinkProgress::LeftAlone));
    assert!(setup.sink.key().is_some_and(|key| key == other));
    assert!(setup.emulator.journal().iter().all(|request| request["authorization"] == "valid"));
}

#[tokio::test]
async fn a_rollback_restores_the_old_key_in_a_sink_that_was_emptied() {
    let setup = Setup::new();
    bounded(setup.rotation().start()).await.unwrap();
    setup.sink.set(None);
    bounded(setup.rotation().abort()).await.unwrap();
    setup.assert_rolled_back(1).await;
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

fn config() -> Config {
    Config {
        verifications: vec![Verification::ReadBack],
        key: None,
        base: None,
        delete_first: Vec::new(),
        grace: None,
        probe_timeout: Duration::from_secs(1),
        generators: Generators {
            name: |base, _| KeyName::parse(&format!("{base}~20261128-x7q2")),
            idempotency_key: |_| "a".into(),
        },
    }
}

fn record(state: State) -> Record {
    let record = json!({
        "state": state,
        "base_url": "",
        "started": "2026-11-28T12:00:00Z",
        "old_key": "old",
        "new_key": "new",
        "name": "billing~20261128-x7q2",
        "sinks": [{"sink": "memory:billing", "progress": "pending"}],
    });
    serde_json::from_value(record).unwrap()
}

fn listed(id: &str, name: &str) -> ListedKey {
    ListedKey { id: id.into(), name: Some(name.into()), created: None, is_caller: id == "old" }
}

/// Runs the state machine. Two keys exist, and each creation returns the id of the second one. Panics at a deletion.
fn run_with_wrong_id(goal: Goal, record: Record) -> Outcome {
    let mut machine = Machine::new(config(), goal, record);
    loop {
        let event = match machine.next(Timestamp::now()) {
            Action::Complete(outcome) => return outcome,
            Action::Save(_) => Event::Saved,
            Action::List(_) => Event::Listed(vec![listed("old", "old"), listed("of another program", "other")]),
            Action::Read(_) => Event::Content(SinkContent::Key("old".into())),
            Action::Create { .. } => Event::Created("of another program".into()),
            Action::Wait(_) => Event::Waited,
            action => panic!("{action:?}"),
        };
        machine.on_event(event);
    }
}

#[test]
fn an_id_that_existed_before_is_not_taken_for_the_new_key() {
    let mut first = record(State::Preflight);
    (first.old_key, first.new_key, first.name) = (None, None, None);
    let started = run_with_wrong_id(Goal::Continue, first);
    assert_eq!(started.stop.unwrap().kind, RotationErrorKind::Unfinished);
    assert_eq!((started.record.state, &started.record.new_key), (State::Create, &None));
    let aborted = run_with_wrong_id(Goal::Abort, started.record);
    assert!(aborted.stop.is_none() && aborted.record.may_appear_later);
    assert_eq!((aborted.record.state, aborted.record.new_key), (State::Aborted, None));
}

/// A gateway that shows a key under another id in each list, and reports every deletion.
#[test]
fn keys_that_appear_under_changing_ids_end_the_deletions() {
    let mut machine = Machine::new(config(), Goal::Abort, record(State::Rollback));
    let (mut lists, mut deletions) = (0, 0);
    let outcome = loop {
        let event = match machine.next(Timestamp::now()) {
            Action::Complete(outcome) => break outcome,
            Action::List(_) => {
                lists += 1;
                let shown = format!("new-{lists}");
                Event::Listed(vec![listed("old", "billing"), listed(&shown, "billing~20261128-x7q2")])
            }
            Action::Delete { .. } => {
                deletions += 1;
                Event::Deleted
            }
            Action::Save(_) => Event::Saved,
            Action::Wait(_) => Event::Waited,
            action => panic!("{action:?}"),
        };
        assert!(deletions < 20, "the deletions do not end");
        machine.on_event(event);
    };
    assert_eq!(outcome.stop.unwrap().kind, RotationErrorKind::Unfinished);
}

#[test]
fn a_list_of_1_000_keys_with_one_base_has_no_single_pair() {
    let tags = (0..1_000_u32).map(|number| {
        let digit = |place: u32| char::from(b"23456789ab"[(number / 10_u32.pow(place) % 10) as usize]);
        format!("key~20261128-2{}{}{}", digit(2), digit(1), digit(0))
    });
    let keys: Vec<ListedKey> = tags.enumerate().map(|(number, name)| listed(&number.to_string(), &name)).collect();
    let mut first = record(State::Recover);
    (first.old_key, first.new_key, first.name) = (None, None, None);
    let mut machine = Machine::new(config(), Goal::Continue, first);
    let outcome = loop {
        let event = match machine.next(Timestamp::now()) {
            Action::Complete(outcome) => break outcome,
            Action::List(_) => Event::Listed(keys.clone()),
            Action::Save(_) => Event::Saved,
            Action::Wait(_) => Event::Waited,
            action => panic!("{action:?}"),
        };
        machine.on_event(event);
    };
    let stop = outcome.stop.unwrap();
    assert_eq!(stop.kind, RotationErrorKind::NothingToResume);
    assert!(stop.message.contains("more than one pair"), "{}", stop.message);
}
