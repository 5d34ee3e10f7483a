//! Invalid HTTP responses and responses of other servers: the errors and the number of attempts.

use codat_keys::{ApiKey, Client, Error, ErrorKind, HeaderValue, KeyName, Method, StatusCode};

use crate::raw_server::{RawServer, Reply, json};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";
const ONE_KEY: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyA000000000000000000000000000000"}]}"#;

const TOO_LARGE: &str =
    "its head is too large, has more than 100 headers, or declares a `Content-Length` of almost 2^64";

fn client(server: &RawServer) -> Client {
    Client::builder().base_url(&server.url).api_key(ApiKey::parse(KEY).unwrap()).build().unwrap()
}

fn bytes(answer: impl AsRef<[u8]>) -> Reply {
    Reply::Bytes(answer.as_ref().to_vec())
}

fn with_encoding(status: u16, encoding: &str, body: &[u8]) -> Reply {
    let head = format!(
        "HTTP/1.1 {status} Status\r\ncontent-encoding: {encoding}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    bytes([head.as_bytes(), body].concat())
}

/// Sends a GET, a POST and a `create` to a server with this response. Returns the number of requests and the error of
/// each.
async fn said(answer: &Reply) -> [(usize, Error); 3] {
    let server = RawServer::with_replies(vec![answer.clone()]);
    let read = client(&server).keys().list().await.unwrap_err();
    let reads = server.requests().len();
    let server = RawServer::with_replies(vec![answer.clone()]);
    let changed = client(&server).request(Method::POST, "/companies").await.unwrap_err();
    let changes = server.requests().len();
    let server = RawServer::with_replies(vec![json(200, ONE_KEY), answer.clone()]);
    let created = client(&server).keys().create(KeyName::parse("ci").unwrap()).await.unwrap_err();
    [(reads, read), (changes, changed), (0, created)]
}

#[tokio::test]
async fn a_response_that_is_not_http_is_a_bad_response() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(105));
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1_000_000));
    for (answer, what) in [
        (many.as_str(), TOO_LARGE),
        (&long, TOO_LARGE),
        ("HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n", TOO_LARGE),
        ("HTTP/1.1 200 OK\r\nno header\r\n\r\n", "a header is malformed"),
        ("HTTP/1.1 2x0 OK\r\n\r\n", "its status line is malformed"),
        ("HTTP/9.9 200 OK\r\n\r\n", "it does not begin with `HTTP/1.1`"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "it does not begin with `HTTP/1.1`"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}}",
            "its `Content-Length` is malformed, or several differ",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
            "the chunks of its body cannot be read",
        ),
    ] {
        let [(reads, read), (changes, changed), (_, created)] = said(&bytes(answer)).await;
        assert_eq!((read.kind(), reads, changes), (ErrorKind::BadResponse, 1, 1), "{what}: {read:?}");
        assert!(read.to_string().contains(&format!(" is not valid HTTP: {what}")), "{read}");
        assert!(read.to_string().starts_with("the response of http://127.0.0.1:"), "{read}");
        for unknown in [changed, created] {
            assert_eq!(unknown.kind(), ErrorKind::OutcomeUnknown, "{unknown:?}");
            assert!(unknown.to_string().contains(what), "{unknown}");
        }
    }
}

/// A TLS server responds to an unencrypted request with a TLS alert, or closes the connection.
#[tokio::test]
async fn the_error_names_a_port_that_expects_tls() {
    for answer in [bytes("\x15\x03\x01\0\x02\x02\x46"), Reply::Disconnect] {
        let [(_, read), ..] = said(&answer).await;
        assert!(read.to_string().contains(" http://127.0.0.1:"), "{read}");
        assert!(read.hint().ends_with("a port that speaks TLS needs https://"), "{read:?}");
    }
}

