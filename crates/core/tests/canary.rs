//! One key through every call, error, log and `Debug`: it must come out nowhere, raw or encoded.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codat_keys::{ApiKey, AuthorizationHeader, Client, Credential, KeyId, KeyName, Method};
use codat_keys_emulator::Emulator;
use tracing_subscriber::fmt::MakeWriter;

use crate::follow::replace;
use crate::raw_server::{RawServer, Reply, json};

const CANARY: &str = "CanaryKeyMadeUpForThisTest00000000000Zq7";
/// From Python: base64.b64encode(CANARY), without what the padding decides.
const ENCODED: &str = "Q2FuYXJ5S2V5TWFkZVVwRm9yVGhpc1Rlc3QwMDAwMDAwMDAwMFpxN";

/// All that is said, in logs or else.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Heard {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Heard {
    fn hear(&self, what: impl std::fmt::Debug) {
        writeln!(self.clone(), "{what:?}\n{what:#?}").unwrap();
    }

    fn hear_error(&self, error: &(dyn std::error::Error + 'static)) {
        writeln!(self.clone(), "{error}\n{error:?}\n{error:#?}").unwrap();
        if let Some(source) = error.source() {
            self.hear_error(source);
        }
    }

    fn hear_result<T: std::fmt::Debug>(&self, result: Result<T, codat_keys::Error>) {
        match result {
            Ok(value) => self.hear(value),
            Err(error) => self.hear_error(&error),
        }
    }
}

#[test]
fn a_key_shows_nowhere() {
    let heard = Heard::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(heard.clone());
    subscriber.init();

    let key = ApiKey::parse(CANARY).unwrap();
    let header = AuthorizationHeader::from(&key);
    heard.hear((
        &key,
        &header,
        header.to_header_value(),
        Credential::parse(CANARY),
        Credential::Header(header.clone()),
    ));
    heard.hear(Client::builder().api_key(key.clone()).proxy(format!("http://user:{CANARY}@127.0.0.1:1")));
    hear_refusals(&heard);
    hear_a_panic(&heard, &key);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        hear_the_emulator(&heard).await;
        hear_a_key_file(&heard).await;
        // At once, since some of them are tried again and again.
        let echoes = echoes().into_iter().map(|answer| tokio::spawn(hear_an_echo(heard.clone(), answer)));
        for echo in echoes.collect::<Vec<_>>() {
            echo.await.unwrap();
        }
    });

    let said = String::from_utf8_lossy(&heard.0.lock().unwrap()).into_owned();
    assert!(said.contains("codat.request") && said.contains("/apiKeys/{apiKeyId}"), "the logs were heard");
    assert!(said.contains("correlation_id=\"****"), "the correlation id is logged, without the key that it holds here");
    assert!(said.contains("another key is in use source=\"the key file "), "the new key in the file was logged");
    assert!(said.contains("OutcomeUnknown") && said.contains("Unauthorized"), "the errors were heard");
    for secret in [CANARY, ENCODED] {
        assert!(!said.contains(secret), "{}", said.lines().find(|line| line.contains(secret)).unwrap());
    }
}

/// The key in each wrong form: no error quotes what it refuses.
fn hear_refusals(heard: &Heard) {
    let encoded = AuthorizationHeader::from(&ApiKey::parse(CANARY).unwrap()).expose_secret()[6..].to_owned();
    for wrong in ["Bearer ", "Basic ", "Authorization: Basic ", " ", "\"", "\u{7}"] {
        heard.hear_result(Credential::parse(&format!("{wrong}{CANARY}")));
        heard.hear_result(Credential::parse(&format!("{wrong}{encoded}\n")));
    }
    heard.hear_result(ApiKey::parse(&encoded));
    heard.hear_result(KeyId::parse(&format!("../{CANARY}")));
    heard.hear_result(KeyName::parse(&CANARY.repeat(2)));
    heard.hear_result(Client::builder().base_url(format!("https://user:{CANARY}@api.example")).build());
    heard.hear_result(Client::builder().base_url(CANARY).build());
    heard.hear_result(Client::builder().proxy(format!("ftp://{CANARY}")).build());
}

fn hear_a_panic(heard: &Heard, key: &ApiKey) {
    let panic = std::panic::catch_unwind(|| panic!("{key:?}")).unwrap_err();
    heard.hear(panic.downcast_ref::<String>().unwrap());
}

