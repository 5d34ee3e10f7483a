//! Uses an API key, the canary, in requests. The recorded logs, errors and `Debug` output must not contain it, raw or
//! encoded.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codat_keys::{ApiKey, AuthorizationHeader, Client, Credential, KeyId, KeyName, Method};
use codat_keys_emulator::Emulator;
use tracing_subscriber::fmt::MakeWriter;

use crate::credential_refresh::replace;
use crate::raw_server::{RawServer, Reply, json};

const CANARY: &str = "CanaryKeyMadeUpForThisTest00000000000Zq7";
/// The key in Base64, computed in Python, without the last characters: they depend on the padding.
const ENCODED: &str = "Q2FuYXJ5S2V5TWFkZVVwRm9yVGhpc1Rlc3QwMDAwMDAwMDAwMFpxN";

/// The recorded output: logs, errors and `Debug` output.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Output {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Output {
    fn record(&self, what: impl std::fmt::Debug) {
        writeln!(self.clone(), "{what:?}\n{what:#?}").unwrap();
    }

    fn record_error(&self, error: &(dyn std::error::Error + 'static)) {
        writeln!(self.clone(), "{error}\n{error:?}\n{error:#?}").unwrap();
        if let Some(source) = error.source() {
            self.record_error(source);
        }
    }

    fn record_result<T: std::fmt::Debug>(&self, result: Result<T, codat_keys::Error>) {
        match result {
            Ok(value) => self.record(value),
            Err(error) => self.record_error(&error),
        }
    }
}

#[test]
fn no_output_contains_a_key() {
    let output = Output::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(output.clone());
    subscriber.init();

    let key = ApiKey::parse(CANARY).unwrap();
    let header = AuthorizationHeader::from(&key);
    output.record((
        &key,
        &header,
        header.to_header_value(),
        Credential::parse(CANARY),
        Credential::Header(header.clone()),
    ));
    output.record(Client::builder().api_key(key.clone()).proxy(format!("http://user:{CANARY}@127.0.0.1:1")));
    record_rejections(&output);
    record_a_panic(&output, &key);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        record_emulator_calls(&output).await;
        record_a_key_file(&output).await;
        // The requests are sent at the same time, because the waits before retries take time.
        let echoes = echoes().into_iter().map(|answer| tokio::spawn(record_an_echo(output.clone(), answer)));
        for echo in echoes.collect::<Vec<_>>() {
            echo.await.unwrap();
        }
    });

    let text = String::from_utf8_lossy(&output.0.lock().unwrap()).into_owned();
    assert!(text.contains("codat.request") && text.contains("/apiKeys/{apiKeyId}"), "the logs were recorded");
    assert!(text.contains("correlation_id=\"****"), "the correlation id is logged, without the key that it holds here");
    assert!(text.contains("another key is in use source=\"the key file "), "the new key in the file was logged");
    assert!(text.contains("OutcomeUnknown") && text.contains("Unauthorized"), "the errors were recorded");
    for secret in [CANARY, ENCODED] {
        assert!(!text.contains(secret), "{}", text.lines().find(|line| line.contains(secret)).unwrap());
    }
}

/// Records the errors of invalid credentials that contain the canary key.
fn record_rejections(output: &Output) {
    let encoded = AuthorizationHeader::from(&ApiKey::parse(CANARY).unwrap()).expose_secret()[6..].to_owned();
    for wrong in ["Bearer ", "Basic ", "Authorization: Basic ", " ", "\"", "\u{7}"] {
        output.record_result(Credential::parse(&format!("{wrong}{CANARY}")));
        output.record_result(Credential::parse(&format!("{wrong}{encoded}\n")));
    }
    output.record_result(ApiKey::parse(&encoded));
    output.record_result(KeyId::parse(&format!("../{CANARY}")));
    output.record_result(KeyName::parse(&CANARY.repeat(2)));
    output.record_result(Client::builder().base_url(format!("https://user:{CANARY}@api.example")).build());
    output.record_result(Client::builder().base_url(CANARY).build());
    output.record_result(Client::builder().proxy(format!("ftp://{CANARY}")).build());
}

fn record_a_panic(output: &Output, key: &ApiKey) {
    let panic = std::panic::catch_unwind(|| panic!("{key:?}")).unwrap_err();
    output.record(panic.downcast_ref::<String>().unwrap());
}

