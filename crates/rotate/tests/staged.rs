//! The plan of a rotation whose steps another system calls.

use codat_keys::{ApiKey, ApiKeyDetails, ErrorKind, Timestamp};
use codat_keys_rotate::{StagedKeys, StagedPlan, plan_staged};
use serde_json::json;

use crate::support::Setup;

const TOKEN: &str = "51f72378-6a5d-5dc7-8fd8-29e4319f482a";

fn value(id: &str) -> String {
    format!("MadeUpKeyOfStagedRotations00000000000{id}")
}

/// Returns the keys with these ids and names. The client uses the first of them.
async fn listed(keys: &[(&str, &str)]) -> Vec<ApiKeyDetails> {
    let setup = Setup::new();
    let state = keys.iter().map(|(id, name)| json!({"id": id, "name": name, "apiKey": value(id)}));
    setup.emulator.set_state(&json!({ "keys": state.collect::<Vec<_>>() }).to_string()).unwrap();
    setup.client.with_api_key(&ApiKey::parse(&value(keys[0].0)).unwrap()).keys().list().await.unwrap()
}

fn plan(listed: &[ApiKeyDetails], previous: Option<&str>, base: Option<&str>) -> StagedPlan {
    let previous = previous.map(|id| ApiKey::parse(&value(id)).unwrap());
    let keys = StagedKeys { listed, current: &listed[0], previous: previous.as_ref() };
    plan_staged(&keys, base, TOKEN, now()).unwrap()
}

fn now() -> Timestamp {
    "2026-11-28T22:53:25Z".parse().unwrap()
}

fn retired(plan: &StagedPlan) -> Vec<&str> {
    plan.retired.iter().map(|id| id.as_str()).collect()
}

#[tokio::test]
async fn the_name_has_the_base_of_the_current_key_or_the_given_one() {
    let listed = listed(&[("current", "billing~20250101-x7q2")]).await;
    assert_eq!(plan(&listed, None, None).name.as_str(), "billing~20261128-fwbz");
    assert_eq!(plan(&listed, None, Some("payments")).name.as_str(), "payments~20261128-fwbz");
    let keys = StagedKeys { listed: &listed, current: &listed[0], previous: None };
    assert_eq!(plan_staged(&keys, Some(" "), TOKEN, now()).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn the_previous_key_and_its_duplicates_are_retired() {
    let old = "billing~20250101-x7q2";
    let listed = listed(&[("now", "billing"), ("old", old), ("twin", old), ("else", "billing~20250101-x7q3")]).await;
    let plan = plan(&listed, Some("old"), None);
    assert_eq!((retired(&plan), &plan.foreign), (vec!["old", "twin"], &None));
}

#[tokio::test]
async fn a_foreign_key_and_the_current_key_are_not_retired() {
    for name in ["billing", "payments~20250101-x7q2", "billing~2025"] {
        let listed = listed(&[("now", "billing~20250202-x7q2"), ("old", name)]).await;
        let plan = plan(&listed, Some("old"), None);
        assert_eq!((retired(&plan), plan.foreign.as_ref().map(|id| id.as_str())), (vec![], Some("old")), "{name}");
    }
    let listed = listed(&[("now", "billing~20250202-x7q2"), ("twin", "billing~20250202-x7q2")]).await;
    for previous in [None, Some("now"), Some("gone")] {
        let plan = plan(&listed, previous, None);
        assert_eq!((retired(&plan), &plan.foreign), (vec![], &None), "{previous:?}");
    }
}

#[tokio::test]
async fn the_key_of_an_earlier_run_is_found_on_another_day() {
    let listed = listed(&[("now", "billing"), ("other", "bill~20261127-fwbz"), ("new", "billing~20261127-fwbz")]).await;
    let found = |previous| plan(&listed, previous, None).created.map(|key| key.id.to_string());
    assert_eq!(found(None).as_deref(), Some("new"));
    // A key that programs already had is not the new key, even if its tag is the same.
    assert_eq!(found(Some("new")), None);
}
