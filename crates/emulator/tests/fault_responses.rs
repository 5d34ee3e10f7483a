//! Faults that change the status, the sender or the body of a response.

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{
    Connection, list, names, own_request, post, post_request, read_until_closed, requests, send, send_with_headers,
    wait_until,
};

const NAMED: &str = r#"{"name":"mine"}"#;

fn with(fault: &Value) -> Emulator {
    Emulator::builder().faults(json!({"faults": [fault]}).to_string()).start().unwrap()
}

fn number_of_keys(emulator: &Emulator) -> usize {
    names(emulator).len()
}

/// Splits a response into head and body.
fn split(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    (String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase(), &bytes[end + 4..])
}

#[test]
fn a_status_from_codat_is_stored_for_replay() {
    for (effect, keys) in [(None, 1), (Some("none"), 1), (Some("now"), 2)] {
        let mut fault = json!({"fault": "status", "status": 503, "retryAfter": "Wed, 21 Oct 2026 07:28:00 GMT"});
        if let Some(effect) = effect {
            fault["effect"] = json!(effect);
        }
        let emulator = with(&fault);
        let first = post(&emulator, "one", NAMED);
        assert_eq!((first.status, &first.json()["statusCode"]), (503, &json!(503)));
        assert_eq!(first.error(), "The Codat API is temporarily offline for maintenance. Please try again later.");
        assert_eq!(first.header("retry-after"), Some("Wed, 21 Oct 2026 07:28:00 GMT"));
        assert!(first.header("x-rate-limit-limit").is_some());
        assert_eq!(requests(&emulator)[0]["correlationId"], first.json()["correlationId"]);
        let second = post(&emulator, "one", NAMED);
        assert_eq!((second.status, &second.body, number_of_keys(&emulator)), (503, &first.body, keys), "{effect:?}");
    }
}

#[test]
fn a_stored_response_overrides_a_status_from_codat_but_not_from_a_gateway() {
    let emulator = Emulator::start().unwrap();
    let first = post(&emulator, "one", NAMED);
    let script = json!({"faults": [
        {"fault": "status", "status": 500}, {"fault": "status", "status": 502, "from": "gateway", "effect": "now"},
    ]});
    emulator.set_faults(&script.to_string()).unwrap();
    assert_eq!(post(&emulator, "one", NAMED).body, first.body);
    assert_eq!(post(&emulator, "one", NAMED).status, 502);
    assert_eq!(post(&emulator, "one", NAMED).body, first.body);
}

#[test]
fn a_status_from_a_gateway_is_not_stored_but_the_lost_response_is() {
    for (effect, keys, lost) in [("none", 1, false), ("now", 2, true)] {
        let emulator =
            with(&json!({"fault": "status", "status": 502, "effect": effect, "from": "gateway", "count": 2}));
        let (first, second) = (post(&emulator, "one", NAMED), post(&emulator, "one", NAMED));
        assert_eq!((first.status, second.status), (502, 502));
        assert_ne!(first.json()["correlationId"], second.json()["correlationId"]);
        assert_eq!(first.header("x-rate-limit-limit"), None);
        assert_eq!(number_of_keys(&emulator), keys, "{effect}");
        assert_eq!((post(&emulator, "one", NAMED).status, number_of_keys(&emulator)), (201, 2));
        assert_eq!(requests(&emulator)[2].get("replayed").is_some(), lost);
    }
}

#[test]
fn a_late_effect_follows_the_response() {
    for (from, status, next) in [("codat", 500, 500), ("gateway", 504, 201)] {
        let fault = json!({"fault": "status", "status": status, "effect": "late", "milliseconds": 50, "from": from});
        let emulator = with(&fault);
        assert_eq!(post(&emulator, "one", NAMED).status, status);
        wait_until(|| number_of_keys(&emulator) == 2);
        assert_eq!((post(&emulator, "one", NAMED).status, number_of_keys(&emulator)), (next, 2));
    }
    let fault = json!({"fault": "status", "status": 504, "effect": "late", "milliseconds": 60_000, "from": "gateway"});
    let emulator = with(&fault);
    assert_eq!(post(&emulator, "one", NAMED).status, 504);
    assert_eq!(
        (post(&emulator, "one", NAMED).status, number_of_keys(&emulator)),
        (409, 1),
        "the request is still running"
    );
}

#[test]
fn a_429_can_have_an_effect() {
    let emulator = with(&json!({"fault": "status", "status": 429, "effect": "now"}));
    assert_eq!((post(&emulator, "one", NAMED).status, number_of_keys(&emulator)), (429, 2));
    assert_eq!((post(&emulator, "one", NAMED).status, number_of_keys(&emulator)), (201, 3));
}

#[test]
fn every_status_has_a_default_error_body() {
    for (status, body_status, error) in [
        (400, 400, "Bad Request"),
        (401, 401, "Unauthorized"),
        (402, 402, "You have exceeded the 50-company limit"),
        (403, 403, "You are using an outdated API key"),
        (408, 408, "Request Timeout"),
        (409, 400, "Maximum number of API keys reached."),
        (429, 429, "You have made too many requests"),
        (500, 500, "There is a problem with our server."),
        (599, 599, "Unknown"),
    ] {
        let emulator = with(&json!({"fault": "status", "status": status}));
        let response = send(&emulator, "GET", "/apiKeys", None);
        assert_eq!((response.status, &response.json()["statusCode"]), (status, &json!(body_status)));
        assert!(response.error().starts_with(error), "{}", response.body);
        assert_eq!(response.header("retry-after"), None);
    }
    let emulator = with(&json!({"fault": "status", "status": 204}));
    assert_eq!(send(&emulator, "GET", "/apiKeys", None).header("content-type"), None);
}

