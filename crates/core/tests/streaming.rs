//! Bodies that the caller reads in chunks: their ends, timeouts and limits.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use codat_keys::{
    ApiKey, AuthorizationHeader, Client, ClientBuilder, Credential, CredentialFuture, Error, ErrorKind, KeyProvider,
    Method, Request, ResponseStream, StatusCode,
};
use codat_keys_emulator::Emulator;
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::bounded::{wait_until, within};
use crate::raw_server::{RawServer, Reply, json};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";
/// A part of a body. The rest never arrives.
const CUT: [&str; 2] = [
    "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"results\":[",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nc\r\n{\"results\":[\r\n1f4\r\n1,2",
];
const ENDLESS: &str = "HTTP/1.1 200 OK\r\n\r\n";
const FOREVER: Duration = Duration::from_secs(3600);

fn builder(url: &str) -> ClientBuilder {
    Client::builder().base_url(url).api_key(ApiKey::parse(KEY).unwrap())
}

fn emulated(emulator: &Emulator) -> ClientBuilder {
    Client::builder().base_url(emulator.base_url()).api_key(ApiKey::parse(emulator.api_key()).unwrap())
}

fn get(server: &RawServer) -> Request {
    builder(&server.url).build().unwrap().request(Method::GET, "/x")
}

fn stalling(start: &str) -> Reply {
    Reply::Slow(vec![start.into()], FOREVER)
}

/// Reads the body to its end. Returns the number of bytes and the error.
async fn read(mut response: ResponseStream) -> (usize, Option<Error>) {
    let mut bytes = 0;
    loop {
        match within("a chunk", response.chunk()).await {
            Ok(Some(chunk)) => bytes += chunk.len(),
            Ok(None) => return (bytes, None),
            Err(error) => {
                let again = response.chunk().await.unwrap_err();
                assert_eq!((again.kind(), again.to_string()), (error.kind(), error.to_string()), "never a silent end");
                assert!(response.next().await.is_none(), "a stream ends after an error");
                return (bytes, Some(error));
            }
        }
    }
}

#[tokio::test]
async fn a_streamed_body_is_that_of_a_whole_response() {
    let emulator = Emulator::start().unwrap();
    let client = emulated(&emulator).build().unwrap();
    let whole = client.request(Method::GET, "/companies").await.unwrap();
    let streamed = client.request(Method::GET, "/companies").send_streaming().await.unwrap();
    assert_eq!((streamed.status(), streamed.content_length()), (StatusCode::OK, Some(whole.bytes().len() as u64)));
    assert_eq!(streamed.headers()["content-type"], "application/json");
    assert_eq!(streamed.rate_limit().map(|quota| quota.limit), whole.rate_limit().map(|quota| quota.limit));
    let chunks: Vec<_> = streamed.try_collect().await.unwrap();
    assert_eq!(chunks.concat(), whole.bytes().as_ref());

    for (method, head) in [
        (Method::HEAD, "HTTP/1.1 200 OK\r\ncontent-length: 50\r\nconnection: close\r\n\r\n"),
        (Method::GET, "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"),
    ] {
        let server = RawServer::with_replies(vec![Reply::Bytes(head.into())]);
        let client = builder(&server.url).build().unwrap();
        assert!(matches!(read(client.request(method, "/x").send_streaming().await.unwrap()).await, (0, None)));
    }
}

#[tokio::test]
async fn a_streamed_body_has_no_limit_unless_the_request_sets_one() {
    let emulator = Emulator::start().unwrap();
    emulator.set_faults(r#"{"faults":[{"fault":"huge","count":3}]}"#).unwrap();
    let client = emulated(&emulator).max_response_bytes(1000).build().unwrap();
    let huge = client.request(Method::GET, "/companies").send_streaming().await.unwrap();
    assert_eq!(huge.content_length(), Some(100_000_000));
    assert!(matches!(read(huge).await, (100_000_000, None)));

    let limited = |bytes| client.request(Method::GET, "/companies").max_response_bytes(bytes).send_streaming();
    let error = limited(99_999_999).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::TooLarge, Some(StatusCode::OK)));
    assert!(limited(100_000_000).await.is_ok());
    assert_eq!(limited(0).await.unwrap_err().kind(), ErrorKind::InvalidInput);

    let server = RawServer::with_replies(vec![Reply::Endless(ENDLESS)]);
    let endless = get(&server).max_response_bytes(1_000_000).send_streaming().await.unwrap();
    let (bytes, error) = read(endless).await;
    assert_eq!(error.unwrap().kind(), ErrorKind::TooLarge);
    assert!((1..=1_000_000).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn a_cut_body_is_an_error_and_the_request_is_not_repeated() {
    for cut in CUT {
        for method in [Method::GET, Method::POST] {
            let server = RawServer::with_replies(vec![Reply::Bytes(cut.into()), json(200, "[]")]);
            let request = builder(&server.url).build().unwrap().request(method.clone(), "/x");
            let (bytes, error) = read(request.send_streaming().await.unwrap()).await;
            let error = error.unwrap();
            assert!(bytes >= 12, "{bytes}");
            let what = "was lost before the response ended";
            assert!(error.to_string().contains(what), "{error}");
            assert_eq!((error.status(), error.attempts()), (Some(StatusCode::OK), 1));
            assert_eq!(server.requests().len(), 1);
            let is_post = method == Method::POST;
            assert_eq!(error.kind(), if is_post { ErrorKind::OutcomeUnknown } else { ErrorKind::Connect });
            assert_eq!(error.outcome().is_some_and(|outcome| outcome.idempotency_key.is_some()), is_post);
        }
    }
    let emulator = Emulator::start().unwrap();
    emulator.set_faults(r#"{"faults":[{"fault":"truncated"}]}"#).unwrap();
    let request = emulated(&emulator).build().unwrap().request(Method::GET, "/companies");
    let (_, error) = read(request.send_streaming().await.unwrap()).await;
    assert_eq!(error.unwrap().kind(), ErrorKind::Connect);
}

#[tokio::test]
async fn a_stalled_body_times_out_after_the_timeout_of_an_attempt() {
    for start in CUT {
        let server = RawServer::with_replies(vec![stalling(start)]);
        let response = get(&server).timeout(Duration::from_secs(2)).send_streaming().await.unwrap();
        let (bytes, error) = read(response).await;
        let error = error.unwrap();
        assert_eq!((bytes >= 12, error.kind(), server.requests().len()), (true, ErrorKind::Timeout, 1));
        assert!(error.to_string().contains("no further byte of the response arrived for 2 s"), "{error}");
    }
}

/// The body takes longer than the timeout, and so does the caller.
#[tokio::test]
async fn a_slow_body_and_a_slow_caller_do_not_time_out() {
    let timeout = Duration::from_millis(1500);
    let mut parts = vec![b"HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n".to_vec()];
    parts.resize(31, b" ".to_vec());
    let server = RawServer::with_replies(vec![Reply::Slow(parts, Duration::from_millis(100))]);
    let mut response = get(&server).timeout(timeout).send_streaming().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    sleep(timeout + Duration::from_millis(100)).await;
    let (rest, error) = read(response).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(first.len() + rest, 30);
}

#[tokio::test]
async fn a_dropped_wait_for_a_chunk_loses_no_bytes() {
    let parts = ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", "a", "b"].map(Vec::from).to_vec();
    let server = RawServer::with_replies(vec![Reply::Slow(parts, Duration::from_millis(50))]);
    let mut response = get(&server).send_streaming().await.unwrap();
    let mut read = Vec::new();
    while read.len() < 2 {
        tokio::select! {
            biased;
            chunk = response.chunk() => read.extend(chunk.unwrap().unwrap()),
            () = sleep(Duration::from_millis(1)) => {}
        }
    }
    assert_eq!((read, response.chunk().await.unwrap()), (b"ab".to_vec(), None));
}

/// Returns a wrong key first.
struct Vault(AtomicUsize);

impl KeyProvider for Vault {
    fn source(&self) -> &str {
        "the vault"
    }

    fn read(&self) -> CredentialFuture<'_> {
        let key = format!("MadeUpKey{}", self.0.fetch_add(1, Ordering::SeqCst));
        Box::pin(async move { Ok(Credential::ApiKey(ApiKey::parse(&key)?)) })
    }
}

#[tokio::test]
async fn retries_and_a_credential_refresh_precede_the_body() {
    let server = RawServer::with_replies(vec![json(401, "{}"), json(503, ""), Reply::Disconnect, json(200, "[1]")]);
    let client = Client::builder().base_url(&server.url).api_key_from(Vault(AtomicUsize::new(0))).build().unwrap();
    let response = client.request(Method::GET, "/x").send_streaming().await.unwrap();
    assert_eq!(response.try_collect::<Vec<_>>().await.unwrap().concat(), b"[1]");
    let requests = server.requests();
    let header = |key: &str| {
        let header = AuthorizationHeader::from(&ApiKey::parse(key).unwrap());
        format!("authorization: {}\r\n", header.expose_secret())
    };
    assert!(requests[0].contains(&header("MadeUpKey0")) && requests[3].contains(&header("MadeUpKey1")));
    assert_eq!(requests.len(), 4);
}

#[tokio::test]
async fn an_error_response_is_the_error_of_send() {
    let gone = json(404, r#"{"statusCode":404,"error":"Gone","correlationId":"c1"}"#);
    let gzip = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\nconnection: close\r\n\r\n\x1f\x2b";
    for reply in [gone, json(302, ""), Reply::Bytes(gzip.into())] {
        let server = RawServer::with_replies(vec![reply]);
        let (whole, streamed) = (get(&server).await.unwrap_err(), get(&server).send_streaming().await.unwrap_err());
        assert_eq!(
            (whole.kind(), whole.to_string(), whole.hint()),
            (streamed.kind(), streamed.to_string(), streamed.hint())
        );
    }
    let server = RawServer::with_replies(vec![Reply::Hang]);
    let error = get(&server).timeout(Duration::from_millis(300)).send_streaming().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_cancellation_ends_the_body() {
    for (method, reply, kind) in [
        (Method::GET, stalling(CUT[0]), ErrorKind::Cancelled),
        (Method::GET, Reply::Endless(ENDLESS), ErrorKind::Cancelled),
        (Method::POST, stalling(CUT[0]), ErrorKind::OutcomeUnknown),
    ] {
        let server = RawServer::with_replies(vec![reply]);
        let (cancel, cancelled) = oneshot::channel::<()>();
        let request = builder(&server.url).timeout(FOREVER).build().unwrap().request(method, "/x");
        let request = request.cancel_on(async { drop(cancelled.await) });
        let mut response = request.send_streaming().await.unwrap();
        response.chunk().await.unwrap().unwrap();
        let reading = tokio::spawn(read(response));
        cancel.send(()).unwrap();
        let (_, error) = within("the end of the body", reading).await.unwrap();
        assert_eq!((error.unwrap().kind(), server.requests().len()), (kind, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_response_closes_its_connection() {
    let server = RawServer::with_replies(vec![Reply::Endless(ENDLESS)]);
    let mut response = get(&server).send_streaming().await.unwrap();
    response.chunk().await.unwrap().unwrap();
    assert_eq!(server.open_connections(), 1);
    drop(response);
    wait_until("the connection is closed", || server.open_connections() == 0);

    let client = builder(&server.url).build_blocking().unwrap();
    let (open, server) = (server.clone(), Arc::new(server));
    tokio::task::spawn_blocking(move || {
        let mut response = client.request(Method::GET, "/x").send_streaming().unwrap();
        response.chunk().unwrap().unwrap();
        assert_eq!(open.open_connections(), 1);
        drop(response);
        wait_until("the connection is closed", || open.open_connections() == 0);
    })
    .await
    .unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn the_blocking_response_is_a_reader() {
    let emulator = Emulator::start().unwrap();
    let client = emulated(&emulator).build_blocking().unwrap();
    let whole = client.request(Method::GET, "/companies").send().unwrap();
    let mut response = client.request(Method::GET, "/companies").send_streaming().unwrap();
    assert_eq!((response.status(), response.content_length()), (whole.status(), Some(whole.bytes().len() as u64)));
    let mut start = [0; 10];
    response.read_exact(&mut start).unwrap();
    let rest = response.chunk().unwrap().unwrap();
    let mut end = Vec::new();
    response.read_to_end(&mut end).unwrap();
    assert_eq!([&start, rest.as_ref(), &end].concat(), whole.bytes().as_ref());
    assert_eq!((response.read(&mut start).unwrap(), response.chunk().unwrap()), (0, None));

    for cut in CUT {
        let server = RawServer::with_replies(vec![Reply::Bytes(cut.into()), json(200, "[]")]);
        let client = builder(&server.url).build_blocking().unwrap();
        let mut response = client.request(Method::GET, "/x").send_streaming().unwrap();
        for _ in 0..2 {
            let error = io::copy(&mut response, &mut io::sink()).unwrap_err();
            let error: &Error = error.get_ref().unwrap().downcast_ref().unwrap();
            assert_eq!(error.kind(), ErrorKind::Connect);
        }
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn the_blocking_response_is_rejected_in_a_future_and_works_in_spawn_blocking() {
    let emulator = Emulator::start().unwrap();
    let client = emulated(&emulator).build_blocking().unwrap();
    let error = client.request(Method::GET, "/companies").send_streaming().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let opened = tokio::task::spawn_blocking(move || client.request(Method::GET, "/companies").send_streaming());
    let mut response = opened.await.unwrap().unwrap();
    assert_eq!(response.chunk().unwrap_err().kind(), ErrorKind::InvalidInput);
    let read = tokio::task::spawn_blocking(move || io::read_to_string(response));
    assert!(read.await.unwrap().unwrap().starts_with('{'));
}

#[test]
fn a_complete_blocking_response_returns_its_connection() {
    let emulator = Emulator::start().unwrap();
    let client = emulated(&emulator).build_blocking().unwrap();
    for _ in 0..3 {
        let response = client.request(Method::GET, "/companies").send_streaming().unwrap();
        io::read_to_string(response).unwrap();
    }
    client.close();
    assert_eq!(client.request(Method::GET, "/x").send_streaming().unwrap_err().kind(), ErrorKind::Closed);
}
