//! What the applications have in common: a server, and a call with each of both clients.

#[path = "../support/raw_server.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod raw_server;

use codat_keys::{ApiKey, Client, ClientBuilder, ErrorKind};
use raw_server::{RawServer, json};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";

/// Starts a server without TLS.
pub(crate) fn server() -> RawServer {
    RawServer::with_replies(vec![json(200, r#"{"results":[]}"#)])
}

/// Returns the URL of a server with another scheme. The server closes a TLS connection, so that the error of a request
/// shows which TLS library the client uses.
pub(crate) fn https(server: &RawServer) -> String {
    server.url.replace("http://", "https://")
}

pub(crate) fn codat(base_url: &str) -> ClientBuilder {
    Client::builder().base_url(base_url).api_key(ApiKey::parse(KEY).expect("a key"))
}

/// Makes a call with the reqwest client of the application, with codat-keys, and with codat-keys over a reqwest client of
/// the application. Returns the debug text of the error of an `https` request with the first of them.
#[allow(dead_code, reason = "two applications make these calls in steps")]
pub(crate) async fn call_with_each_client() -> String {
    let error = call_with_reqwest(reqwest::Client::builder().build().expect("a client")).await;
    call_with_codat_keys().await;
    call_with_own_client(reqwest::Client::builder).await;
    error
}

/// Makes a call with the reqwest client of the application, and returns the debug text of the error of an `https` request.
pub(crate) async fn call_with_reqwest(http: reqwest::Client) -> String {
    let server = server();
    let answer = http.get(&server.url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let error = http.get(https(&server)).send().await.expect_err("the server does not speak TLS");
    format!("{error:?}")
}

/// Makes a call with the HTTP client of codat-keys, and checks that it has TLS.
#[allow(dead_code, reason = "one application has codat-keys without TLS")]
pub(crate) async fn call_with_codat_keys() {
    let server = server();
    assert_eq!(codat(&server.url).build().expect("a client").keys().list().await.expect("a list"), []);
    let url = https(&server);
    let client = codat(&url).retry(false).build().expect("a client");
    let error = client.keys().list().await.expect_err("the server does not speak TLS");
    let said = format!("the TLS handshake with {url} did not end");
    assert!(error.kind() == ErrorKind::Connect && error.to_string().starts_with(&said), "{error}");
}

/// Makes a call with codat-keys over a reqwest client of the application.
pub(crate) async fn call_with_own_client(http: fn() -> reqwest::ClientBuilder) {
    let server = server();
    let client = codat(&server.url).http_client(http).build().expect("a client");
    assert_eq!(client.keys().list().await.expect("a list"), []);
    assert!(server.requests()[0].contains("authorization: Basic "));
    let client = codat(&https(&server)).http_client(http).retry(false).build().expect("a client");
    assert_eq!(client.keys().list().await.expect_err("the server does not speak TLS").kind(), ErrorKind::Connect);
}