async fn record_emulator_calls(output: &Output) {
    let server = Emulator::start().unwrap();
    let client = Client::builder()
        .base_url(server.base_url())
        .api_key(ApiKey::parse(server.api_key()).unwrap())
        .build()
        .unwrap();
    let name = KeyName::parse("ci").unwrap();
    let made = client.keys().create(&name).await.unwrap();
    output.record(&made);
    let made = made.key;
    let blocking = Client::builder().api_key(ApiKey::parse(CANARY).unwrap()).build_blocking().unwrap();
    output.record((&blocking, blocking.keys(), blocking.keys().create(&name), blocking.request(Method::GET, "/")));
    let echo = RawServer::with_replies(vec![json(
        200,
        &format!(r#"{{"results":[{{"apiKey":"{CANARY}"}}],"totalResults":1}}"#),
    )]);
    let paged = Client::builder().base_url(&echo.url).api_key(ApiKey::parse("MadeUpKey").unwrap()).build().unwrap();
    let mut pages = paged.pages::<serde_json::Value>(&format!("/apiKeys?a={CANARY}")).param("b", CANARY);
    output.record_result(pages.next().await);
    output.record((&pages, client.request(Method::GET, &format!("/x?a={CANARY}"))));
    output.record((
        client.request(Method::GET, "/").param("a", CANARY).body(CANARY),
        client.pages::<serde_json::Value>("/companies"),
    ));
    output.record((&client, client.keys(), client.keys().create(&name), client.keys().delete(&made.id), &made));
    output.record_result(client.keys().get(&made.id).await);
    output.record_result(client.keys().find("ci").await);
    output.record_result(client.keys().delete(&made.id).await);
    let text = String::from_utf8_lossy(&output.0.lock().unwrap()).into_owned();
    for secret in [server.api_key(), made.api_key.expose_secret()] {
        assert!(!text.contains(secret), "a key of the emulator shows");
    }
}

/// Records errors for a key file. The file name contains the canary key.
async fn record_a_key_file(output: &Output) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(CANARY);
    let builder = || Client::builder().api_key_file(&file);
    output.record(builder());
    output.record_result(builder().build());
    replace(&file, "MadeUpKey");
    let client = builder().build().unwrap();
    for text in ["MadeUpKeyOfTheSameFile", ""] {
        replace(&file, text);
        output.record_result(client.reload_key().await);
    }
}

/// Returns responses that contain the canary key in every part that the client reads.
fn echoes() -> Vec<Reply> {
    let body = |key: &str| format!(r#"{{"error":"no key {key}","correlationId":"{key}","statusCode":400}}"#);
    let mut answers = vec![
        json(
            200,
            &format!(r#"{{"results":[{{"id":"a","name":"ci","apiKey":"{CANARY}"}},{{"id":"b","apiKey":"x"}}]}}"#),
        ),
        json(200, &format!(r#"{{"results":"{CANARY}"}}"#)),
        json(200, &format!("<html>{CANARY}</html>")),
        Reply::Bytes(format!("{CANARY} {ENCODED}\r\n\r\n").into_bytes()),
        Reply::Bytes(format!("HTTP/1.1 302 {CANARY}\r\nlocation: /{CANARY}\r\n\r\n").into_bytes()),
    ];
    // Some serializers escape more characters than required.
    let escaped = |text: &str| text.chars().map(|c| format!("\\u{:04x}", c as u32)).collect::<String>();
    let encoded = format!("{ENCODED}w==");
    for status in [400, 401, 403, 404, 409, 429, 500] {
        for echo in [CANARY, &encoded, &escaped(CANARY), &escaped(&encoded), &format!("{}{CANARY}", "x".repeat(480))] {
            answers.push(json(status, &body(echo)));
        }
    }
    answers
}

async fn record_an_echo(output: Output, answer: Reply) {
    let list = format!(r#"{{"results":[{{"id":"a","apiKey":"{CANARY}"}},{{"id":"b","name":"ci","apiKey":"x"}}]}}"#);
    let client = |server: &RawServer| {
        let key = ApiKey::parse(CANARY).unwrap();
        Client::builder().base_url(&server.url).api_key(key).timeout(Duration::from_secs(5)).build().unwrap()
    };
    let server = RawServer::with_replies(vec![answer.clone()]);
    output.record_result(client(&server).keys().list().await);
    let answered = client(&server).request(Method::POST, "/companies").await;
    if let Ok(answered) = &answered {
        output.record(String::from_utf8_lossy(&answered.redacted()));
    }
    output.record_result(answered);
    let server = RawServer::with_replies(vec![json(200, &list), answer.clone(), json(200, &list)]);
    output.record_result(client(&server).keys().create(KeyName::parse("ci").unwrap()).await);
    let server = RawServer::with_replies(vec![json(200, &list), answer, json(200, &list)]);
    output.record_result(client(&server).keys().delete(&KeyId::parse("b").unwrap()).await);
}
