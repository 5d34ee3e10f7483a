//! The blocking client: threads, async contexts and the reuse of connections.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use codat_keys::blocking::Client;
use codat_keys::{ApiKey, ErrorKind, How, KeyName, Method};
use codat_keys_emulator::Emulator;
use serde_json::Value;

use crate::bounded::{LIMIT, wait_until};
use crate::raw_server::{RawServer, Reply, json};

const ONE_KEY: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKey"}]}"#;

fn client(url: &str, key: &str) -> Client {
    codat_keys::Client::builder().base_url(url).api_key(ApiKey::parse(key).unwrap()).build_blocking().unwrap()
}

fn emulated(emulator: &Emulator) -> Client {
    client(emulator.base_url(), emulator.api_key())
}

fn journal(client: &Client) -> Vec<Value> {
    let mut journal: Value = client.request(Method::GET, "/_emulator/journal").send().unwrap().json().unwrap();
    std::mem::take(journal["requests"].as_array_mut().unwrap())
}

#[test]
fn sixteen_threads_call_concurrently_with_one_client() {
    let emulator = Emulator::start().unwrap();
    emulator.set_faults(r#"{"faults":[{"fault":"delay-before","milliseconds":600000,"count":16}]}"#).unwrap();
    let client = emulated(&emulator);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    thread::scope(|scope| {
        let call = || {
            let mut stopped = stopped.clone();
            let (client, stop) = (&client, async move { drop(stopped.wait_for(|stop| *stop).await) });
            scope.spawn(move || client.request(Method::GET, "/companies").cancel_on(stop).send().map(drop))
        };
        let calls: Vec<_> = (0..16).map(|_| call()).collect();
        // All requests arrive before the first response is sent, so no request waits for another.
        wait_until("sixteen calls have arrived", || journal(&client).len() >= 16);
        stop.send(true).unwrap();
        for call in calls {
            assert_eq!(call.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        }
    });
    assert!(journal(&client).iter().all(|request| request["ended"].is_null() || request["ended"] == "client-closed"));
}

#[test]
fn threads_that_share_a_client_get_their_own_responses() {
    let emulator = Emulator::start().unwrap();
    let client = emulated(&emulator);
    let start = Barrier::new(16);
    thread::scope(|scope| {
        for number in 0..16 {
            let (client, start) = (client.clone(), &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..20 {
                    let page = client.pages::<Value>("/companies").page_size(number % 3 + 1).next().unwrap().unwrap();
                    assert_eq!(page.results.len() as u32, number % 3 + 1);
                }
            });
        }
    });
}

#[test]
fn a_call_in_an_async_context_is_rejected_before_sending() {
    let server = RawServer::with_replies(vec![json(200, ONE_KEY)]);
    let client = client(&server.url, "MadeUpKey");
    let refused = |client: &Client| {
        let error = client.keys().list().send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.hint().contains("spawn_blocking"), "{error:?}");
    };
    for runtime in [
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ] {
        runtime.block_on(async {
            refused(&client);
            let (spawned, blocking) = (client.clone(), client.clone());
            // The task drops its clone of the client in a future.
            tokio::spawn(async move { refused(&spawned) }).await.unwrap();
            let requests = server.requests().len();
            tokio::task::spawn_blocking(move || assert_eq!(blocking.keys().list().send().unwrap().len(), 1))
                .await
                .unwrap();
            assert_eq!(server.requests().len(), requests + 1);
        });
        // The client cannot detect a future in an unconstrained task. It sends the request on another thread, because
        // blocking on this thread would panic.
        runtime
            .block_on(tokio::task::unconstrained(async { assert_eq!(client.keys().list().send().unwrap().len(), 1) }));
        let entered = runtime.enter();
        assert_eq!(client.keys().list().send().unwrap().len(), 1);
        drop(entered);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async move { drop(client) });
}

/// A value whose destructor sends a request.
struct Last(Client, std::sync::mpsc::Sender<usize>);

impl Drop for Last {
    fn drop(&mut self) {
        self.1.send(self.0.keys().list().send().unwrap().len()).unwrap();
    }
}

#[test]
fn a_destructor_can_call_while_a_runtime_or_a_thread_ends() {
    let server = RawServer::with_replies(vec![json(200, ONE_KEY)]);
    let client = client(&server.url, "MadeUpKey");
    let (sender, receiver) = channel();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let last = Last(client.clone(), sender.clone());
    runtime.spawn(async move {
        let _last = last;
        std::future::pending::<()>().await;
    });
    drop(runtime);
    assert_eq!(receiver.recv_timeout(LIMIT), Ok(1));

    thread_local!(static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) });
    thread::spawn(move || LAST.with(|place| *place.borrow_mut() = Some(Last(client, sender)))).join().unwrap();
    assert_eq!(receiver.recv_timeout(LIMIT), Ok(1));
}

