//! Requests to any path, pages, the rate limit, and `whoami`.

use std::collections::HashSet;

use codat_keys::{ApiKey, Client, ErrorKind, KeyName, MAX_KEYS, Method, Timestamp};
use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::raw_server::{self, RawServer, Reply};

fn client(url: &str, key: &str) -> Client {
    Client::builder().base_url(url).api_key(ApiKey::parse(key).unwrap()).build().unwrap()
}

fn emulated(emulator: &Emulator) -> Client {
    client(emulator.base_url(), emulator.api_key())
}

#[tokio::test]
async fn all_attempts_of_a_change_have_one_idempotency_key_and_reads_have_none() {
    for (method, keys) in
        [(Method::POST, 1), (Method::PATCH, 1), (Method::PUT, 0), (Method::GET, 0), (Method::DELETE, 0)]
    {
        let server =
            RawServer::with_replies(vec![Reply::Disconnect, raw_server::json(503, ""), raw_server::json(200, "{}")]);
        let call =
            client(&server.url, "MadeUpKey").request(method.clone(), "/companies").json(&json!({"name": "x"})).await;
        assert_eq!(call.unwrap().status(), 200, "{method}");
        let requests = server.requests();
        assert!(
            requests.len() == 3 && requests.iter().all(|request| request == &requests[0]),
            "{method}: {requests:#?}"
        );
        assert_eq!(requests[0].matches("\r\nidempotency-key: ").count(), keys, "{method}");
        assert!(requests[0].ends_with("\r\n\r\n{\"name\":\"x\"}"));
    }
}

