//! Concurrent requests and dropped requests, checked in the emulator's journal.

use std::time::Duration;

use codat_keys::{ApiKey, Client, ErrorKind, KeyName, Method};
use codat_keys_emulator::Emulator;
use serde_json::Value;

use crate::bounded::within;

fn client(emulator: &Emulator) -> Client {
    let key = ApiKey::parse(emulator.api_key()).unwrap();
    Client::builder().base_url(emulator.base_url()).api_key(key).build().unwrap()
}

async fn journal(client: &Client) -> Vec<Value> {
    let answer = client.request(Method::GET, "/_emulator/journal").await.unwrap();
    let mut journal: Value = serde_json::from_slice(answer.bytes()).unwrap();
    std::mem::take(journal["requests"].as_array_mut().unwrap())
}

/// A fault of the emulator: the response is delayed for longer than the tests run.
const FOREVER: &str = r#"{"faults":[{"fault":"delay-before","milliseconds":600000,"count":64}]}"#;

async fn until_seen(client: &Client, seen: impl Fn(&[Value]) -> bool) {
    let polling = async {
        while !seen(&journal(client).await) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("the journal shows it", polling).await;
}

#[tokio::test]
async fn sixty_four_calls_run_concurrently() {
    let emulator = Emulator::start().unwrap();
    emulator.set_faults(FOREVER).unwrap();
    let client = client(&emulator);
    let call = || {
        let client = client.clone();
        tokio::spawn(async move { client.keys().list().await.map(drop) })
    };
    let calls: Vec<_> = (0..64).map(|_| call()).collect();
    // All requests arrive before the first response is sent, so no request waits for another.
    until_seen(&client, |journal| journal.len() == 64 && journal.iter().all(|request| request["ended"].is_null()))
        .await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    until_seen(&client, |journal| journal.iter().all(|request| request["ended"] == "client-closed")).await;
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection_and_stops_retrying() {
    let emulator = Emulator::start().unwrap();
    emulator.set_faults(FOREVER).unwrap();
    let client = client(&emulator);
    let create = tokio::spawn({
        let client = client.clone();
        async move { client.keys().create(KeyName::parse("ci").unwrap()).await.map(drop) }
    });
    until_seen(&client, |journal| journal.len() == 1).await;
    create.abort();
    until_seen(&client, |journal| journal[0]["ended"] == "client-closed").await;
    // Longer than the wait before a second attempt. On a slow machine, the test can miss an unwanted attempt, but does
    // not fail.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(journal(&client).await.len(), 1);
}

/// The default connect timeout is 5 s.
#[tokio::test]
async fn a_call_with_a_timeout_below_the_connect_timeout_is_sent() {
    let emulator = Emulator::start().unwrap();
    let client = client(&emulator).with_timeout(Duration::from_secs(5)).unwrap();
    let made = client.keys().create("invoice-processor").await.unwrap();
    client.keys().delete(&made.key.id).await.unwrap();
    assert_eq!(client.keys().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn with_timeout_changes_only_the_timeout() {
    let emulator = Emulator::start().unwrap();
    let client = client(&emulator);
    emulator.set_faults(FOREVER).unwrap();
    let hurried = client.with_timeout(Duration::from_millis(200)).unwrap();
    assert_eq!(hurried.keys().list().await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(client.with_timeout(Duration::ZERO).unwrap_err().kind(), ErrorKind::InvalidInput);
    client.close();
    assert_eq!(hurried.keys().list().await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(hurried.authorization_for(client.base_url()).unwrap_err().kind(), ErrorKind::Closed);
}
