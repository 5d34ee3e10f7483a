//! The maximum size of a response body, with a raw-socket server.

use codat_keys::{ApiKey, Client, ClientBuilder, Error, ErrorKind, Method};

use crate::raw_server::{RawServer, Reply, json};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";
const ONE_KEY: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"}]}"#;
const UNDECLARED: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
const MIB: usize = 1024 * 1024;

fn builder(server: &RawServer) -> ClientBuilder {
    Client::builder().base_url(&server.url).api_key(ApiKey::parse(KEY).unwrap())
}

/// Returns two replies with `json`, padded to this length: with and without a `Content-Length`.
fn padded(body: &str, bytes: usize) -> [Reply; 2] {
    let body = format!("{body}{}", " ".repeat(bytes - body.len()));
    [json(200, &body), Reply::Bytes(format!("{UNDECLARED}{body}").into_bytes())]
}

/// Sends a request and requests a page. Returns the errors.
async fn errors(client: &Client) -> [Error; 2] {
    let request = client.request(Method::GET, "/companies").await.unwrap_err();
    [request, client.pages::<u64>("/companies").next().await.unwrap_err()]
}

#[tokio::test]
async fn key_operations_read_up_to_8_mib() {
    for head in ["HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n", UNDECLARED] {
        let server = RawServer::with_replies(vec![Reply::Endless(head)]);
        let client = builder(&server).max_response_bytes(u64::MAX).build().unwrap();
        let error = client.keys().list().await.unwrap_err();
        assert_eq!((error.kind(), server.requests().len()), (ErrorKind::TooLarge, 1));
        assert_eq!(error.to_string(), "the response is larger than 8 MiB (HTTP 200)");
        assert!(error.hint().starts_with("check the base URL"), "{error:?}");
    }
    for (bytes, read) in [(8 * MIB, true), (8 * MIB + 1, false)] {
        for answer in padded(ONE_KEY, bytes) {
            let server = RawServer::with_replies(vec![answer]);
            let client = builder(&server).max_response_bytes(1).build().unwrap();
            assert_eq!(client.keys().list().await.is_ok(), read, "{bytes} bytes");
        }
    }
}

#[tokio::test]
async fn requests_and_pages_read_up_to_64_mib() {
    for head in ["HTTP/1.1 200 OK\r\ncontent-length: 67108865\r\n\r\n", UNDECLARED] {
        let server = RawServer::with_replies(vec![Reply::Endless(head)]);
        for error in errors(&builder(&server).build().unwrap()).await {
            assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
            assert_eq!(
                error.to_string(),
                "the response is larger than 64 MiB, the limit `max_response_bytes` (HTTP 200)"
            );
            assert_eq!(error.hint(), ErrorKind::TooLarge.hint());
        }
        assert_eq!(server.requests().len(), 2, "no retry");
    }
    for answer in padded(r#"{"results":[1],"totalResults":1}"#, 10 * MIB) {
        let client = builder(&RawServer::with_replies(vec![answer])).build().unwrap();
        assert_eq!(client.request(Method::GET, "/companies").await.unwrap().bytes().len(), 10 * MIB);
        assert_eq!(client.pages::<u64>("/companies").next().await.unwrap().unwrap().results, [1]);
    }
}

#[tokio::test]
async fn the_limit_is_an_option_of_the_client_the_request_and_the_pages() {
    for answer in padded(r#"{"results":[1],"totalResults":1}"#, 2000) {
        let server = RawServer::with_replies(vec![answer]);
        let low = builder(&server).max_response_bytes(1999).build().unwrap();
        for error in errors(&low).await {
            let what = "the response is larger than 1999 bytes, the limit `max_response_bytes` (HTTP 200)";
            assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::TooLarge, what));
        }
        let high = builder(&server).max_response_bytes(2000).build().unwrap();
        high.request(Method::GET, "/x").await.unwrap();
        high.pages::<u64>("/x").next().await.unwrap();
        low.request(Method::GET, "/x").max_response_bytes(2000).await.unwrap();
        low.pages::<u64>("/x").max_response_bytes(2000).next().await.unwrap();
        let error = high.request(Method::GET, "/x").max_response_bytes(1024).await.unwrap_err();
        assert!(error.to_string().contains(" 1 KiB, "), "{error}");
        let page = high.pages::<u64>("/x").max_response_bytes(1999).next().await;
        assert_eq!(page.unwrap_err().kind(), ErrorKind::TooLarge);
        let other = low.with_timeout(std::time::Duration::from_secs(9)).unwrap();
        assert_eq!(errors(&other).await.map(|error| error.kind()), [ErrorKind::TooLarge; 2]);
        let other = low.after_fork().unwrap();
        assert_eq!(errors(&other).await.map(|error| error.kind()), [ErrorKind::TooLarge; 2]);
    }
}

#[tokio::test]
async fn a_limit_of_zero_is_invalid_input() {
    let server = RawServer::with_replies(vec![json(200, "")]);
    let client = builder(&server).build().unwrap();
    for error in [
        builder(&server).max_response_bytes(0).build().unwrap_err(),
        client.request(Method::GET, "/x").max_response_bytes(0).await.unwrap_err(),
        client.pages::<u64>("/x").max_response_bytes(0).next().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "`max_response_bytes` is less than 1");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn the_body_of_an_error_response_is_read_up_to_64_kib() {
    let error = r#"{"error":"Gone"}"#;
    for (bytes, read) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
        let body = format!("{error}{}", " ".repeat(bytes - error.len()));
        let server = RawServer::with_replies(vec![json(404, &body)]);
        let error = builder(&server).build().unwrap().request(Method::GET, "/x").await.unwrap_err();
        assert_eq!((error.kind(), error.codat_message().is_some()), (ErrorKind::NotFound, read));
    }
    let server = RawServer::with_replies(vec![Reply::Endless("HTTP/1.1 404 Gone\r\n\r\n")]);
    let error = builder(&server).build().unwrap().request(Method::GET, "/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