#[test]
fn a_custom_body_is_sent_unchanged() {
    let own = json!({"statusCode": 500, "correlationId": "made up"});
    let emulator = with(&json!({"fault": "status", "status": 500, "body": own}));
    assert_eq!(send(&emulator, "GET", "/apiKeys", None).json(), own);
    assert_eq!(requests(&emulator)[0]["correlationId"], "made up");
    let emulator = with(&json!({"fault": "status", "status": 500, "body": null}));
    assert_eq!(send(&emulator, "GET", "/apiKeys", None).body, "null");
    let emulator = with(&json!({"fault": "status", "status": 502, "body": "<html>Bad gateway</html>"}));
    let response = send(&emulator, "GET", "/apiKeys", None);
    assert_eq!(
        (&*response.body, response.header("content-type")),
        ("<html>Bad gateway</html>", Some("text/html; charset=utf-8"))
    );
}

#[test]
fn truncated_sends_half_of_the_body() {
    let emulator = with(&json!({"fault": "truncated"}));
    let bytes = read_until_closed(&emulator, &post_request(&emulator, "one", NAMED));
    let (head, half) = split(&bytes);
    let whole = post(&emulator, "one", NAMED);
    assert!(head.starts_with("http/1.1 201 "), "{head}");
    assert!(head.contains(&format!("\r\ncontent-length: {}", whole.body.len())), "{head}");
    assert_eq!(half, &whole.body.as_bytes()[..whole.body.len() / 2]);
    assert_eq!((number_of_keys(&emulator), &requests(&emulator)[0]["status"]), (2, &json!(201)));

    let id = list(&emulator)[1]["id"].clone();
    emulator.set_faults(r#"{"faults":[{"fault":"truncated"}]}"#).unwrap();
    let request = own_request(&emulator, "DELETE", &format!("/apiKeys/{}", id.as_str().unwrap()), None);
    assert!(split(&read_until_closed(&emulator, &request)).0.starts_with("http/1.1 204 "));
}

#[test]
fn slow_sends_the_unchanged_body() {
    let emulator = with(&json!({"fault": "slow", "milliseconds": 1}));
    let slow = post(&emulator, "one", NAMED);
    assert_eq!((slow.status, post(&emulator, "one", NAMED).body), (201, slow.body));
}

#[test]
fn endless_sends_more_than_any_limit() {
    let emulator = with(&json!({"fault": "endless"}));
    let mut connection = Connection::open(&emulator);
    connection.write(own_request(&emulator, "POST", "/apiKeys", Some(NAMED)).as_bytes());
    let bytes = connection.read_exact(5_000_000);
    let (head, _) = split(&bytes);
    assert!(head.starts_with("http/1.1 201 ") && !head.contains("content-length"), "{head}");
    let running = requests(&emulator).remove(0);
    assert_eq!((&running["status"], running.get("ended")), (&json!(201), None));
    drop(connection);
    wait_until(|| requests(&emulator)[0]["ended"] == "client-closed");
    assert_eq!((&requests(&emulator)[0]["status"], number_of_keys(&emulator)), (&json!(201), 2));
    assert_eq!(send(&emulator, "GET", "/profile", None).status, 200);
}

#[test]
fn huge_sends_a_hundred_megabytes_or_the_given_length() {
    for (fault, length) in
        [(json!({"fault": "huge"}), 100_000_000), (json!({"fault": "huge", "bytes": 20_000}), 20_000)]
    {
        let emulator = with(&fault);
        let response = send(&emulator, "GET", "/apiKeys", None);
        assert_eq!((response.status, response.body.len()), (200, length));
        assert_eq!(requests(&emulator)[0]["ended"], "answered");
        assert!(response.body.starts_with("{\"results\":[ ") && response.body.ends_with(" ]}"));
    }
}

#[test]
fn garbage_html_and_empty_replace_the_body() {
    for (fault, status, content_type) in [
        ("garbage", 201, "application/json"),
        ("html", 200, "text/html; charset=utf-8"),
        ("empty", 201, "application/json"),
    ] {
        let emulator = with(&json!({ "fault": fault }));
        let mut request = post_request(&emulator, "one", NAMED);
        request.insert_str(request.find("\r\n").unwrap(), "\r\nConnection: close");
        let bytes = read_until_closed(&emulator, &request);
        let (head, body) = split(&bytes);
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
        assert!(head.contains(&format!("\r\ncontent-type: {content_type}\r\n")), "{head}");
        assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())), "{head}");
        assert!(serde_json::from_slice::<Value>(body).is_err());
        assert_eq!(body.is_empty(), fault == "empty");
        assert_eq!(requests(&emulator)[0]["status"], status);

        let again = post(&emulator, "one", NAMED);
        assert_eq!((again.status, &again.json()["name"], number_of_keys(&emulator)), (201, &json!("mine"), 2));
    }
}

#[test]
fn a_redirect_has_no_effect() {
    for (given, status) in [(None, 307), (Some(302), 302)] {
        let mut fault = json!({"fault": "redirect", "location": "https://elsewhere.example/apiKeys"});
        if let Some(status) = given {
            fault["status"] = json!(status);
        }
        let emulator = with(&fault);
        let response = send_with_headers(&emulator, "POST", "/apiKeys", &[], None);
        assert_eq!((response.status, response.header("location")), (status, Some("https://elsewhere.example/apiKeys")));
        assert_eq!(number_of_keys(&emulator), 1);
    }
}
