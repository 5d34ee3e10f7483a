//! Creating exactly once and deleting for sure, row by row, against a raw socket.

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

/// A refusal that is surely Codat's.
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
    let result = client(&server).keys().create(&name()).await;
    (result, posts(&server))
}

/// The requests that could have made a key, after a check that all go with one idempotency key and the same bytes.
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
async fn an_answer_in_doubt_is_asked_for_again_under_the_same_idempotency_key() {
    let cut_off = Reply::Bytes(b"HTTP/1.1 201 Created\r\ncontent-length: 500\r\n\r\n{\"id\":\"b\"".to_vec());
    let in_doubt = [
        Reply::Disconnect,
        cut_off,
        json(201, "{}"),
        json(201, ""),
        json(408, "{}"),
        json(500, "<html>"),
        failed(502, "of a gateway"),
        json(503, "{}"),
    ];
    for answer in in_doubt {
        let (made, posts) = create(vec![json(200, ONE_KEY), answer, json(201, NEW_KEY), json(200, THREE_KEYS)]).await;
        let made = made.unwrap();
        assert_eq!((made.key.id.as_str(), made.how, posts.len()), ("b", How::Replayed, 2));
        let extras: Vec<_> = made.extras.as_ref().unwrap().iter().map(|key| key.id.as_str()).collect();
        assert_eq!(extras, ["c"], "what else is new is told");
    }
}

#[tokio::test]
async fn extras_are_unknown_where_nobody_could_look() {
    let (made, _) = create(vec![json(200, ONE_KEY), Reply::Disconnect, json(201, NEW_KEY), json(401, "")]).await;
    assert!(made.unwrap().extras.is_none());
}

#[tokio::test]
async fn what_leaves_no_doubt_is_made_or_refused_as_itself() {
    let (made, posts) = create(vec![json(200, ONE_KEY), json(201, NEW_KEY)]).await;
    let made = made.unwrap();
    assert_eq!((made.how, made.extras.unwrap().len(), posts.len()), (How::Created, 0, 1));
    let (made, posts) = create(vec![json(200, ONE_KEY), json(429, ""), json(201, NEW_KEY)]).await;
    assert_eq!((made.unwrap().how, posts.len()), (How::Created, 2), "a 429 makes nothing");

    let refusals = [
        (codats(400), ErrorKind::InvalidInput),
        (json(401, "{}"), ErrorKind::Unauthorized),
        (json(402, "{}"), ErrorKind::PaymentRequired),
        (json(403, "{}"), ErrorKind::Forbidden),
        (at_limit(), ErrorKind::KeyLimitReached),
        (json(302, ""), ErrorKind::BadResponse),
        (json(404, ""), ErrorKind::NotFound),
    ];
    for (answer, kind) in refusals {
        let (refused, posts) = create(vec![json(200, ONE_KEY), answer]).await;
        assert_eq!((refused.unwrap_err().kind(), posts.len()), (kind, 1));
    }
}

#[tokio::test]
async fn once_in_doubt_only_a_proof_ends_as_itself() {
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
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::KeyLimitReached, "nothing was made under this idempotency key");
    let (refused, _) = create(vec![json(200, ONE_KEY), Reply::Disconnect, codats(400)]).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_429_in_doubt_is_followed_by_a_look_since_it_releases_the_idempotency_key() {
    let until_429 = vec![json(200, ONE_KEY), Reply::Disconnect, json(429, "")];
    let then = |rest: Vec<Reply>| create([until_429.clone(), rest].concat());

    let (unknown, posts) = then(vec![json(200, TWO_KEYS)]).await;
    let error = unknown.unwrap_err();
    assert_eq!((candidates(&error), posts.len()), (Some(vec!["b"]), 2), "a key that may be ours stops the repetition");
    let (made, posts) = then(vec![json(200, ONE_KEY), json(201, NEW_KEY), json(200, TWO_KEYS)]).await;
    assert_eq!((made.unwrap().how, posts.len()), (How::Replayed, 3), "nothing new: go on");
    let (unknown, posts) = then(vec![json(401, "")]).await;
    assert_eq!((candidates(&unknown.unwrap_err()), posts.len()), (None, 2), "nobody could look");
    let (unknown, _) = then(vec![json(200, ONE_KEY), at_limit(), json(200, TWO_KEYS)]).await;
    assert_eq!(candidates(&unknown.unwrap_err()), Some(vec!["b"]), "the limit proves nothing after a 429 in doubt");
}

