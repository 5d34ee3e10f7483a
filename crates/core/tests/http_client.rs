//! Requests with a reqwest client that the user of this crate configures.

use std::path::Path;
use std::time::Duration;

use codat_keys::{ApiKey, Client, ClientBuilder, ErrorKind, Method, StatusCode};
use reqwest::redirect::Policy;

use crate::raw_server::{RawServer, Reply, json};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";
const NO_KEYS: &str = r#"{"results":[]}"#;

/// Returns a builder with its own reqwest client, for a client with the base URL `url`.
fn builder(
    url: &str,
    http: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync + 'static,
) -> ClientBuilder {
    // With the cargo feature `ring`, reqwest needs a rustls provider.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = Client::builder().base_url(url).api_key(ApiKey::parse(KEY).unwrap());
    client.http_client(move || http(reqwest::Client::builder()))
}

fn keys() -> RawServer {
    RawServer::with_replies(vec![json(200, NO_KEYS)])
}

#[tokio::test]
async fn the_reqwest_client_sends_the_requests() {
    let server = keys();
    let client = builder(&server.url, |http| {
        http.default_headers([("x-app".parse().unwrap(), "1".parse().unwrap())].into_iter().collect())
    });
    assert_eq!(client.clone().build().unwrap().keys().list().await.unwrap(), []);
    let request = server.requests().remove(0).to_lowercase();
    assert!(request.starts_with("get /apikeys http/1.1\r\n") && request.contains("\r\nx-app: 1\r\n"), "{request}");
    assert!(
        request.contains("\r\nauthorization: basic ") && request.contains("\r\nuser-agent: codat-keys/"),
        "{request}"
    );
    // A blocking client calls the function again for each of its reqwest clients.
    let listed = tokio::task::spawn_blocking(move || client.build_blocking().unwrap().keys().list().send().unwrap());
    assert_eq!(listed.await.unwrap(), []);
    assert!(server.requests()[1].contains("x-app"));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = keys();
    for status in [301, 302, 303, 307, 308] {
        for target in [format!("{}/apiKeys", elsewhere.url), "/other".into()] {
            let redirect = format!(
                "HTTP/1.1 {status} Moved\r\nlocation: {target}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            );
            let server = RawServer::with_replies(vec![Reply::Bytes(redirect.into_bytes())]);
            let client = builder(&server.url, |http| http.redirect(Policy::limited(5))).build().unwrap();
            for method in [Method::GET, Method::POST] {
                let error = client.request(method, "/companies").await.unwrap_err();
                assert_eq!(error.status(), Some(StatusCode::from_u16(status).unwrap()), "{error}");
            }
            assert_eq!(server.requests().len(), 2, "{target}");
        }
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn the_reqwest_client_retries_nothing() {
    let server = RawServer::with_replies(vec![json(503, "")]);
    let policy = || {
        reqwest::retry::for_host("127.0.0.1")
            .no_budget()
            .max_retries_per_request(3)
            .classify_fn(|attempt| attempt.retryable())
    };
    let client = builder(&server.url, move |http| http.retry(policy())).retry(false).build().unwrap();
    assert_eq!(client.keys().list().await.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn timeouts_of_the_reqwest_client_do_not_apply() {
    let short = Duration::from_nanos(1);
    let server = keys();
    let client = builder(&server.url, move |http| http.timeout(short).read_timeout(short).connect_timeout(short));
    assert_eq!(client.build().unwrap().keys().list().await.unwrap(), []);
    let silent = RawServer::with_replies(vec![Reply::Hang]);
    let client = builder(&silent.url, |http| http).timeout(Duration::from_millis(300)).retry(false).build().unwrap();
    assert_eq!(client.keys().list().await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_proxy_gets_no_unencrypted_request() {
    let (server, proxy) = (keys(), keys());
    let url = proxy.url.clone();
    let client = builder(&server.url, move |http| http.proxy(reqwest::Proxy::all(&url).unwrap())).build().unwrap();
    assert_eq!(client.keys().list().await.unwrap(), []);
    assert_eq!((server.requests().len(), proxy.requests().len()), (1, 0));
}

#[tokio::test]
async fn errors_are_those_of_the_own_client() {
    let lost = RawServer::with_replies(vec![Reply::Disconnect]);
    let error =
        builder(&lost.url, |http| http).build().unwrap().request(Method::DELETE, "/companies/1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    // Nothing listens on port 9 of this machine.
    let error = builder("http://127.0.0.1:9", |http| http).build().unwrap().keys().list().await.unwrap_err();
    let said = "no connection to http://127.0.0.1:9 could be made: nothing listens there (connection refused)";
    assert!(error.kind() == ErrorKind::Connect && error.to_string().starts_with(said), "{error}");
}

#[test]
fn settings_of_the_own_client_are_rejected() {
    let server = keys();
    let client = || builder(&server.url, |http| http);
    let environment = |name: &str| (name == "CODAT_CA_FILE").then(|| "/made-up/ca.pem".into());
    for (built, setting) in [
        (client().ca_file(Path::new("/made-up/ca.pem")).build(), "the CA file (/made-up/ca.pem)"),
        (client().proxy("https://proxy.example").build(), "the proxy"),
        (client().build_in(&environment), "the file that CODAT_CA_FILE names (/made-up/ca.pem)"),
        (builder(&server.url, |http| http.user_agent("\n")).build(), ""),
    ] {
        let error = built.unwrap_err();
        let said = match setting {
            "" => "the given HTTP client cannot be built".into(),
            setting => format!("{setting} is not used with an HTTP client of your own"),
        };
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::InvalidInput, said));
    }
}
