//! The blocking client: threads, asynchronous contexts, connections that are used again.

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
fn sixteen_threads_call_at_once_on_one_client() {
    let emulator = Emulator::start().unwrap();
    emulator.set_faults(r#"{"faults":[{"fault":"delay-before","milliseconds":600000,"count":16}]}"#).unwrap();
    let client = emulated(&emulator);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    thread::scope(|scope| {
        let call = || {
            let mut stopped = stopped.clone();
            let (client, stop) = (&client, async move { drop(stopped.wait_for(|stop| *stop).await) });
            scope.spawn(move || client.request(Method::GET, "/companies").until(stop).send().map(drop))
        };
        let calls: Vec<_> = (0..16).map(|_| call()).collect();
        // All are there, and none has been answered: nobody waits for another.
        wait_until("sixteen calls have arrived", || journal(&client).len() >= 16);
        stop.send(true).unwrap();
        for call in calls {
            assert_eq!(call.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        }
    });
    assert!(journal(&client).iter().all(|request| request["ended"].is_null() || request["ended"] == "client-closed"));
}

#[test]
fn a_client_that_is_shared_gives_each_thread_its_own_answers() {
    let emulator = Emulator::start().unwrap();
    let client = emulated(&emulator);
    let start = Barrier::new(16);
    thread::scope(|scope| {
        for number in 0..16 {
            let (client, start) = (client.clone(), &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..20 {
                    let page = client.pages("/companies").page_size(number % 3 + 1).next().unwrap().unwrap();
                    assert_eq!(page.results.len() as u32, number % 3 + 1);
                }
            });
        }
    });
}

#[test]
fn an_asynchronous_context_is_refused_with_nothing_sent_and_a_blocking_place_is_not() {
    let server = RawServer::with_replies(vec![json(200, ONE_KEY)]);
    let client = client(&server.url, "MadeUpKey");
    let refused = |client: &Client| {
        let error = client.keys().list().unwrap_err();
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
            // The last owner of a pool may be a task, too.
            tokio::spawn(async move { refused(&spawned) }).await.unwrap();
            let requests = server.requests().len();
            tokio::task::spawn_blocking(move || assert_eq!(blocking.keys().list().unwrap().len(), 1)).await.unwrap();
            assert_eq!(server.requests().len(), requests + 1);
        });
        // Where a budget does not tell, a thread of its own makes the call: tokio would panic.
        runtime.block_on(tokio::task::unconstrained(async { assert_eq!(client.keys().list().unwrap().len(), 1) }));
        let entered = runtime.enter();
        assert_eq!(client.keys().list().unwrap().len(), 1);
        drop(entered);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async move { drop(client) });
}

/// Calls when it is dropped.
struct Last(Client, std::sync::mpsc::Sender<usize>);

impl Drop for Last {
    fn drop(&mut self) {
        self.1.send(self.0.keys().list().unwrap().len()).unwrap();
    }
}

#[test]
fn a_destructor_may_call_as_a_runtime_or_a_thread_ends() {
    let server = RawServer::with_replies(vec![json(200, ONE_KEY)]);
    let client = client(&server.url, "MadeUpKey");
    let (told, heard) = channel();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let last = Last(client.clone(), told.clone());
    runtime.spawn(async move {
        let _last = last;
        std::future::pending::<()>().await;
    });
    drop(runtime);
    assert_eq!(heard.recv_timeout(LIMIT), Ok(1));

    thread_local!(static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) });
    thread::spawn(move || LAST.with(|place| *place.borrow_mut() = Some(Last(client, told)))).join().unwrap();
    assert_eq!(heard.recv_timeout(LIMIT), Ok(1));
}

