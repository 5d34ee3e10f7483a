//! Tests of the sent requests, with a raw-socket server that shares no code with this crate.

use std::time::{Duration, Instant};

use codat_keys::{ApiKey, Client, ClientBuilder, ErrorKind, KeyId, KeyName, Method, StatusCode};

use crate::raw_server::{RawServer, Reply, json};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";
const ONE_KEY: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"}]}"#;
const TWO_KEYS: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"},
    {"id":"b","name":"ci","apiKey":"MadeUpKeyB000000000000000000000000000000"}]}"#;
const NEW_KEY: &str = r#"{"id":"b","name":"ci","apiKey":"MadeUpKeyB000000000000000000000000000000"}"#;

fn builder(server: &RawServer) -> ClientBuilder {
    Client::builder().base_url(&server.url).api_key(ApiKey::parse(KEY).unwrap())
}

fn client(server: &RawServer) -> Client {
    builder(server).build().unwrap()
}

#[tokio::test]
async fn the_authorization_header_has_the_documented_form() {
    let server = RawServer::with_replies(vec![json(200, ONE_KEY)]);
    client(&server).keys().list().await.unwrap();
    let request = server.requests().remove(0);
    // From Python: base64.b64encode(KEY)
    let header = "authorization: Basic TWFkZVVwS2V5QTAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA==\r\n";
    assert!(request.starts_with("GET /apiKeys HTTP/1.1\r\n"), "{request}");
    assert_eq!(request.to_lowercase().matches("authorization:").count(), 1);
    assert!(request.contains(header), "{request}");
}

#[tokio::test]
async fn create_sends_an_idempotency_key_and_the_name() {
    let server = RawServer::with_replies(vec![json(200, ONE_KEY), json(201, NEW_KEY)]);
    let key = client(&server).keys().create(KeyName::parse("ci").unwrap()).await.unwrap().key;
    assert!(key.id == *"b" && key.is_named("ci"));
    let request = server.requests().remove(1);
    assert!(
        request.starts_with("POST /apiKeys HTTP/1.1\r\n") && request.ends_with("\r\n\r\n{\"name\":\"ci\"}"),
        "{request}"
    );
    let idempotency_key = request.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap();
    assert_eq!((idempotency_key.len(), &idempotency_key[14..15]), (36, "7"), "a uuid of version 7");
}

/// Some servers respond with 411 to a POST without `Content-Length` (RFC 9110, section 8.6).
#[tokio::test]
async fn requests_without_a_body_have_a_content_length_of_zero() {
    let server = RawServer::with_replies(vec![json(200, "{}")]);
    let client = client(&server);
    let methods = [Method::POST, Method::PUT, Method::PATCH, Method::GET, Method::DELETE, Method::OPTIONS];
    for method in &methods {
        client.request(method.clone(), "/companies/x/data/all").await.unwrap();
    }
    client.request(Method::POST, "/companies").json(&"x").await.unwrap();
    client.keys().delete(&KeyId::parse("a").unwrap()).await.unwrap_err();
    let requests = server.requests();
    let lengths = |request: &str| -> Vec<String> {
        let head = request.split("\r\n\r\n").next().unwrap().to_lowercase();
        head.lines().filter_map(|line| line.strip_prefix("content-length: ")).map(str::to_owned).collect()
    };
    for (method, request) in methods.iter().zip(&requests) {
        let may_have_a_body = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
        assert_eq!(lengths(request), if may_have_a_body { vec!["0"] } else { vec![] }, "{request}");
        assert!(!request.to_lowercase().contains("transfer-encoding") && request.ends_with("\r\n\r\n"), "{request}");
    }
    assert_eq!(lengths(&requests[methods.len()]), ["3"]);
    assert!(requests.iter().all(|request| request.contains("accept-encoding: identity\r\n")), "{requests:?}");
}

