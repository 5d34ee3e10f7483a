//! The guarantees, against a server on a raw socket that shares no code with the emulator or the core.

use std::time::{Duration, Instant};

use codat_keys::{ApiKey, Client, ClientBuilder, Error, ErrorKind, KeyId, KeyName};

use crate::stand_in::{Answer, StandIn, json};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";
const ONE_KEY: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"}]}"#;
const TWO_KEYS: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"},
    {"id":"b","name":"ci","apiKey":"MadeUpKeyB000000000000000000000000000000"}]}"#;
const NEW_KEY: &str = r#"{"id":"b","name":"ci","apiKey":"MadeUpKeyB000000000000000000000000000000"}"#;

fn builder(server: &StandIn) -> ClientBuilder {
    Client::builder().base_url(&server.url).api_key(ApiKey::parse(KEY).unwrap())
}

fn client(server: &StandIn) -> Client {
    builder(server).build().unwrap()
}

async fn create(server: &StandIn) -> Result<codat_keys::ApiKeyDetails, Error> {
    client(server).keys().create(&KeyName::parse("ci").unwrap()).await
}

async fn delete_b(server: &StandIn) -> Result<(), Error> {
    client(server).keys().delete(&KeyId::parse("b").unwrap()).await
}

#[tokio::test]
async fn the_header_goes_over_the_wire_as_codat_expects_it() {
    let server = StandIn::answering(vec![json(200, ONE_KEY)]);
    client(&server).keys().list().await.unwrap();
    let request = server.requests().remove(0);
    // From Python: base64.b64encode(KEY)
    let header = "authorization: Basic TWFkZVVwS2V5QTAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA==\r\n";
    assert!(request.starts_with("GET /apiKeys HTTP/1.1\r\n"), "{request}");
    assert_eq!(request.to_lowercase().matches("authorization:").count(), 1);
    assert!(request.contains(header), "{request}");
}

#[tokio::test]
async fn create_sends_one_idempotency_key_and_a_body_with_the_name_alone() {
    let server = StandIn::answering(vec![json(200, ONE_KEY), json(201, NEW_KEY)]);
    let key = create(&server).await.unwrap();
    assert_eq!((key.id.as_str(), key.name.as_deref()), ("b", Some("ci")));
    let request = server.requests().remove(1);
    assert!(
        request.starts_with("POST /apiKeys HTTP/1.1\r\n") && request.ends_with("\r\n\r\n{\"name\":\"ci\"}"),
        "{request}"
    );
    let idempotency_key = request.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap();
    assert_eq!((idempotency_key.len(), &idempotency_key[14..15]), (36, "7"), "a uuid of version 7");
}