#[test]
fn pages_end_with_an_error() {
    let server = RawServer::with_replies(vec![json(401, "")]);
    let client = client(&server.url, "MadeUpKey");
    assert_eq!(client.pages("/companies").take(9).count(), 1);
    assert_eq!(client.pages("/companies").page_size(0).take(9).count(), 1);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn one_thread_keeps_to_one_connection() {
    let (url, connections, _) = keep_alive_server(usize::MAX);
    let client = client(&url, "MadeUpKey");
    (0..20).for_each(|_| assert_eq!(client.keys().list().unwrap().len(), 1));
    assert_eq!(*connections.lock().unwrap(), 1);
}

/// Nobody drives a connection between calls, so that its end is noticed only by the next one: which must not take the
/// request for lost.
#[test]
fn a_connection_that_the_server_closed_meanwhile_is_no_doubt() {
    let (url, connections, ending) = keep_alive_server(1);
    let client = client(&url, "MadeUpKey");
    for _ in 0..20 {
        // A method that is not repeated by itself shows every loss.
        client.request("REPORT".parse().unwrap(), "/x").send().unwrap();
        // The call is over, and nobody drives the connection any more: it is closed from here on.
        ending.close.send(()).unwrap();
        ending.closed.recv_timeout(LIMIT).expect("the server closes the connection");
        // The kernel delivers the end at once, but nothing here can wait for it: the next call must notice it.
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(*connections.lock().unwrap(), 20);
}

#[test]
fn a_client_that_was_closed_gives_nothing_away() {
    let emulator = Emulator::start().unwrap();
    let client = emulated(&emulator);
    client.close();
    assert_eq!(client.keys().list().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(client.authorization_for(client.base_url()).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn the_quota_of_the_latest_answer_is_that_of_every_thread() {
    let emulator = Emulator::start().unwrap();
    let client = emulated(&emulator);
    assert_eq!(client.rate_limit(), None);
    thread::scope(|scope| drop(scope.spawn(|| client.keys().list().unwrap()).join()));
    let first = client.rate_limit().unwrap().remaining.unwrap();
    client.keys().list().unwrap();
    assert_eq!(client.rate_limit().unwrap().remaining, Some(first - 1));
}

#[test]
fn a_lost_answer_is_asked_for_again_as_by_the_other_client() {
    let emulator = Emulator::start().unwrap();
    emulator.set_faults(r#"{"faults":[{"method":"POST","fault":"drop-after"}]}"#).unwrap();
    let made = emulated(&emulator).keys().create(&KeyName::parse("ci").unwrap()).send().unwrap();
    assert_eq!(made.how, How::Replayed);
}

#[test]
fn a_call_that_is_stopped_says_whether_it_may_have_taken_effect() {
    for (method, kind) in [(Method::GET, ErrorKind::Cancelled), (Method::POST, ErrorKind::OutcomeUnknown)] {
        let server = RawServer::with_replies(vec![Reply::Hang]);
        let client = client(&server.url, "MadeUpKey");
        let arrived = async {
            while server.requests().is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let stopped = client.request(method, "/companies").until(arrived).send().unwrap_err();
        assert_eq!(stopped.kind(), kind);
        let before = client.request(Method::POST, "/companies").until(std::future::ready(())).send();
        assert_eq!(before.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(server.requests().len(), 1, "what is stopped before it begins sends nothing");
    }
}

/// Channels: the test asks the server to close a connection, and the server reports that it has.
struct Ending {
    close: Sender<()>,
    closed: Receiver<()>,
}

/// Answers each request with a list of one key. After this many answers, waits for [`Ending::close`] and closes the
/// connection without having announced it.
fn keep_alive_server(answers: usize) -> (String, Arc<Mutex<usize>>, Ending) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(Mutex::new(0));
    let ((close, is_told), (tells, closed)) = (channel(), channel());
    let (count, is_told) = (Arc::clone(&connections), Arc::new(Mutex::new(is_told)));
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            *count.lock().unwrap() += 1;
            let (is_told, tells) = (Arc::clone(&is_told), tells.clone());
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
                let Ok(()) = is_told.lock().unwrap().recv() else { return };
                drop((lines, connection));
                let _ = tells.send(());
            });
        }
    });
    (url, connections, Ending { close, closed })
}
