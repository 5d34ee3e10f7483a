//! The outcomes of `create` and `delete` for sequences of server responses.

use std::time::{Duration, Instant};

use codat_keys::{ApiKey, Client, Creation, Error, ErrorKind, How, KeyId, KeyName};

use crate::raw_server::{RawServer, Reply, json};

const ONE_KEY: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"}]}"#;
const TWO_KEYS: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"},
    {"id":"b","name":"ci","apiKey":"MadeUpKeyB000000000000000000000000000000"}]}"#;
const THREE_KEYS: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"},
    {"id":"b","name":"ci","apiKey":"MadeUpKeyB000000000000000000000000000000"},
    {"id":"c","name":"ci","apiKey":"MadeUpKeyC000000000000000000000000000000"}]}"#;
const NEW_KEY: &str = r#"{"id":"b","name":"ci","apiKey":"MadeUpKeyB000000000000000000000000000000"}"#;

fn failed(status: u16, correlation_id: &str) -> Reply {
    json(status, &format!(r#"{{"error":"no","correlationId":"{correlation_id}"}}"#))
}

/// Returns an error response in Codat's format.
fn codats(status: u16) -> Reply {
    json(status, &format!(r#"{{"statusCode":{status},"error":"no"}}"#))
}

fn at_limit() -> Reply {
    json(409, r#"{"statusCode":400,"error":"Maximum number of API keys reached. To create a new API key…"}"#)
}

fn client(server: &RawServer) -> Client {
    let key = ApiKey::parse("MadeUpKeyA000000000000000000000000000000").unwrap();
    Client::builder().base_url(&server.url).api_key(key).build().unwrap()
}

fn name() -> KeyName {
    KeyName::parse("ci").unwrap()
}

async fn create(answers: Vec<Reply>) -> (Result<Creation, Error>, Vec<String>) {
    let server = RawServer::with_replies(answers);
    let result = client(&server).keys().create(name()).await;
    (result, posts(&server))
}

/// Returns the POST requests. Checks that all are identical, including their idempotency keys.
fn posts(server: &RawServer) -> Vec<String> {
    let posts: Vec<String> = server.requests().into_iter().filter(|request| request.starts_with("POST")).collect();
    assert!(posts.iter().all(|post| post == &posts[0]), "one idempotency key, the same bytes: {posts:#?}");
    posts
}

fn candidates(error: &Error) -> Option<Vec<&str>> {
    let outcome = error.outcome().expect("an unknown outcome");
    outcome.candidates.as_ref().map(|keys| keys.iter().map(|key| key.id.as_str()).collect())
}

#[tokio::test]
async fn an_ambiguous_create_is_retried_with_the_same_idempotency_key() {
    let cut_off = Reply::Bytes(b"HTTP/1.1 201 Created\r\ncontent-length: 500\r\n\r\n{\"id\":\"b\"".to_vec());
    let ambiguous = [
        Reply::Disconnect,
        cut_off,
        json(201, "{}"),
        json(201, ""),
        json(408, "{}"),
        json(500, "<html>"),
        failed(502, "of a gateway"),
        json(503, "{}"),
    ];
    for answer in ambiguous {
        let (made, posts) = create(vec![json(200, ONE_KEY), answer, json(201, NEW_KEY), json(200, THREE_KEYS)]).await;
        let made = made.unwrap();
        assert_eq!((made.key.id.as_str(), made.how, posts.len()), ("b", How::Replayed, 2));
        let extras: Vec<_> = made.extras.as_ref().unwrap().iter().map(|key| key.id.as_str()).collect();
        assert_eq!(extras, ["c"], "other new keys are reported");
    }
}

#[tokio::test]
async fn extras_are_unknown_if_the_keys_cannot_be_listed() {
    let (made, _) = create(vec![json(200, ONE_KEY), Reply::Disconnect, json(201, NEW_KEY), json(401, "")]).await;
    assert!(made.unwrap().extras.is_none());
}

#[tokio::test]
async fn a_conclusive_first_response_is_final() {
    let (made, posts) = create(vec![json(200, ONE_KEY), json(201, NEW_KEY)]).await;
    let made = made.unwrap();
    assert_eq!((made.how, made.extras.unwrap().len(), posts.len()), (How::Created, 0, 1));
    let (made, posts) = create(vec![json(200, ONE_KEY), json(429, ""), json(201, NEW_KEY)]).await;
    assert_eq!((made.unwrap().how, posts.len()), (How::Created, 2), "a 429 has no effect");

    let error_responses = [
        (codats(400), ErrorKind::InvalidInput),
        (json(401, "{}"), ErrorKind::Unauthorized),
        (json(402, "{}"), ErrorKind::PaymentRequired),
        (json(403, "{}"), ErrorKind::Forbidden),
        (at_limit(), ErrorKind::KeyLimitReached),
        (json(302, ""), ErrorKind::BadResponse),
        (json(404, ""), ErrorKind::NotFound),
    ];
    for (answer, kind) in error_responses {
        let (refused, posts) = create(vec![json(200, ONE_KEY), answer]).await;
        assert_eq!((refused.unwrap_err().kind(), posts.len()), (kind, 1));
    }
}

#[tokio::test]
async fn an_ambiguous_create_ends_only_with_a_conclusive_response() {
    let of_a_gateway = r#"{"status":400,"error":"Bad Request","path":"/apiKeys"}"#;
    for conclusive in [
        json(400, of_a_gateway),
        json(401, ""),
        json(402, ""),
        json(403, ""),
        json(404, ""),
        json(302, ""),
        json(422, ""),
    ] {
        let (unknown, _) = create(vec![json(200, ONE_KEY), Reply::Disconnect, conclusive, json(200, TWO_KEYS)]).await;
        let error = unknown.unwrap_err();
        assert_eq!((error.kind(), candidates(&error)), (ErrorKind::OutcomeUnknown, Some(vec!["b"])), "{error:?}");
        assert!(std::error::Error::source(&error).is_some());
    }
    let (refused, _) = create(vec![json(200, ONE_KEY), Reply::Disconnect, at_limit()]).await;
    assert_eq!(
        refused.unwrap_err().kind(),
        ErrorKind::KeyLimitReached,
        "nothing was created with this idempotency key"
    );
    let (refused, _) = create(vec![json(200, ONE_KEY), Reply::Disconnect, codats(400)]).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn an_ambiguous_create_lists_the_keys_after_a_429() {
    let until_429 = vec![json(200, ONE_KEY), Reply::Disconnect, json(429, "")];
    let then = |rest: Vec<Reply>| create([until_429.clone(), rest].concat());

    let (unknown, posts) = then(vec![json(200, TWO_KEYS)]).await;
    let error = unknown.unwrap_err();
    assert_eq!(
        (candidates(&error), posts.len()),
        (Some(vec!["b"]), 2),
        "a key that this call may have created ends the retries"
    );
    let (made, posts) = then(vec![json(200, ONE_KEY), json(201, NEW_KEY), json(200, TWO_KEYS)]).await;
    assert_eq!((made.unwrap().how, posts.len()), (How::Replayed, 3), "without a new key, the create is retried");
    let (unknown, posts) = then(vec![json(401, "")]).await;
    assert_eq!((candidates(&unknown.unwrap_err()), posts.len()), (None, 2), "the keys cannot be listed");
    let (unknown, _) = then(vec![json(200, ONE_KEY), at_limit(), json(200, TWO_KEYS)]).await;
    assert_eq!(
        candidates(&unknown.unwrap_err()),
        Some(vec!["b"]),
        "the key limit is inconclusive after an ambiguous 429"
    );
}

#[tokio::test]
async fn a_replayed_failure_is_final_and_two_listings_find_the_candidates() {
    let failed_for_good = vec![json(200, ONE_KEY), failed(503, "same"), failed(503, "same")];
    let then = |rest: Vec<Reply>| create([failed_for_good.clone(), rest].concat());

    let (unknown, posts) = then(vec![json(200, TWO_KEYS)]).await;
    assert_eq!((candidates(&unknown.unwrap_err()), posts.len()), (Some(vec!["b"]), 2));

    let started = Instant::now();
    let (unknown, posts) = then(vec![json(200, ONE_KEY), json(200, TWO_KEYS)]).await;
    assert_eq!((candidates(&unknown.unwrap_err()), posts.len()), (Some(vec!["b"]), 2), "the second listing finds it");
    assert!(started.elapsed() >= Duration::from_secs(2), "the listings are 2 s apart");

    let (unknown, _) = then(vec![json(200, ONE_KEY)]).await;
    let error = unknown.unwrap_err();
    assert_eq!(candidates(&error), Some(vec![]));
    assert!(error.to_string().contains("most likely nothing was made"), "{error}");
}

#[tokio::test]
async fn a_candidate_is_adopted_only_if_allowed_and_unique() {
    for (listed, adopt, adopted) in
        [(TWO_KEYS, true, true), (TWO_KEYS, false, false), (THREE_KEYS, true, false), (ONE_KEY, true, false)]
    {
        let answers = vec![json(200, ONE_KEY), failed(500, "same"), failed(500, "same"), json(200, listed)];
        let server = RawServer::with_replies(answers);
        let result = client(&server).keys().create(name()).adopt(adopt).await;
        assert_eq!(result.is_ok_and(|made| made.how == How::Adopted && made.key.id.as_str() == "b"), adopted);
    }
}

#[tokio::test]
async fn create_waits_for_a_first_attempt_that_is_still_running() {
    let running = json(409, r#"{"statusCode":409,"error":"Idempotency-Conflict"}"#);
    let answers = vec![json(200, ONE_KEY), Reply::Disconnect, running, json(201, NEW_KEY), json(200, TWO_KEYS)];
    let (made, posts) = create(answers).await;
    assert_eq!((made.unwrap().how, posts.len()), (How::Replayed, 3));
}

#[tokio::test]
async fn create_resumes_with_a_given_idempotency_key() {
    let now = uuid::Uuid::now_v7().to_string();
    let resume = async |server: &RawServer, key: &str| client(server).keys().create(name()).idempotency_key(key).await;

    let server = RawServer::with_replies(vec![json(201, NEW_KEY), json(200, TWO_KEYS)]);
    assert_eq!(resume(&server, &now).await.unwrap().how, How::Replayed);
    assert!(
        server.requests()[0].starts_with("POST ") && server.requests()[0].contains(&now),
        "no list request precedes it"
    );

    let server = RawServer::with_replies(vec![json(200, ONE_KEY)]);
    let future = "02000000-0000-7000-8000-000000000000";
    assert_eq!(
        resume(&server, future).await.unwrap_err().kind(),
        ErrorKind::OutcomeUnknown,
        "the clock of the key was wrong"
    );
    assert!(posts(&server).is_empty());
    let server = RawServer::with_replies(vec![json(200, ONE_KEY)]);
    for wrong in ["", "x", "0498e921-9b53-4396-a412-4f2f5983b0a2"] {
        assert_eq!(resume(&server, wrong).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert!(server.requests().is_empty());

    let server = RawServer::with_replies(vec![at_limit(), json(200, ONE_KEY)]);
    assert_eq!(
        resume(&server, &now).await.unwrap_err().kind(),
        ErrorKind::OutcomeUnknown,
        "an earlier call may have created it"
    );
}

#[tokio::test]
async fn an_expired_idempotency_key_is_not_sent_and_candidates_are_selected_by_date() {
    let at = |minutes_ago: u64| codat_keys::Timestamp::now() - Duration::from_secs(60 * minutes_ago);
    let seconds = u64::try_from(at(86).as_second()).unwrap();
    let old = uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, 0)).to_string();
    let key = |id: &str, date: String| format!(r#"{{"id":"{id}","name":"ci","apiKey":"MadeUpKey-{id}"{date}}}"#);
    let dated = |id: &str, ago: u64| key(id, format!(r#","createdDate":"{}""#, at(ago)));
    let keys = [dated("before", 92), dated("skewed", 90), dated("after", 80), key("undated", String::new())];
    let server = RawServer::with_replies(vec![json(200, &format!(r#"{{"results":[{}]}}"#, keys.join(",")))]);

    let error = client(&server).keys().create(name()).idempotency_key(old).await.unwrap_err();
    assert_eq!(candidates(&error), Some(vec!["skewed", "after", "undated"]));
    assert!(posts(&server).is_empty());
}

#[tokio::test]
async fn a_cancelled_call_reports_whether_its_outcome_is_unknown() {
    let seen = |server: &RawServer, requests: usize| {
        let server = server.clone();
        async move {
            while server.requests().len() < requests {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let server = RawServer::with_replies(vec![json(200, TWO_KEYS), Reply::Hang]);
    let error = client(&server).keys().create(name()).cancel_on(seen(&server, 2)).await.unwrap_err();
    assert_eq!(
        (error.kind(), candidates(&error)),
        (ErrorKind::OutcomeUnknown, None),
        "the keys were not listed after the request"
    );
    assert!(server.requests()[1].contains(error.outcome().unwrap().idempotency_key.as_ref().unwrap()));

    let server = RawServer::with_replies(vec![Reply::Hang]);
    let error = client(&server).keys().create(name()).cancel_on(seen(&server, 1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "only a list request was sent");

    let server = RawServer::with_replies(vec![json(200, TWO_KEYS), Reply::Hang]);
    let error =
        client(&server).keys().delete(&KeyId::parse("b").unwrap()).cancel_on(seen(&server, 2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);

    let server = RawServer::with_replies(vec![json(200, ONE_KEY), Reply::Disconnect, json(201, NEW_KEY), Reply::Hang]);
    let made = client(&server).keys().create(name()).cancel_on(seen(&server, 4)).await.unwrap();
    assert_eq!((made.how, made.extras.is_none()), (How::Replayed, true), "a received key is returned");
}

#[tokio::test]
async fn a_response_with_another_key_is_ambiguous() {
    let other = r#"{"id":"z","name":"other","apiKey":"MadeUpKeyZ"}"#;
    let (unknown, posts) =
        create(vec![json(200, ONE_KEY), json(201, other), json(201, NEW_KEY), json(200, TWO_KEYS)]).await;
    assert_eq!((unknown.unwrap().how, posts.len()), (How::Replayed, 2));
    let (unknown, _) = create(vec![json(200, TWO_KEYS), json(200, NEW_KEY), json(401, "")]).await;
    assert_eq!(unknown.unwrap_err().kind(), ErrorKind::OutcomeUnknown, "the key existed before");
}

#[tokio::test]
async fn a_long_retry_after_ends_the_call_and_is_reported() {
    let failed = "HTTP/1.1 503 No\r\nretry-after: 3600\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let failed = || Reply::Bytes(failed.as_bytes().to_vec());
    let (unknown, posts) = create(vec![json(200, ONE_KEY), failed(), json(200, ONE_KEY)]).await;
    assert_eq!((unknown.unwrap_err().retry_after(), posts.len()), (Some(Duration::from_secs(3600)), 1));
    let server = RawServer::with_replies(vec![json(200, TWO_KEYS), failed(), json(200, TWO_KEYS)]);
    let error = client(&server).keys().delete(&KeyId::parse("b").unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), server.requests().len()), (ErrorKind::OutcomeUnknown, 3));
}

#[tokio::test]
async fn blank_correlation_ids_differ_and_the_body_identifies_the_key_limit() {
    let answers = vec![json(200, ONE_KEY), failed(502, ""), failed(502, " "), json(201, NEW_KEY), json(200, TWO_KEYS)];
    assert_eq!(create(answers).await.0.unwrap().how, How::Replayed);
    let limit = json(409, r#"{"statusCode":400,"error":"Zu viele Schlüssel"}"#);
    let (refused, posts) = create(vec![json(200, ONE_KEY), limit]).await;
    assert_eq!((refused.unwrap_err().kind(), posts.len()), (ErrorKind::KeyLimitReached, 1));
}

#[tokio::test]
async fn the_responses_decide_the_outcome_of_a_delete() {
    use ErrorKind::{Forbidden, LastKey, NotFound, OutcomeUnknown, Unauthorized};
    let (one, two) = (|| json(200, ONE_KEY), || json(200, TWO_KEYS));
    let endings = [
        ("deleted in the first attempt", vec![json(204, "")], None),
        ("unknown to Codat, in the first attempt", vec![codats(404)], Some(NotFound)),
        ("unknown to a gateway", vec![json(404, "<html>")], Some(NotFound)),
        ("the last key for Codat", vec![json(409, "{}")], Some(LastKey)),
        ("no access", vec![json(401, "")], Some(Unauthorized)),
        ("forbidden", vec![json(403, "")], Some(Forbidden)),
        ("lost, then gone", vec![Reply::Disconnect, one()], None),
        ("failed, then gone", vec![json(500, ""), one()], None),
        ("an inconclusive success, then gone", vec![json(200, "{}"), one()], None),
        ("lost, still there, then deleted", vec![Reply::Disconnect, two(), json(204, "")], None),
        ("lost, still there, then unknown to Codat", vec![Reply::Disconnect, two(), codats(404)], None),
        (
            "lost, unknown to a gateway, still there, then deleted",
            vec![Reply::Disconnect, two(), json(404, "<html>"), two(), json(204, "")],
            None,
        ),
        (
            "lost, unknown to a gateway, and still there",
            vec![Reply::Disconnect, two(), json(404, "<html>"), two()],
            Some(OutcomeUnknown),
        ),
        ("lost, unknown to a gateway, then gone", vec![Reply::Disconnect, two(), json(404, ""), one()], None),
        ("too many requests, then deleted", vec![json(429, ""), two(), json(204, "")], None),
        ("too many requests, then deleted by another client", vec![json(429, ""), one()], Some(NotFound)),
        ("lost, and the keys cannot be listed", vec![Reply::Disconnect, json(401, "")], Some(OutcomeUnknown)),
        ("lost, then no access", vec![Reply::Disconnect, two(), json(401, "")], Some(OutcomeUnknown)),
        (
            "lost again and again",
            vec![
                Reply::Disconnect,
                two(),
                Reply::Disconnect,
                two(),
                Reply::Disconnect,
                two(),
                Reply::Disconnect,
                two(),
            ],
            Some(OutcomeUnknown),
        ),
    ];
    for (case, answers, kind) in endings {
        let server = RawServer::with_replies([vec![json(200, TWO_KEYS)], answers].concat());
        let result = client(&server).keys().delete(&KeyId::parse("b").unwrap()).await;
        assert_eq!(result.err().map(|error| error.kind()), kind, "{case}");
    }
}

#[tokio::test]
async fn a_rejection_after_a_lost_delete_of_the_key_in_use_hints_at_success() {
    for no_access in [401, 403] {
        let server = RawServer::with_replies(vec![json(200, TWO_KEYS), Reply::Disconnect, json(no_access, "")]);
        let error =
            client(&server).keys().delete(&KeyId::parse("a").unwrap()).allow_key_in_use(true).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        assert!(error.hint().contains("probably deleted"), "{error:?}");
    }
}

#[tokio::test]
async fn a_name_that_contains_a_key_is_not_sent() {
    let (in_use, other) = ("MadeUpKeyA000000000000000000000000000000", "MadeUpKeyB000000000000000000000000000000");
    let server = RawServer::with_replies(vec![json(200, TWO_KEYS)]);
    // A name that looks like an API key is rejected earlier. This name contains the key with a space in it.
    let split = |key: &str| key.replacen("00", "0 0", 1);
    for name in [split(in_use), format!("my {}", split(in_use)), split(other)] {
        let refused = client(&server).keys().create(KeyName::parse(&name).unwrap()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        assert!(!format!("{refused:?} {refused} {}", refused.hint()).contains(&name));
    }
    assert!(posts(&server).is_empty());
}

#[test]
fn a_name_that_looks_like_a_credential_is_rejected() {
    let key = "MadeUpKeyNotInUse00000000000000000000000";
    let header = codat_keys::AuthorizationHeader::from(&ApiKey::parse("MadeUpKeyC").unwrap());
    let header = header.expose_secret();
    for name in [
        key.to_owned(),
        format!("of {key}"),
        format!("{key}_old"),
        header.to_owned(),
        format!(" {header}"),
        format!("x {header}"),
        format!("Authorization: {header}"),
        format!(
            "authorization:{}",
            header.to_ascii_lowercase().replace(&header.to_ascii_lowercase()[6..], &header[6..])
        ),
    ] {
        let refused = KeyName::parse(&name).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{name}");
        let shown = format!("{refused:?} {refused} {}", refused.hint());
        assert!(!shown.contains(key) && !shown.contains(&header[6..]), "{shown}");
    }
    let (hash, longest) = ("0f".repeat(20), "x".repeat(50));
    for name in
        [&key[1..], &hash, &longest, "Basic plan", "basic authentication", "0192f0c1-2f6e-7cc3-98c4-dc0c0c07398f"]
    {
        assert_eq!(KeyName::parse(name).unwrap().as_str(), name);
    }
}

#[tokio::test]
async fn duplicate_list_entries_count_as_one_key() {
    let twice = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"},
        {"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"},
        {"id":"b","apiKey":"MadeUpKeyA000000000000000000000000000000"}]}"#;
    let server = RawServer::with_replies(vec![json(200, twice)]);
    for id in ["a", "b"] {
        let client = client(&server);
        let delete = client.keys().delete(&KeyId::parse(id).unwrap()).allow_key_in_use(true);
        assert_eq!(delete.await.unwrap_err().kind(), ErrorKind::LastKey);
    }
    assert!(server.requests().iter().all(|request| request.starts_with("GET")));
}

#[tokio::test]
async fn a_list_of_thousands_of_keys_is_rejected() {
    let keys: Vec<String> = (0..1_001).map(|id| format!(r#"{{"id":"{id}","apiKey":"MadeUpKey{id}"}}"#)).collect();
    let server = RawServer::with_replies(vec![json(200, &format!(r#"{{"results":[{}]}}"#, keys.join(",")))]);
    let error = client(&server).keys().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    assert!(error.to_string().contains("1001 keys"), "{error}");
}
