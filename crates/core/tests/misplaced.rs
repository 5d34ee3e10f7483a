//! API keys that are passed by mistake as other values, such as a URL, a path or an id. Errors and `Debug` output must
//! not contain them.

use std::future::IntoFuture;

use codat_keys::{ApiKey, Client, ErrorKind, KeyCommand, KeyId, KeyName, Method};

use crate::raw_server::{RawServer, Reply};

const KEY: &str = "MadeUpKeyForTheTests0123456789abcdefGhIj";
const SHORT: &str = "MadeUpKey.short";

/// The API key is passed as a URL, a command, a path, an id and a header.
#[test]
fn no_output_contains_a_misplaced_key() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for key in [KEY, SHORT] {
        let server = RawServer::with_replies(vec![Reply::Disconnect; 4]);
        let builder = || {
            let key = ApiKey::parse(key).unwrap();
            Client::builder().base_url(format!("{}/{}", server.url, key.expose_secret())).api_key(key)
        };
        let (client, blocking) = (builder().build().unwrap(), builder().build_blocking().unwrap());
        let mut shown = format!("{client:?} {blocking:?} {:?} {:?}", client.keys(), blocking.keys());
        let post = |header: &str, value: &str| {
            let call = client.request(Method::POST, "/companies").header(header, value);
            runtime.block_on(call.into_future()).unwrap_err()
        };
        for error in [post("idempotency-key", key), post(&format!("{key}\n"), "x"), post(key, "x\n")] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            shown += &format!("{error} {} {error:?}", error.hint());
        }
        assert!(server.requests().is_empty());
        assert!(!shown.contains(key), "{shown}");
    }
    let client = Client::builder().api_key(ApiKey::parse(SHORT).unwrap()).build().unwrap();
    let (name, id) = (KeyName::parse("ci").unwrap(), KeyId::parse(KEY).unwrap());
    let shown = format!(
        "{:?} {id:?} {id} {:?} {:?} {:?} {:?}",
        KeyCommand::new([KEY, KEY]),
        client.request(Method::GET, &format!("/{KEY}")),
        client.pages::<serde::de::IgnoredAny>(&format!("/{KEY}")),
        client.keys().create(&name).idempotency_key(KEY),
        client.keys().delete(&id),
    );
    assert!(!shown.contains(KEY), "{shown}");
    // The program can still read the id that it passed.
    assert_eq!(id.as_str(), KEY);
}

/// An idempotency key that looks like a credential is masked in the text of the error, but not in its data.
#[tokio::test]
async fn an_idempotency_key_that_looks_like_a_key_is_not_shown() {
    let server = RawServer::with_replies(vec![Reply::Disconnect; 4]);
    let key = ApiKey::parse(SHORT).unwrap();
    let client = Client::builder().base_url(&server.url).api_key(key).build().unwrap();
    let call = client.request(Method::POST, "/companies").header("Idempotency-Key", KEY);
    let error = call.await.unwrap_err();
    assert_eq!(error.outcome().unwrap().idempotency_key.as_deref(), Some(KEY));
    assert!(!format!("{error:?} {error} {}", error.hint()).contains(KEY), "{error:?}");
}