#[test]
fn iteration_ends_after_an_error_and_then_requests_the_same_page() {
    let server = RawServer::with_replies(vec![
        json(200, r#"{"results":[1],"totalResults":2}"#),
        json(401, ""),
        json(401, ""),
        json(200, r#"{"results":[2],"totalResults":2}"#),
    ]);
    let client = client(&server.url, "MadeUpKey");
    let mut pages = client.pages::<u64>("/companies");
    assert_eq!(pages.by_ref().take(9).map(|page| page.is_ok()).collect::<Vec<_>>(), [true, false]);
    assert_eq!(pages.by_ref().take(9).filter_map(Result::ok).count(), 0);
    let mut items = pages.items();
    assert_eq!(items.by_ref().map(Result::unwrap).collect::<Vec<_>>(), [2]);
    assert!(items.next().is_none(), "the end stays the end");
    let numbers: Vec<bool> = server.requests().iter().map(|request| request.contains("?page=2&")).collect();
    assert_eq!(numbers, [false, true, true, true]);

    assert_eq!(client.pages::<u64>("/companies").page_size(0).take(9).count(), 1);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn one_thread_uses_one_connection() {
    let (url, connections, _) = keep_alive_server(usize::MAX);
    let client = client(&url, "MadeUpKey");
    (0..20).for_each(|_| assert_eq!(client.keys().list().send().unwrap().len(), 1));
    assert_eq!(*connections.lock().unwrap(), 1);
}

/// The server closes an idle connection. The client must detect this before the next request, or the request is lost.
#[test]
fn a_request_after_the_server_closed_the_connection_is_not_ambiguous() {
    let (url, connections, ending) = keep_alive_server(1);
    let client = client(&url, "MadeUpKey");
    for _ in 0..20 {
        // A request with this method is not retried, so a lost request returns an error.
        client.request("REPORT".parse().unwrap(), "/x").send().unwrap();
        // No task polls the idle connection. The server now closes it.
        ending.close.send(()).unwrap();
        ending.closed.recv_timeout(LIMIT).expect("the server closes the connection");
        // The test cannot wait for the FIN packet of the server. It arrives in less time than this.
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(*connections.lock().unwrap(), 20);
}

#[test]
fn a_closed_client_returns_no_header() {
    let emulator = Emulator::start().unwrap();
    let client = emulated(&emulator);
    client.close();
    assert_eq!(client.keys().list().send().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(client.authorization_for(client.base_url()).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn all_threads_see_the_rate_limit_of_the_newest_response() {
    let emulator = Emulator::start().unwrap();
    let client = emulated(&emulator);
    assert_eq!(client.rate_limit(), None);
    thread::scope(|scope| drop(scope.spawn(|| client.keys().list().send().unwrap()).join()));
    let first = client.rate_limit().unwrap().remaining.unwrap();
    client.keys().list().send().unwrap();
    assert_eq!(client.rate_limit().unwrap().remaining, Some(first - 1));
}

#[test]
fn a_lost_response_is_retried_as_by_the_async_client() {
    let emulator = Emulator::start().unwrap();
    emulator.set_faults(r#"{"faults":[{"method":"POST","fault":"drop-after"}]}"#).unwrap();
    let made = emulated(&emulator).keys().create(KeyName::parse("ci").unwrap()).send().unwrap();
    assert_eq!(made.how, How::Replayed);
}

#[test]
fn a_cancelled_call_reports_whether_its_outcome_is_unknown() {
    for (method, kind) in [(Method::GET, ErrorKind::Cancelled), (Method::POST, ErrorKind::OutcomeUnknown)] {
        let server = RawServer::with_replies(vec![Reply::Hang]);
        let client = client(&server.url, "MadeUpKey");
        let receiver = server.clone();
        let arrived = async move {
            while receiver.requests().is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let stopped = client.request(method, "/companies").cancel_on(arrived).send().unwrap_err();
        assert_eq!(stopped.kind(), kind);
        let before = client.request(Method::POST, "/companies").cancel_on(std::future::ready(())).send();
        assert_eq!(before.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(server.requests().len(), 1, "what is stopped before it begins sends nothing");
    }
}

/// Controls the server: a message to `close` closes a connection, and `closed` then receives a message.
struct Ending {
    close: Sender<()>,
    closed: Receiver<()>,
}

/// Starts a server that responds to each request with a list of one key. Each connection sends `answers` responses,
/// then waits for [`Ending::close`] and closes.
fn keep_alive_server(answers: usize) -> (String, Arc<Mutex<usize>>, Ending) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(Mutex::new(0));
    let ((close, close_requested), (report_closed, closed)) = (channel(), channel());
    let (count, close_requested) = (Arc::clone(&connections), Arc::new(Mutex::new(close_requested)));
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            *count.lock().unwrap() += 1;
            let (close_requested, report_closed) = (Arc::clone(&close_requested), report_closed.clone());
            thread::spawn(move || {
                let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
                for _ in 0..answers {
                    while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
                    let length = ONE_KEY.len();
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{ONE_KEY}");
                    if connection.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
                let Ok(()) = close_requested.lock().unwrap().recv() else { return };
                drop((lines, connection));
                let _ = report_closed.send(());
            });
        }
    });
    (url, connections, Ending { close, closed })
}