#[tokio::test]
async fn the_query_the_headers_and_the_body_are_sent_unchanged() {
    let server = RawServer::with_replies(vec![raw_server::json(200, "[1,2]")]);
    let answer = client(&server.url, "MadeUpKey")
        .request(Method::PUT, "/data?a=1")
        .param("b c", "&=é")
        .header("x-test", "yes")
        .body("raw")
        .await
        .unwrap();
    assert_eq!(answer.json::<Vec<u8>>().unwrap(), [1, 2]);
    let request = server.requests().remove(0);
    assert!(request.starts_with("PUT /data?a=1&b%20c=%26%3D%C3%A9 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("x-test: yes\r\n") && request.ends_with("\r\n\r\nraw"), "{request}");
    assert!(request.contains("authorization: Basic TWFkZVVwS2V5\r\n"), "{request}");
}

#[tokio::test]
async fn headers_that_the_client_sets_are_rejected() {
    let server = RawServer::with_replies(vec![raw_server::json(200, "{}")]);
    let client = client(&server.url, "MadeUpKey");
    let own = ["authorization", "host", "content-length", "transfer-encoding", "connection", "expect"];
    for (method, name, value) in own.map(|name| (Method::POST, name, "3")).into_iter().chain([
        (Method::GET, "idempotency-key", "x"),
        (Method::POST, "idempotency-key", ""),
        (Method::POST, "idempotency-key", "two words"),
        (Method::POST, "idempotency-key", "\u{e9}"),
    ]) {
        let call = client.request(method, "/x").header(name, value.as_bytes());
        assert_eq!(call.await.unwrap_err().kind(), ErrorKind::InvalidInput, "{name}: {value:?}");
    }
    let name = "idempotency-key";
    let twice = client.request(Method::POST, "/x").header(name, "a").header(name, "b");
    assert_eq!(twice.await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_method_that_holds_a_key_is_rejected() {
    let server = RawServer::with_replies(vec![raw_server::json(200, "{}")]);
    let client = client(&server.url, "MadeUpKey");
    for key in ["MadeUpKey", "MadeUpKeyForTheTests0123456789abcdefGhIj", "TWFkZVVwS2V5"] {
        let request = client.request(Method::from_bytes(key.as_bytes()).unwrap(), "/x");
        let error = request.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!format!("{error} {error:?}").contains(key));
    }
    let other = Method::from_bytes(b"PURGE").unwrap();
    assert_eq!(client.request(other, "/x").await.unwrap().status(), 200);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_given_idempotency_key_resumes_its_call() {
    let emulator = Emulator::start().unwrap();
    let client = emulated(&emulator);
    let create = || client.request(Method::POST, "/apiKeys").json(&json!({"name": "ci"}));
    let own = |key: &str| create().header("idempotency-key", key);
    let id = |response: codat_keys::Response| response.json::<Value>().unwrap()["id"].clone();
    let (first, again) = (own("one").await.unwrap(), own("one").await.unwrap());
    assert_eq!(id(first.clone()), id(again));
    assert_ne!(id(first), id(create().await.unwrap()));
}

/// If an attempt may have taken effect, the error is `OutcomeUnknown`, unless a later response shows the outcome.
#[tokio::test]
async fn an_ambiguous_change_has_an_unknown_outcome() {
    let own_400 = raw_server::json(400, r#"{"statusCode":400,"error":"no"}"#);
    let cases = [
        (Method::POST, vec![Reply::Disconnect], ErrorKind::OutcomeUnknown, 4),
        (Method::PATCH, vec![raw_server::json(503, "")], ErrorKind::OutcomeUnknown, 4),
        (Method::DELETE, vec![Reply::Disconnect, raw_server::json(404, "")], ErrorKind::OutcomeUnknown, 2),
        (Method::POST, vec![Reply::Disconnect, raw_server::json(400, "")], ErrorKind::OutcomeUnknown, 2),
        // Codat is still processing the first attempt.
        (Method::POST, vec![Reply::Disconnect, raw_server::json(409, "")], ErrorKind::OutcomeUnknown, 4),
        (Method::POST, vec![raw_server::json(409, "")], ErrorKind::Conflict, 1),
        // Codat sends its own 400 again to every attempt with the same idempotency key.
        (Method::POST, vec![Reply::Disconnect, own_400], ErrorKind::InvalidInput, 2),
        (Method::POST, vec![raw_server::json(404, "")], ErrorKind::NotFound, 1),
        // After a 303 or 499, it is unknown whether the request took effect. After a 307, the request had no effect.
        (Method::POST, vec![raw_server::json(303, "")], ErrorKind::OutcomeUnknown, 1),
        (Method::POST, vec![raw_server::json(499, "")], ErrorKind::OutcomeUnknown, 1),
        (Method::POST, vec![raw_server::json(307, "")], ErrorKind::BadResponse, 1),
        // A request with an unknown method is not retried, because it may not be safe to repeat.
        ("REPORT".parse().unwrap(), vec![Reply::Disconnect], ErrorKind::OutcomeUnknown, 1),
        (Method::GET, vec![Reply::Disconnect], ErrorKind::Connect, 4),
    ];
    for (method, answers, kind, attempts) in cases {
        let server = RawServer::with_replies(answers);
        let error = client(&server.url, "MadeUpKey").request(method.clone(), "/companies").await.unwrap_err();
        let seen = server.requests();
        assert_eq!((error.kind(), seen.len()), (kind, attempts), "{method}: {error:?}");
        if let Some(key) = error.outcome().and_then(|outcome| outcome.idempotency_key.as_ref()) {
            assert!(seen.iter().all(|request| request.contains(key)) && error.hint().contains(key), "{error:?}");
        }
    }
}

#[tokio::test]
async fn invalid_page_parameters_are_rejected_before_sending() {
    let server = RawServer::with_replies(vec![raw_server::json(200, r#"{"results":[],"totalResults":0}"#)]);
    let client = client(&server.url, "MadeUpKey");
    let pages = [
        client.pages::<Value>("/companies").page_size(0),
        client.pages("/companies").page_size(5001),
        client.pages("/companies?page=2"),
        client.pages("/companies").param("PageSize", "2"),
    ];
    for mut page in pages {
        assert_eq!(page.next().await.unwrap_err().kind(), ErrorKind::InvalidInput, "{page:?}");
    }
    assert!(server.requests().is_empty());
    client.pages::<Value>("/companies?a=b").param("c", "d").page_size(5000).next().await.unwrap();
    assert!(server.requests()[0].starts_with("GET /companies?a=b&page=1&pageSize=5000&c=d HTTP/1.1"));
}

#[tokio::test]
async fn a_parse_error_contains_no_values() {
    let server = RawServer::with_replies(vec![raw_server::json(200, r#"{"apiKey":"MadeUpKeyThatMustNotShow"}"#)]);
    let answer = client(&server.url, "MadeUpKey").request(Method::GET, "/profile").await.unwrap();
    let error = answer.json::<Vec<u8>>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    assert!(!format!("{error:?}{answer:?}").contains("MadeUpKeyThatMustNotShow"));
}

#[tokio::test]
async fn pagination_returns_each_company_once_with_any_page_size() {
    let emulator = Emulator::start().unwrap();
    for size in [1, 2, 5, 100] {
        let (client, mut ids, mut count) = (emulated(&emulator), HashSet::new(), 0);
        let mut pages = client.pages::<Value>("/companies").page_size(size).order_by("-name");
        while let Some(page) = pages.next().await.unwrap() {
            assert_eq!(page.total_results, 5);
            count += page.results.len();
            ids.extend(page.results.iter().map(|company| company["id"].to_string()));
        }
        assert_eq!((count, ids.len()), (5, 5), "pages of {size}");
        assert!(pages.next().await.unwrap().is_none(), "the end stays the end");
    }
}

#[tokio::test]
async fn pagination_keeps_the_query_and_the_order() {
    let empty = r#"{"results":[{}],"totalResults":2}"#;
    let server = RawServer::with_replies(vec![raw_server::json(200, empty)]);
    let client = client(&server.url, "MadeUpKey");
    let mut pages = client.pages::<Value>("/companies").query("name~a").order_by("-name");
    while pages.next().await.unwrap().is_some() {}
    let paths: Vec<String> =
        server.requests().iter().map(|request| request.lines().next().unwrap().to_owned()).collect();
    let path = |page| format!("GET /companies?page={page}&pageSize=100&query=name~a&orderBy=-name HTTP/1.1");
    assert_eq!(paths, [path(1), path(2)]);
}

#[tokio::test]
async fn the_rate_limit_is_updated_by_every_response() {
    let emulator = Emulator::start().unwrap();
    let client = emulated(&emulator);
    assert!(client.rate_limit().is_none());
    let answer = client.request(Method::GET, "/profile").await.unwrap();
    let first = client.rate_limit().unwrap();
    assert_eq!((first.limit, first.remaining, answer.rate_limit()), (Some(6000), Some(5999), Some(first)));
    assert!(first.reset.unwrap() > Timestamp::now());
    client.keys().list().await.unwrap();
    assert_eq!(client.rate_limit().unwrap().remaining, Some(5998));
}

#[tokio::test]
async fn whoami_returns_the_key_in_use() {
    let emulator = Emulator::start().unwrap();
    let made = emulated(&emulator).keys().create(KeyName::parse("ci").unwrap()).await.unwrap();
    let me = client(emulator.base_url(), made.key.api_key.expose_secret()).whoami().await.unwrap();
    assert_eq!(me, made.key);
    let listed = r#"{"results":[{"id":"a","apiKey":"another"}]}"#;
    let server = RawServer::with_replies(vec![raw_server::json(200, listed)]);
    assert_eq!(client(&server.url, "MadeUpKey").whoami().await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn the_header_is_returned_only_for_the_clients_own_origin() {
    let client = client("https://api.example/prefix", "MadeUpKey");
    for own in ["https://api.example", "https://api.example:443/x", "https://API.example/prefix/y?z"] {
        assert_eq!(client.authorization_for(own).unwrap().expose_secret(), "Basic TWFkZVVwS2V5", "{own}");
    }
    let others = [
        "http://api.example",
        "https://api.example:444",
        "https://api.example.evil.example",
        "https://evil.example/https://api.example",
        "https://api.example@evil.example",
        "https://api.example\\@evil.example/",
        "https://user@api.example/",
        "https://user:x@api.example/",
        "https://:@api.example/",
        "https://api%2eexample/",
        "https://api.example./",
        "https://api.example:/",
        "https://api.example:0443/",
        "blob:https://api.example/x",
        "https:api.example",
        "https:///api.example",
        "https:/api.example",
        " https://api.example",
        "https://api.exam\tple",
        "https://api.example/a b",
        "https://\u{ff41}pi.example",
        "//api.example",
        "/companies",
        "",
        "data:,x",
    ];
    for other in others {
        assert_eq!(client.authorization_for(other).unwrap_err().kind(), ErrorKind::InvalidInput, "{other}");
    }
}

#[tokio::test]
async fn a_path_outside_the_base_url_is_rejected_before_sending() {
    let server = RawServer::with_replies(vec![raw_server::json(200, "{}")]);
    for path in ["https://other.example/", "//other.example", "/../x", "/%2e%2e/x", "/a\\..\\x", "companies"] {
        let refused = client(&server.url, "MadeUpKey").request(Method::GET, path).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput, "{path}");
    }
    assert!(server.requests().is_empty());
    let _: Value = client(&server.url, "MadeUpKey").request(Method::GET, "/fine").await.unwrap().json().unwrap();
}

#[tokio::test]
async fn a_client_without_retries_sends_each_request_once() {
    for (retry, attempts) in [(false, 1), (true, 4)] {
        let server = RawServer::with_handler(|_| raw_server::json(503, r#"{"error":"no"}"#));
        let client = Client::builder().base_url(&server.url).api_key(ApiKey::parse("example").unwrap()).retry(retry);
        let error = client.build().unwrap().request(Method::GET, "/companies").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts(), server.requests().len()),
            (ErrorKind::Server, attempts, attempts as usize)
        );
    }
}

#[tokio::test]
async fn codat_allows_the_maximum_number_of_keys_and_no_more() {
    let emulator = Emulator::start().unwrap();
    let keys = emulated(&emulator).keys();
    for number in keys.list().await.unwrap().len()..MAX_KEYS {
        keys.create(format!("key {number}")).await.unwrap();
    }
    assert_eq!(keys.create("one too many").await.unwrap_err().kind(), ErrorKind::KeyLimitReached);
    assert_eq!(keys.list().await.unwrap().len(), MAX_KEYS);
}