#[tokio::test]
async fn a_failure_replayed_is_final_and_two_looks_tell_what_came_of_it() {
    let failed_for_good = vec![json(200, ONE_KEY), failed(503, "same"), failed(503, "same")];
    let then = |rest: Vec<Reply>| create([failed_for_good.clone(), rest].concat());

    let (unknown, posts) = then(vec![json(200, TWO_KEYS)]).await;
    assert_eq!((candidates(&unknown.unwrap_err()), posts.len()), (Some(vec!["b"]), 2));

    let started = Instant::now();
    let (unknown, posts) = then(vec![json(200, ONE_KEY), json(200, TWO_KEYS)]).await;
    assert_eq!((candidates(&unknown.unwrap_err()), posts.len()), (Some(vec!["b"]), 2), "the second look finds it");
    assert!(started.elapsed() >= Duration::from_secs(2), "the looks are 2 s apart");

    let (unknown, _) = then(vec![json(200, ONE_KEY)]).await;
    let error = unknown.unwrap_err();
    assert_eq!(candidates(&error), Some(vec![]));
    assert!(error.to_string().contains("most likely nothing was made"), "{error}");
}

#[tokio::test]
async fn a_candidate_is_adopted_only_by_a_sole_creator_and_only_if_it_is_the_one() {
    for (listed, adopt, adopted) in
        [(TWO_KEYS, true, true), (TWO_KEYS, false, false), (THREE_KEYS, true, false), (ONE_KEY, true, false)]
    {
        let answers = vec![json(200, ONE_KEY), failed(500, "same"), failed(500, "same"), json(200, listed)];
        let server = RawServer::with_replies(answers);
        let result = client(&server).keys().create(&name()).adopt(adopt).await;
        assert_eq!(result.is_ok_and(|made| made.how == How::Adopted && made.key.id.as_str() == "b"), adopted);
    }
}