#[tokio::test]
async fn the_error_names_an_unrequested_content_encoding() {
    let gzip = with_encoding(200, "gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03");
    let [(reads, read), (changes, changed), (_, created)] = said(&gzip).await;
    assert_eq!(
        (read.kind(), read.status(), reads, changes),
        (ErrorKind::BadResponse, Some(StatusCode::OK), 1, 1),
        "{read:?}"
    );
    assert!(read.to_string().starts_with("the response is encoded as `gzip`, though "), "{read}");
    for unknown in [changed, created] {
        assert_eq!(unknown.kind(), ErrorKind::OutcomeUnknown, "{unknown:?}");
        assert!(unknown.to_string().contains("`gzip`"), "{unknown}");
    }
    // The body of an error response is optional: its status determines the error.
    let server = RawServer::with_replies(vec![with_encoding(404, "br", br#"{"error":"Gone"}"#)]);
    let error = client(&server).keys().list().await.unwrap_err();
    assert_eq!((error.kind(), error.codat_message()), (ErrorKind::NotFound, None), "{error:?}");
    for none in ["identity", "Identity", ""] {
        let server = RawServer::with_replies(vec![with_encoding(200, none, ONE_KEY.as_bytes())]);
        assert_eq!(client(&server).keys().list().await.unwrap().len(), 1, "{none}");
    }
    let server = RawServer::with_replies(vec![json(200, "{}")]);
    let asked = client(&server);
    let name = codat_keys::HeaderName::from_static("accept-encoding");
    let error = asked.request(Method::GET, "/x").header(name, HeaderValue::from_static("gzip")).await.unwrap_err();
    assert_eq!((error.kind(), server.requests().len()), (ErrorKind::InvalidInput, 0));
}

#[tokio::test]
async fn the_error_names_an_unrequested_transfer_coding() {
    let with_coding = |status: u16, coding: &str, body: &str| {
        bytes(format!("HTTP/1.1 {status} Status\r\n{coding}connection: close\r\n\r\n{body}"))
    };
    let chunked = format!("{:x}\r\n{ONE_KEY}\r\n0\r\n\r\n", ONE_KEY.len());
    for coding in [
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: GZip ,Chunked\r\n",
        "transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n",
    ] {
        let [(reads, read), (changes, changed), (_, created)] = said(&with_coding(200, coding, &chunked)).await;
        assert_eq!((read.kind(), reads, changes), (ErrorKind::BadResponse, 1, 1), "{coding}: {read:?}");
        assert!(read.to_string().to_lowercase().starts_with("the response is encoded as `gzip"), "{read}");
        for unknown in [changed, created] {
            assert_eq!(unknown.kind(), ErrorKind::OutcomeUnknown, "{unknown:?}");
        }
    }
    let [(_, read), ..] = said(&with_coding(200, "transfer-encoding: gzip\r\n", ONE_KEY)).await;
    assert_eq!(read.kind(), ErrorKind::BadResponse, "{read:?}");
    let server = RawServer::with_replies(vec![with_coding(404, "transfer-encoding: gzip, chunked\r\n", &chunked)]);
    assert_eq!(client(&server).keys().list().await.unwrap_err().kind(), ErrorKind::NotFound);
    for plain in ["transfer-encoding: chunked\r\n", "Transfer-Encoding: CHUNKED\r\n", "transfer-encoding: ,chunked\r\n"]
    {
        let server = RawServer::with_replies(vec![with_coding(200, plain, &chunked)]);
        assert_eq!(client(&server).keys().list().await.unwrap().len(), 1, "{plain}");
    }
}

#[tokio::test]
async fn a_content_encoding_that_is_the_key_is_masked() {
    let key = "MadeUpKeyOfEncodings";
    let server = RawServer::with_replies(vec![with_encoding(200, key, b"x")]);
    let client = Client::builder().base_url(&server.url).api_key(ApiKey::parse(key).unwrap()).build().unwrap();
    let error = client.keys().list().await.unwrap_err();
    assert!(error.to_string().starts_with("the response is encoded as `****`, though "), "{error}");
}

#[tokio::test]
async fn a_byte_order_mark_before_json_is_skipped() {
    let marked = |status, body: &str| json(status, &format!("\u{feff}{body}"));
    let new = r#"{"id":"b","name":"ci","apiKey":"MadeUpKeyB000000000000000000000000000000"}"#;
    let server = RawServer::with_replies(vec![
        marked(200, ONE_KEY),
        marked(201, new),
        marked(200, r#"{"results":[1],"totalResults":1}"#),
        marked(200, ONE_KEY),
        marked(404, r#"{"statusCode":404,"error":"Gone","correlationId":"c1"}"#),
    ]);
    let client = client(&server);
    assert_eq!(client.keys().create(KeyName::parse("ci").unwrap()).await.unwrap().key.id.as_str(), "b");
    assert_eq!(client.pages::<serde_json::Value>("/companies").next().await.unwrap().unwrap().total_results, 1);
    let answer = client.request(Method::GET, "/x").await.unwrap();
    assert_eq!(answer.json::<serde_json::Value>().unwrap()["results"][0]["id"], "a");
    assert_eq!(answer.text().unwrap(), ONE_KEY);
    let error = client.keys().list().await.unwrap_err();
    assert_eq!((error.codat_message(), error.correlation_id()), (Some("Gone"), Some("c1")), "{error:?}");
}

#[tokio::test]
async fn a_key_is_masked_in_the_encoding_of_its_body() {
    let text = |key: &str| format!("{{\"name\":\"株 {key}\"}}");
    for encode in [
        (|text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect()) as fn(&str) -> Vec<u8>,
        |text| text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        |text| text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
        |text| text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(),
    ] {
        let body = encode(&text(KEY));
        let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        let server = RawServer::with_replies(vec![bytes([head.as_bytes(), &body].concat())]);
        let answer = client(&server).request(Method::GET, "/apiKeys").await.unwrap();
        assert_eq!(answer.redacted(), encode(&text("****")));
    }
}

#[tokio::test]
async fn an_array_is_no_page() {
    let server = RawServer::with_replies(vec![json(200, "[[1],1]")]);
    let client = client(&server);
    let mut pages = client.pages::<serde_json::Value>("/companies");
    assert_eq!(pages.next().await.unwrap_err().kind(), ErrorKind::BadResponse);
}

#[tokio::test]
async fn a_total_that_is_not_a_number_of_results_is_a_bad_response() {
    for (total, read) in [
        ("2.0", Some(2)),
        ("2e0", Some(2)),
        ("9007199254740991", Some((1 << 53) - 1)),
        ("9007199254740992", None),
        ("9007199254740992.0", None),
        ("18446744073709551615", None),
        ("18446744073709551616", None),
        ("99999999999999999999", None),
        ("1e300", None),
        ("-1", None),
        ("-0.5", None),
        ("1.5", None),
    ] {
        let page = format!(r#"{{"results":[1],"totalResults":{total}}}"#);
        let server = RawServer::with_replies(vec![json(200, &page)]);
        let client = client(&server);
        match client.pages::<serde_json::Value>("/companies").next().await {
            Ok(page) => assert_eq!(Some(page.unwrap().total_results), read, "{total}"),
            Err(error) => {
                assert_eq!((error.kind(), read), (ErrorKind::BadResponse, None), "{total}: {error:?}");
                assert!(error.to_string().contains("its `totalResults` is not a whole number"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn an_unrequested_part_of_a_resource_is_a_bad_response() {
    let part = json(206, r#"{"results":[],"totalResults":0}"#);
    let what = "the response contains only a part of the resource, which was not asked for";
    let [(reads, read), (changes, changed), (_, created)] = said(&part).await;
    assert_eq!((read.kind(), reads, changes), (ErrorKind::BadResponse, 1, 1), "{read:?}");
    let server = RawServer::with_replies(vec![part]);
    let client = client(&server);
    let errors = [
        read,
        client.request(Method::GET, "/companies").await.unwrap_err(),
        client.request(Method::GET, "/companies").send_streaming().await.unwrap_err(),
        client.pages::<serde_json::Value>("/companies").next().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.kind(), error.status()), (ErrorKind::BadResponse, Some(StatusCode::PARTIAL_CONTENT)));
        assert!(error.to_string().starts_with(what) && error.hint().contains("whole responses"), "{error:?}");
    }
    for unknown in [changed, created] {
        assert_eq!(unknown.kind(), ErrorKind::OutcomeUnknown, "{unknown:?}");
        assert!(unknown.to_string().contains(what), "{unknown}");
    }
    let (name, value) = ("range", "bytes=0-9");
    assert_eq!(client.request(Method::GET, "/x").header(name, value).await.unwrap().status(), 206);
    let streamed = client.request(Method::GET, "/x").header(name, value).send_streaming().await.unwrap();
    assert_eq!(streamed.status(), 206);
}
