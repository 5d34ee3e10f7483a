//! Requests as values: sending them from other tasks, and the end of pages and results.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use codat_keys::{ApiKey, Client, ErrorKind, KeyName, Method, Page};
use codat_keys_emulator::Emulator;
use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;

use crate::raw_server::{RawServer, Reply, json};

/// A test fails after this time instead of waiting forever.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Company {
    name: String,
}

fn client(url: &str, key: &str) -> Client {
    Client::builder().base_url(url).api_key(ApiKey::parse(key).unwrap()).build().unwrap()
}

fn emulated(emulator: &Emulator) -> Client {
    client(emulator.base_url(), emulator.api_key())
}

fn page(result: &str) -> Reply {
    json(200, &format!(r#"{{"results":[{result}],"totalResults":2}}"#))
}

fn page_numbers(server: &RawServer) -> Vec<bool> {
    server.requests().iter().map(|request| request.contains("?page=2&")).collect()
}

#[tokio::test]
async fn another_task_can_send_every_request() {
    let emulator = Emulator::start().unwrap();
    let made = {
        let client = emulated(&emulator);
        tokio::spawn(client.keys().create("ci").cancel_on(std::future::pending()).into_future())
    };
    let made = made.await.unwrap().unwrap().key;
    let (find, get, list, whoami, delete, request, companies) = {
        let client = emulated(&emulator);
        let keys = client.keys();
        let companies = client.pages::<Company>("/companies").page_size(2).items();
        let request = client.request(Method::GET, "/profile");
        (keys.find("ci"), keys.get(&made.id), keys.list(), client.whoami(), keys.delete(&made.id), request, companies)
    };
    assert_eq!(tokio::spawn(find.send()).await.unwrap().unwrap(), std::slice::from_ref(&made));
    assert_eq!(tokio::spawn(get.into_future()).await.unwrap().unwrap(), made);
    assert_eq!(tokio::spawn(list.send()).await.unwrap().unwrap().len(), 2);
    assert_eq!(tokio::spawn(whoami.send()).await.unwrap().unwrap().name, None);
    assert_eq!(tokio::spawn(request.send()).await.unwrap().unwrap().status(), 200);
    tokio::spawn(delete.send()).await.unwrap().unwrap();
    let companies: Vec<Company> = tokio::spawn(companies.try_collect()).await.unwrap().unwrap();
    assert_eq!(companies.len(), 5);
}

#[tokio::test]
async fn find_accepts_a_name_that_create_rejects() {
    let name = "n".repeat(60);
    let listed = format!(r#"{{"results":[{{"id":"a","name":"{name}","apiKey":"MadeUpKeyA"}}]}}"#);
    let server = RawServer::with_replies(vec![json(200, &listed)]);
    let client = client(&server.url, "MadeUpKey");
    let rejected = client.keys().create(&name).adopt(true).idempotency_key("x").await.unwrap_err();
    assert_eq!(rejected.to_string(), KeyName::parse(&name).unwrap_err().to_string());
    assert_eq!(rejected.kind(), ErrorKind::InvalidInput);
    assert!(server.requests().is_empty());
    assert_eq!(client.keys().find(&name).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_stream_ends_after_an_error_and_then_requests_the_same_page() {
    let failed = || json(401, "");
    let server = RawServer::with_replies(vec![page("1"), failed(), failed(), failed(), page("\"two\""), page("2")]);
    let client = client(&server.url, "MadeUpKey");
    let mut pages = client.pages::<u64>("/companies");
    let first: Vec<_> = pages.by_ref().collect().await;
    assert_eq!(first.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
    assert_eq!(pages.by_ref().collect::<Vec<_>>().await.len(), 1);
    assert_eq!(pages.next().await.unwrap_err().kind(), ErrorKind::Unauthorized);

    let mut items = pages.items();
    assert_eq!(items.next().await.unwrap_err().kind(), ErrorKind::BadResponse, "the result is not a number");
    assert_eq!(items.by_ref().try_collect::<Vec<_>>().await.unwrap(), [2]);
    assert_eq!(items.next().await.unwrap(), None, "the end stays the end");
    assert_eq!(page_numbers(&server), [false, true, true, true, true, true]);
}

#[tokio::test]
async fn items_are_the_results_of_all_pages_in_their_order() {
    let emulator = Emulator::start().unwrap();
    let pages = || emulated(&emulator).pages::<Company>("/companies").page_size(2).order_by("name");
    let on_pages: Vec<Page<Company>> = pages().try_collect().await.unwrap();
    let on_pages: Vec<String> = on_pages.into_iter().flat_map(|page| page.results).map(|one| one.name).collect();
    let mut items = pages().items();
    let mut names = Vec::new();
    while let Some(company) = items.next().await.unwrap() {
        names.push(company.name);
    }
    assert!(names.is_sorted() && names.len() == 5);
    assert_eq!(on_pages, names);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_page_continues_after_its_future_is_dropped() {
    let ((arrived, mut arrival), (release, released)) = (tokio::sync::mpsc::channel(9), mpsc::channel());
    let released = Arc::new(Mutex::new(released));
    let server = RawServer::with_handler(move |_| {
        arrived.blocking_send(()).unwrap();
        released.lock().unwrap().recv_timeout(LIMIT).unwrap();
        page("1,2")
    });
    let client = client(&server.url, "MadeUpKey");
    let mut pages = client.pages::<u64>("/companies");
    tokio::select! {
        page = pages.next() => panic!("the response has not been sent: {page:?}"),
        _ = arrival.recv() => {}
    }
    release.send(()).unwrap();
    release.send(()).unwrap();
    assert_eq!(pages.next().await.unwrap().unwrap().results, [1, 2]);
    assert_eq!(server.requests().len(), 1);
}