#[tokio::test]
async fn an_answer_that_is_lost_late_or_unreadable_leaves_the_outcome_unknown() {
    let cut_off = Answer::Bytes(b"HTTP/1.1 201 Created\r\ncontent-length: 500\r\n\r\n{\"id\":\"b\"".to_vec());
    let in_doubt = [
        Answer::Lost,
        Answer::Silence,
        cut_off,
        json(201, "{}"),
        json(201, ""),
        json(408, "{}"),
        json(500, "<html>"),
        json(503, "{}"),
        json(409, r#"{"error":"Idempotency-Conflict"}"#),
        json(422, "{}"),
    ];
    for answer in in_doubt {
        let server = StandIn::answering(vec![json(200, ONE_KEY), answer, json(200, TWO_KEYS)]);
        let client = builder(&server).timeout(Duration::from_secs(2)).build().unwrap();
        let error = client.keys().create(&KeyName::parse("ci").unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error:?}");
        let outcome = error.outcome().unwrap();
        assert!(server.requests()[1].contains(outcome.idempotency_key.as_ref().unwrap()));
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(server.requests().iter().filter(|request| request.starts_with("POST")).count(), 1);
        if let Some(candidates) = &outcome.candidates {
            assert_eq!(candidates.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["b"]);
        }
    }
}

#[tokio::test]
async fn candidates_are_unknown_where_nobody_could_look_and_new_keys_of_the_name_where_somebody_did() {
    let candidates = async |after: Answer| {
        let server = StandIn::answering(vec![json(200, TWO_KEYS), Answer::Lost, after]);
        create(&server).await.unwrap_err().outcome().unwrap().candidates.as_ref().map(Vec::len)
    };
    assert_eq!(candidates(Answer::Lost).await, None);
    assert_eq!(candidates(json(200, TWO_KEYS)).await, Some(0), "a key that was there before is none of ours");
}

#[tokio::test]
async fn a_refusal_proves_that_nothing_was_made() {
    let refusals = [
        (json(400, r#"{"error":"no","statusCode":400}"#), ErrorKind::InvalidInput),
        (json(401, "{}"), ErrorKind::Unauthorized),
        (json(402, "{}"), ErrorKind::PaymentRequired),
        (json(403, "{}"), ErrorKind::Forbidden),
        (json(409, r#"{"error":"Maximum number of API keys reached."}"#), ErrorKind::KeyLimitReached),
        (json(429, "{}"), ErrorKind::RateLimited),
        (json(302, ""), ErrorKind::BadResponse),
    ];
    for (answer, kind) in refusals {
        let server = StandIn::answering(vec![json(200, ONE_KEY), answer]);
        assert_eq!(create(&server).await.unwrap_err().kind(), kind);
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_delete_ends_as_its_answer_proves() {
    let endings = [
        (json(204, ""), None),
        (json(404, "{}"), Some(ErrorKind::NotFound)),
        (json(409, "{}"), Some(ErrorKind::LastKey)),
        (json(429, "{}"), Some(ErrorKind::RateLimited)),
        (json(401, "{}"), Some(ErrorKind::Unauthorized)),
        (json(500, "{}"), Some(ErrorKind::OutcomeUnknown)),
        (json(200, "{}"), Some(ErrorKind::OutcomeUnknown)),
        (Answer::Lost, Some(ErrorKind::OutcomeUnknown)),
    ];
    for (answer, kind) in endings {
        let server = StandIn::answering(vec![json(200, TWO_KEYS), answer]);
        assert_eq!(delete_b(&server).await.err().map(|error| error.kind()), kind);
        assert!(server.requests()[1].starts_with("DELETE /apiKeys/b HTTP/1.1\r\n"));
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn the_guards_stop_before_anything_but_a_list_is_sent() {
    let ten: Vec<String> = (0..10).map(|n| format!(r#"{{"id":"{n}","apiKey":"MadeUpKey-{n}"}}"#)).collect();
    let server = StandIn::answering(vec![json(200, &format!(r#"{{"results":[{}]}}"#, ten.join(",")))]);
    assert_eq!(create(&server).await.unwrap_err().kind(), ErrorKind::KeyLimitReached);
    let server_with_one = StandIn::answering(vec![json(200, ONE_KEY)]);
    let last = client(&server_with_one).keys().delete(&KeyId::parse("a").unwrap()).allow_key_in_use().await;
    assert_eq!(last.unwrap_err().kind(), ErrorKind::LastKey);
    let server_with_two = StandIn::answering(vec![json(200, TWO_KEYS)]);
    let in_use = client(&server_with_two).keys().delete(&KeyId::parse("a").unwrap()).await;
    assert_eq!(in_use.unwrap_err().kind(), ErrorKind::KeyInUse);
    for server in [server, server_with_one, server_with_two] {
        assert!(matches!(server.requests().as_slice(), [only] if only.starts_with("GET /apiKeys ")));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_so_that_the_key_stays_at_its_origin() {
    let elsewhere = StandIn::answering(vec![json(200, ONE_KEY)]);
    let redirect = format!(
        "HTTP/1.1 307 Moved\r\nlocation: {}/apiKeys\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url
    );
    let server = StandIn::answering(vec![Answer::Bytes(redirect.into_bytes())]);
    let error = client(&server).keys().list().await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::BadResponse, Some(307)));
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_body_past_8_mib_is_an_error_declared_or_not() {
    let declared = "HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n";
    let chunkless = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    for head in [declared, chunkless] {
        let server = StandIn::answering(vec![Answer::Endless(head)]);
        assert_eq!(client(&server).keys().list().await.unwrap_err().kind(), ErrorKind::TooLarge);
    }
}

#[tokio::test]
async fn what_is_not_codats_is_a_bad_response() {
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>Log in to the Wi-Fi</html>";
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"results\":[";
    for answer in [page, half, "HTTP/1.1 204 No Content\r\n\r\n"] {
        let server = StandIn::answering(vec![Answer::Bytes(answer.as_bytes().to_vec())]);
        assert_eq!(client(&server).keys().list().await.unwrap_err().kind(), ErrorKind::BadResponse);
    }
    let server = StandIn::answering(vec![Answer::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())]);
    let error = client(&server).keys().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
}

#[tokio::test]
async fn silence_ends_with_the_time_out_and_no_server_at_once() {
    let server = StandIn::answering(vec![Answer::Silence]);
    let started = Instant::now();
    let client = builder(&server).timeout(Duration::from_millis(300)).build().unwrap();
    assert_eq!(client.keys().list().await.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(started.elapsed() < Duration::from_secs(20), "not the default, which is longer");

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client =
        Client::builder().base_url(format!("http://{nobody}")).api_key(ApiKey::parse(KEY).unwrap()).build().unwrap();
    assert_eq!(client.keys().list().await.unwrap_err().kind(), ErrorKind::Connect);
}