async fn hear_the_emulator(heard: &Heard) {
    let server = Emulator::start().unwrap();
    let client = Client::builder()
        .base_url(server.base_url())
        .api_key(ApiKey::parse(server.api_key()).unwrap())
        .build()
        .unwrap();
    let name = KeyName::parse("ci").unwrap();
    let made = client.keys().create(&name).await.unwrap();
    heard.hear(&made);
    let made = made.key;
    let blocking = Client::builder().api_key(ApiKey::parse(CANARY).unwrap()).build_blocking().unwrap();
    heard.hear((&blocking, blocking.keys(), blocking.keys().create(&name), blocking.request(Method::GET, "/")));
    let echo = RawServer::with_replies(vec![json(
        200,
        &format!(r#"{{"results":[{{"apiKey":"{CANARY}"}}],"totalResults":1}}"#),
    )]);
    let paged = Client::builder().base_url(&echo.url).api_key(ApiKey::parse("MadeUpKey").unwrap()).build().unwrap();
    let mut pages = paged.pages(&format!("/apiKeys?a={CANARY}")).parameter("b", CANARY);
    heard.hear_result(pages.next().await);
    heard.hear((&pages, client.request(Method::GET, &format!("/x?a={CANARY}"))));
    heard.hear((client.request(Method::GET, "/").query("a", CANARY).body(CANARY), client.pages("/companies")));
    heard.hear((&client, client.keys(), client.keys().create(&name), client.keys().delete(&made.id), &made));
    heard.hear_result(client.keys().get(&made.id).await);
    heard.hear_result(client.keys().find("ci").await);
    heard.hear_result(client.keys().delete(&made.id).await);
    let said = String::from_utf8_lossy(&heard.0.lock().unwrap()).into_owned();
    for secret in [server.api_key(), made.api_key.expose_secret()] {
        assert!(!said.contains(secret), "a key of the emulator shows");
    }
}

/// A file that is named like the key, with a key in it that changes, and then cannot be read.
async fn hear_a_key_file(heard: &Heard) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(CANARY);
    let builder = || Client::builder().api_key_file(&file);
    heard.hear(builder());
    heard.hear_result(builder().build());
    replace(&file, "MadeUpKey");
    let client = builder().build().unwrap();
    for text in ["MadeUpKeyOfTheSameFile", ""] {
        replace(&file, text);
        heard.hear_result(client.reload_key().await);
    }
}

/// Answers of a server that sends the credential back, in every place that is read.
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
    // As a serializer may write it that escapes more than it must.
    let escaped = |text: &str| text.chars().map(|c| format!("\\u{:04x}", c as u32)).collect::<String>();
    let encoded = format!("{ENCODED}w==");
    for status in [400, 401, 403, 404, 409, 429, 500] {
        for echo in [CANARY, &encoded, &escaped(CANARY), &escaped(&encoded), &format!("{}{CANARY}", "x".repeat(480))] {
            answers.push(json(status, &body(echo)));
        }
    }
    answers
}

async fn hear_an_echo(heard: Heard, answer: Reply) {
    let list = format!(r#"{{"results":[{{"id":"a","apiKey":"{CANARY}"}},{{"id":"b","name":"ci","apiKey":"x"}}]}}"#);
    let client = |server: &RawServer| {
        let key = ApiKey::parse(CANARY).unwrap();
        Client::builder().base_url(&server.url).api_key(key).timeout(Duration::from_secs(5)).build().unwrap()
    };
    let server = RawServer::with_replies(vec![answer.clone()]);
    heard.hear_result(client(&server).keys().list().await);
    let answered = client(&server).request(Method::POST, "/companies").await;
    if let Ok(answered) = &answered {
        heard.hear(String::from_utf8_lossy(&answered.redacted()));
    }
    heard.hear_result(answered);
    let server = RawServer::with_replies(vec![json(200, &list), answer.clone(), json(200, &list)]);
    heard.hear_result(client(&server).keys().create(&KeyName::parse("ci").unwrap()).await);
    let server = RawServer::with_replies(vec![json(200, &list), answer, json(200, &list)]);
    heard.hear_result(client(&server).keys().delete(&KeyId::parse("b").unwrap()).await);
}