#[tokio::test]
async fn the_guards_send_only_a_list_request() {
    let ten: Vec<String> = (0..10).map(|n| format!(r#"{{"id":"{n}","apiKey":"MadeUpKey-{n}"}}"#)).collect();
    let server = RawServer::with_replies(vec![json(200, &format!(r#"{{"results":[{}]}}"#, ten.join(",")))]);
    let full = client(&server).keys().create(KeyName::parse("ci").unwrap()).await;
    assert_eq!(full.unwrap_err().kind(), ErrorKind::KeyLimitReached);
    let server_with_one = RawServer::with_replies(vec![json(200, ONE_KEY)]);
    let last = client(&server_with_one).keys().delete(&KeyId::parse("a").unwrap()).allow_key_in_use(true).await;
    assert_eq!(last.unwrap_err().kind(), ErrorKind::LastKey);
    let server_with_two = RawServer::with_replies(vec![json(200, TWO_KEYS)]);
    let in_use = client(&server_with_two).keys().delete(&KeyId::parse("a").unwrap()).await;
    assert_eq!(in_use.unwrap_err().kind(), ErrorKind::KeyInUse);
    let rows = r#"{"results":[{"id":"a","apiKey":"MadeUpKey-x"},{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"},{"id":"b","apiKey":"MadeUpKey-y"}]}"#;
    let server_with_rows = RawServer::with_replies(vec![json(200, rows)]);
    let in_use = client(&server_with_rows).keys().delete(&KeyId::parse("a").unwrap()).await;
    assert_eq!(in_use.unwrap_err().kind(), ErrorKind::KeyInUse);
    for server in [server, server_with_one, server_with_two, server_with_rows] {
        assert!(matches!(server.requests().as_slice(), [only] if only.starts_with("GET /apiKeys ")));
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = RawServer::with_replies(vec![json(200, ONE_KEY)]);
    let redirect = format!(
        "HTTP/1.1 307 Moved\r\nlocation: {}/apiKeys\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url
    );
    let server = RawServer::with_replies(vec![Reply::Bytes(redirect.into_bytes())]);
    let client = client(&server);
    for error in [
        client.keys().list().await.unwrap_err(),
        client.request(Method::GET, "/companies").await.unwrap_err(),
        client.request(Method::POST, "/companies").await.unwrap_err(),
        client.pages::<serde_json::Value>("/companies").next().await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.status()), (ErrorKind::BadResponse, Some(StatusCode::TEMPORARY_REDIRECT)));
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_response_that_is_not_from_codat_is_a_bad_response() {
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>Log in to the Wi-Fi</html>";
    for answer in [page, "HTTP/1.1 204 No Content\r\n\r\n"] {
        let server = RawServer::with_replies(vec![Reply::Bytes(answer.as_bytes().to_vec())]);
        assert_eq!(client(&server).keys().list().await.unwrap_err().kind(), ErrorKind::BadResponse);
    }
    let server = RawServer::with_replies(vec![Reply::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())]);
    let error = client(&server).keys().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse, "{error:?}");
}

#[tokio::test]
async fn a_silent_server_times_out_and_a_closed_port_fails_immediately() {
    let server = RawServer::with_replies(vec![Reply::Hang]);
    let started = Instant::now();
    let client = builder(&server).timeout(Duration::from_millis(300)).build().unwrap();
    assert_eq!(client.keys().list().await.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(started.elapsed() < Duration::from_secs(20), "not the default, which is longer");

    let client = Client::builder()
        // Another test could listen on a port that was closed a moment ago.
        .base_url("http://127.0.0.1:1")
        .api_key(ApiKey::parse(KEY).unwrap())
        .build()
        .unwrap();
    assert_eq!(client.keys().list().await.unwrap_err().kind(), ErrorKind::Connect);
}

#[tokio::test]
async fn out_of_range_timeouts_are_capped() {
    let server = RawServer::with_replies(vec![json(200, ONE_KEY)]);
    for time in [
        codat_keys::internal::seconds(f64::INFINITY),
        codat_keys::internal::seconds(1e300),
        Duration::from_secs(u64::MAX / 2),
    ] {
        let client = builder(&server).timeout(time).connect_timeout(time).build().unwrap();
        assert_eq!(client.keys().list().await.unwrap().len(), 1);
        client.request(Method::GET, "/x").timeout(time).await.unwrap();
    }
}

#[tokio::test]
async fn transient_failures_are_retried_and_permanent_failures_are_not() {
    let half = Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"results\":[".to_vec());
    for passing in [
        Reply::Disconnect,
        half,
        json(408, ""),
        json(429, ""),
        json(500, ""),
        json(502, ""),
        json(503, ""),
        json(504, ""),
    ] {
        let server = RawServer::with_replies(vec![passing, json(200, ONE_KEY)]);
        assert_eq!(client(&server).keys().list().await.unwrap().len(), 1);
        assert_eq!(server.requests().len(), 2);
    }
    for lasting in [json(400, "{}"), json(401, ""), json(403, ""), json(404, ""), json(501, ""), json(200, "<html>")] {
        let server = RawServer::with_replies(vec![lasting, json(200, ONE_KEY)]);
        client(&server).keys().list().await.unwrap_err();
        assert_eq!(server.requests().len(), 1);
    }
    let server = RawServer::with_replies(vec![json(503, "")]);
    assert_eq!(client(&server).keys().list().await.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(server.requests().len(), 4, "four attempts, and no more");
}

#[tokio::test]
async fn a_long_retry_after_ends_the_call_immediately_and_is_reported() {
    let in_an_hour = codat_keys::Timestamp::now() + Duration::from_secs(3600);
    let date = in_an_hour.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let huge = "99999999999999999999".to_owned();
    let never = "Fri, 31 Dec 9999 23:59:59 GMT".to_owned();
    for (value, least) in [("3600".to_owned(), 3600), (date, 3590), (huge, 3600), (never, 3600)] {
        let head =
            format!("HTTP/1.1 429 Slow\r\nretry-after: {value}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        let server = RawServer::with_replies(vec![Reply::Bytes(head.into_bytes())]);
        let error = client(&server).keys().list().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert!(error.retry_after().unwrap() >= Duration::from_secs(least), "{value}: {error:?}");
        assert_eq!(server.requests().len(), 1);
    }
}