#[tokio::test]
async fn the_first_attempt_still_running_is_waited_for() {
    let running = json(409, r#"{"statusCode":409,"error":"Idempotency-Conflict"}"#);
    let answers = vec![json(200, ONE_KEY), Reply::Disconnect, running, json(201, NEW_KEY), json(200, TWO_KEYS)];
    let (made, posts) = create(answers).await;
    assert_eq!((made.unwrap().how, posts.len()), (How::Replayed, 3));
}

#[tokio::test]
async fn a_call_is_resumed_under_its_idempotency_key() {
    let now = uuid::Uuid::now_v7().to_string();
    let resume = async |server: &RawServer, key: &str| client(server).keys().create(&name()).idempotency_key(key).await;

    let server = RawServer::with_replies(vec![json(201, NEW_KEY), json(200, TWO_KEYS)]);
    assert_eq!(resume(&server, &now).await.unwrap().how, How::Replayed);
    assert!(server.requests()[0].starts_with("POST ") && server.requests()[0].contains(&now), "no list comes before");

    let server = RawServer::with_replies(vec![json(200, ONE_KEY)]);
    let future = "02000000-0000-7000-8000-000000000000";
    assert_eq!(
        resume(&server, future).await.unwrap_err().kind(),
        ErrorKind::OutcomeUnknown,
        "of a clock that was wrong"
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
        "an earlier call may have made it"
    );
}

#[tokio::test]
async fn an_idempotency_key_of_85_minutes_is_not_sent_and_candidates_go_by_date() {
    let at = |minutes_ago: u64| codat_keys::Timestamp::now() - Duration::from_secs(60 * minutes_ago);
    let seconds = u64::try_from(at(86).as_second()).unwrap();
    let old = uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, 0)).to_string();
    let key = |id: &str, date: String| format!(r#"{{"id":"{id}","name":"ci","apiKey":"MadeUpKey-{id}"{date}}}"#);
    let dated = |id: &str, ago: u64| key(id, format!(r#","createdDate":"{}""#, at(ago)));
    let keys = [dated("before", 92), dated("skewed", 90), dated("after", 80), key("undated", String::new())];
    let server = RawServer::with_replies(vec![json(200, &format!(r#"{{"results":[{}]}}"#, keys.join(",")))]);

    let error = client(&server).keys().create(&name()).idempotency_key(old).await.unwrap_err();
    assert_eq!(candidates(&error), Some(vec!["skewed", "after", "undated"]));
    assert!(posts(&server).is_empty());
}

#[tokio::test]
async fn a_call_that_is_stopped_tells_what_may_have_happened() {
    let seen = async |server: &RawServer, requests: usize| {
        while server.requests().len() < requests {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let server = RawServer::with_replies(vec![json(200, TWO_KEYS), Reply::Hang]);
    let error = client(&server).keys().create(&name()).until(seen(&server, 2)).await.unwrap_err();
    assert_eq!(
        (error.kind(), candidates(&error)),
        (ErrorKind::OutcomeUnknown, None),
        "nobody looked after it was sent"
    );
    assert!(server.requests()[1].contains(error.outcome().unwrap().idempotency_key.as_ref().unwrap()));

    let server = RawServer::with_replies(vec![Reply::Hang]);
    let error = client(&server).keys().create(&name()).until(seen(&server, 1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "nothing but a list was sent");

    let server = RawServer::with_replies(vec![json(200, TWO_KEYS), Reply::Hang]);
    let error = client(&server).keys().delete(&KeyId::parse("b").unwrap()).until(seen(&server, 2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);

    let server = RawServer::with_replies(vec![json(200, ONE_KEY), Reply::Disconnect, json(201, NEW_KEY), Reply::Hang]);
    let made = client(&server).keys().create(&name()).until(seen(&server, 4)).await.unwrap();
    assert_eq!((made.how, made.extras.is_none()), (How::Replayed, true), "a key in hand is not thrown away");
}

#[tokio::test]
async fn an_answer_that_tells_of_another_key_is_no_proof() {
    let other = r#"{"id":"z","name":"other","apiKey":"MadeUpKeyZ"}"#;
    let (unknown, posts) =
        create(vec![json(200, ONE_KEY), json(201, other), json(201, NEW_KEY), json(200, TWO_KEYS)]).await;
    assert_eq!((unknown.unwrap().how, posts.len()), (How::Replayed, 2));
    let (unknown, _) = create(vec![json(200, TWO_KEYS), json(200, NEW_KEY), json(401, "")]).await;
    assert_eq!(unknown.unwrap_err().kind(), ErrorKind::OutcomeUnknown, "it was there before");
}

#[tokio::test]
async fn a_wait_that_a_failure_asks_for_is_obeyed_or_told() {
    let failed = "HTTP/1.1 503 No\r\nretry-after: 3600\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let failed = || Reply::Bytes(failed.as_bytes().to_vec());
    let (unknown, posts) = create(vec![json(200, ONE_KEY), failed(), json(200, ONE_KEY)]).await;
    assert_eq!((unknown.unwrap_err().retry_after(), posts.len()), (Some(Duration::from_secs(3600)), 1));
    let server = RawServer::with_replies(vec![json(200, TWO_KEYS), failed(), json(200, TWO_KEYS)]);
    let error = client(&server).keys().delete(&KeyId::parse("b").unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), server.requests().len()), (ErrorKind::OutcomeUnknown, 3));
}

#[tokio::test]
async fn blank_correlation_ids_are_not_the_same_and_a_limit_is_known_by_its_body_too() {
    let answers = vec![json(200, ONE_KEY), failed(502, ""), failed(502, " "), json(201, NEW_KEY), json(200, TWO_KEYS)];
    assert_eq!(create(answers).await.0.unwrap().how, How::Replayed);
    let limit = json(409, r#"{"statusCode":400,"error":"Zu viele Schlüssel"}"#);
    let (refused, posts) = create(vec![json(200, ONE_KEY), limit]).await;
    assert_eq!((refused.unwrap_err().kind(), posts.len()), (ErrorKind::KeyLimitReached, 1));
}

#[tokio::test]
async fn a_delete_ends_as_its_answers_prove() {
    use ErrorKind::{Forbidden, LastKey, NotFound, OutcomeUnknown, Unauthorized};
    let (one, two) = (|| json(200, ONE_KEY), || json(200, TWO_KEYS));
    let endings = [
        ("at once", vec![json(204, "")], None),
        ("unknown to Codat, and nobody else was asked", vec![codats(404)], Some(NotFound)),
        ("unknown to a gateway", vec![json(404, "<html>")], Some(NotFound)),
        ("the last key for Codat", vec![json(409, "{}")], Some(LastKey)),
        ("no access", vec![json(401, "")], Some(Unauthorized)),
        ("forbidden", vec![json(403, "")], Some(Forbidden)),
        ("lost, then gone", vec![Reply::Disconnect, one()], None),
        ("failed, then gone", vec![json(500, ""), one()], None),
        ("a success that proves nothing, then gone", vec![json(200, "{}"), one()], None),
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
        ("too many requests, and somebody else was faster", vec![json(429, ""), one()], Some(NotFound)),
        ("lost, and nobody can look", vec![Reply::Disconnect, json(401, "")], Some(OutcomeUnknown)),
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
async fn deleting_the_key_in_use_with_the_answer_lost_and_no_access_then_is_probably_done() {
    for no_access in [401, 403] {
        let server = RawServer::with_replies(vec![json(200, TWO_KEYS), Reply::Disconnect, json(no_access, "")]);
        let error = client(&server).keys().delete(&KeyId::parse("a").unwrap()).allow_key_in_use().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        assert!(error.hint().contains("probably deleted"), "{error:?}");
    }
}

#[tokio::test]
async fn a_name_that_holds_a_key_is_not_sent() {
    let (in_use, other) = ("MadeUpKeyA000000000000000000000000000000", "MadeUpKeyB000000000000000000000000000000");
    let server = RawServer::with_replies(vec![json(200, TWO_KEYS)]);
    // Not in the form of a key, which no name has.
    let split = |key: &str| key.replacen("00", "0 0", 1);
    for name in [split(in_use), format!("my {}", split(in_use)), split(other)] {
        let refused = client(&server).keys().create(&KeyName::parse(&name).unwrap()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        assert!(!format!("{refused:?} {refused} {}", refused.hint()).contains(&name));
    }
    assert!(posts(&server).is_empty());
}

#[test]
fn a_name_that_looks_like_a_credential_is_refused() {
    let key = "MadeUpKeyOfNobody00000000000000000000000";
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
async fn a_key_that_is_listed_twice_is_the_last_key() {
    let twice = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"},
        {"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"},
        {"id":"b","apiKey":"MadeUpKeyA000000000000000000000000000000"}]}"#;
    let server = RawServer::with_replies(vec![json(200, twice)]);
    for id in ["a", "b"] {
        let client = client(&server);
        let delete = client.keys().delete(&KeyId::parse(id).unwrap()).allow_key_in_use();
        assert_eq!(delete.await.unwrap_err().kind(), ErrorKind::LastKey);
    }
    assert!(server.requests().iter().all(|request| request.starts_with("GET")));
}

#[tokio::test]
async fn a_list_of_thousands_is_no_list_of_codats() {
    let keys: Vec<String> = (0..1_001).map(|id| format!(r#"{{"id":"{id}","apiKey":"MadeUpKey{id}"}}"#)).collect();
    let server = RawServer::with_replies(vec![json(200, &format!(r#"{{"results":[{}]}}"#, keys.join(",")))]);
    let error = client(&server).keys().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    assert!(error.to_string().contains("1001 keys"), "{error}");
}
