//! Custom credential providers: their results and the number of reads.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use codat_keys::{
    ApiKey, Client, ClientBuilder, Credential, CredentialFuture, ErrorKind, KeyId, KeyProvider, Method, StatusCode,
};

use crate::credential_refresh::replace;
use crate::raw_server::{RawServer, Reply, json};

pub(crate) const OLD: &str = "MadeUpKeyOld0000000000000000000000000000";
pub(crate) const NEW: &str = "MadeUpKeyNew0000000000000000000000000000";

/// A provider that returns the results in order, and then the last result again. Counts its reads.
#[derive(Clone)]
struct Counted(Arc<(Vec<Result<&'static str, &'static str>>, AtomicUsize)>);

impl Counted {
    fn giving(readings: impl IntoIterator<Item = Result<&'static str, &'static str>>) -> Self {
        Self(Arc::new((readings.into_iter().collect(), AtomicUsize::new(0))))
    }

    fn readings(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

impl KeyProvider for Counted {
    fn source(&self) -> &str {
        "the counted vault"
    }

    fn read(&self) -> CredentialFuture<'_> {
        Box::pin(async {
            let number = self.0.1.fetch_add(1, Ordering::SeqCst).min(self.0.0.len() - 1);
            // All other requests are rejected during this wait.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(Credential::parse(self.0.0[number]?)?)
        })
    }
}

/// Starts a server that accepts only the new key.
pub(crate) fn server() -> RawServer {
    RawServer::with_handler(|request| if request.contains(&header_of(NEW)) { json(200, "{}") } else { json(401, "{}") })
}

pub(crate) fn header_of(key: &str) -> String {
    let key = ApiKey::parse(key).unwrap();
    format!("authorization: {}\r\n", codat_keys::AuthorizationHeader::from(&key).expose_secret())
}

pub(crate) fn builder(server: &RawServer) -> ClientBuilder {
    Client::builder().base_url(&server.url)
}

pub(crate) async fn get(client: &Client) -> Result<(), codat_keys::Error> {
    client.request(Method::GET, "/companies").await.map(drop)
}

async fn sixty_four_at_once(client: &Client) -> Vec<Result<(), codat_keys::Error>> {
    let call = || {
        let client = client.clone();
        tokio::spawn(async move { get(&client).await })
    };
    let calls: Vec<_> = (0..64).map(|_| call()).collect();
    let mut ended = Vec::new();
    for call in calls {
        ended.push(call.await.unwrap());
    }
    ended
}

#[tokio::test]
async fn concurrently_rejected_calls_read_the_source_once() {
    let (server, vault) = (server(), Counted::giving([Ok(OLD), Ok(NEW)]));
    let client = builder(&server).api_key_from(vault.clone()).build().unwrap();
    client.reload_key().await.unwrap();
    assert!(sixty_four_at_once(&client).await.into_iter().all(|ended| ended.is_ok()));
    assert_eq!((vault.readings(), server.requests().len()), (2, 128));
}

/// A request can be rejected while another request reads the source. If that read returns the rejected key, the source
/// is read again, because the key may have changed after the read began.
#[tokio::test]
async fn concurrently_rejected_calls_share_an_unchanged_key() {
    let (server, vault) = (server(), Counted::giving([Ok(OLD)]));
    let client = builder(&server).api_key_from(vault.clone()).build().unwrap();
    client.reload_key().await.unwrap();
    let ended = sixty_four_at_once(&client).await;
    assert!(ended.into_iter().all(|ended| ended.unwrap_err().kind() == ErrorKind::Unauthorized));
    assert!(vault.readings() < 16, "{}", vault.readings());
    assert_eq!(server.requests().len(), 64);
}

#[tokio::test]
async fn concurrent_first_calls_read_the_source_once() {
    let (server, vault) = (server(), Counted::giving([Ok(NEW)]));
    let client = builder(&server).api_key_from(vault.clone()).build().unwrap();
    assert_eq!(client.authorization_for(&server.url).unwrap_err().kind(), ErrorKind::NoCredential);
    assert!(sixty_four_at_once(&client).await.into_iter().all(|ended| ended.is_ok()));
    assert_eq!((vault.readings(), server.requests().len()), (1, 64));
}

/// The key of a request is redacted in the response, even if the client already uses another key.
#[tokio::test]
async fn a_response_is_redacted_with_the_key_of_its_request() {
    let server = RawServer::with_replies(vec![json(200, &format!(r#"{{"echo":"{OLD}"}}"#))]);
    let client = builder(&server).api_key_from(Counted::giving([Ok(OLD), Ok(NEW)])).build().unwrap();
    let answer = client.request(Method::GET, "/companies").await.unwrap();
    assert!(client.reload_key().await.unwrap());
    assert_eq!(String::from_utf8_lossy(&answer.redacted()), r#"{"echo":"****"}"#);
}

#[tokio::test]
async fn an_unchanged_key_is_not_sent_again_after_a_rejection() {
    for (status, kind) in [(401, ErrorKind::Unauthorized), (403, ErrorKind::Forbidden)] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        replace(&file, OLD);
        let vault = Counted::giving([Ok(OLD)]);
        let given = |server: &RawServer| {
            [
                builder(server).api_key(ApiKey::parse(OLD).unwrap()),
                builder(server).api_key_file(&file),
                builder(server).api_key_from(vault.clone()),
            ]
        };
        for number in 0..3 {
            let server = RawServer::with_replies(vec![json(status, "{}")]);
            let [value, file, provider] = given(&server);
            let client = [value, file, provider].into_iter().nth(number).unwrap().build().unwrap();
            let error = get(&client).await.unwrap_err();
            assert_eq!((error.kind(), error.hint()), (kind, kind.hint()));
            assert_eq!(server.requests().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_failed_reload_adds_a_hint_to_the_rejection() {
    let (server, vault) = (server(), Counted::giving([Ok(OLD), Err("it is sealed")]));
    let client = builder(&server).api_key_from(vault.clone()).build().unwrap();
    let error = get(&client).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Unauthorized, Some(StatusCode::UNAUTHORIZED)));
    assert!(error.hint().contains("the counted vault gave no key: it is sealed"), "{}", error.hint());
    assert_eq!((vault.readings(), server.requests().len()), (2, 1));
    assert!(client.authorization_for(&server.url).is_ok(), "the key in use goes on");
}

#[tokio::test]
async fn no_request_is_sent_if_the_first_read_fails() {
    let (server, vault) = (server(), Counted::giving([Err("it is sealed"), Ok(NEW)]));
    let client = builder(&server).api_key_from(vault).build().unwrap();
    let error = get(&client).await.unwrap_err();
    assert_eq!(error.to_string(), "the counted vault gave no key: it is sealed");
    assert_eq!((error.kind(), server.requests().len()), (ErrorKind::InvalidCredential, 0));
    get(&client).await.unwrap();
}

/// The `Debug` form of a provider's error can contain more than its text, such as the response of a vault.
#[tokio::test]
async fn debug_shows_only_the_text_of_a_providers_error() {
    const SHORT: &str = "MadeUpKeyShort";
    #[derive(Debug)]
    struct VaultError {
        body: &'static str,
    }
    impl fmt::Display for VaultError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "odd\u{1b} {OLD} {SHORT}")
        }
    }
    impl std::error::Error for VaultError {}
    struct Vault(AtomicUsize);
    impl KeyProvider for Vault {
        fn source(&self) -> &str {
            "the vault"
        }
        fn read(&self) -> CredentialFuture<'_> {
            Box::pin(async {
                match self.0.fetch_add(1, Ordering::SeqCst) {
                    0 => Ok(Credential::parse(SHORT)?),
                    _ => Err(VaultError { body: NEW }.into()),
                }
            })
        }
    }
    let client = builder(&server()).api_key_from(Vault(AtomicUsize::new(0))).build().unwrap();
    client.reload_key().await.unwrap();
    let error = client.reload_key().await.unwrap_err();
    let shown = format!("{error:?} {error:#?}");
    assert!([NEW, OLD, SHORT, "\u{1b}"].iter().all(|secret| !shown.contains(secret)), "{shown}");
    assert!(shown.contains(r#"source: Some("odd\u{1b} **** ****")"#), "{shown}");
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<VaultError>().unwrap();
    assert_eq!(source.body, NEW, "the source itself stays available");
}

#[tokio::test]
async fn a_call_times_out_if_its_source_does_not_respond() {
    struct Silent;
    impl KeyProvider for Silent {
        fn source(&self) -> &str {
            "the silent vault"
        }
        fn read(&self) -> CredentialFuture<'_> {
            Box::pin(std::future::pending())
        }
    }
    let server = server();
    let client = builder(&server).timeout(Duration::from_millis(300)).api_key_from(Silent).build().unwrap();
    assert_eq!(get(&client).await.unwrap_err().kind(), ErrorKind::Timeout);
    let reload = tokio::time::timeout(Duration::from_secs(20), client.reload_key());
    assert_eq!(reload.await.expect("it ends").unwrap_err().kind(), ErrorKind::Timeout);
    assert!(server.requests().is_empty());
}

/// The server rejects the old key when the client deletes the new key. The client then uses the new key, so it must not
/// delete it without `allow_key_in_use`.
#[tokio::test]
async fn delete_lists_the_keys_again_after_a_refresh() {
    let two = format!(r#"{{"results":[{{"id":"old","apiKey":"{OLD}"}},{{"id":"new","apiKey":"{NEW}"}}]}}"#);
    let server = RawServer::with_handler(move |request| match request.starts_with("GET") {
        true => json(200, &two),
        false if request.contains(&header_of(OLD)) => json(401, "{}"),
        false => Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
    });
    let delete = async |permit: bool| {
        let client = builder(&server).api_key_from(Counted::giving([Ok(OLD), Ok(NEW)])).build().unwrap();
        let id = KeyId::parse("new").unwrap();
        client.keys().delete(&id).allow_key_in_use(permit).await
    };
    assert_eq!(delete(false).await.unwrap_err().kind(), ErrorKind::KeyInUse);
    delete(true).await.unwrap();
}

/// A child process creates its client with `after_fork`. (A blocking client needs no function call: see `fork.rs`.)
#[tokio::test]
async fn a_rebuilt_client_starts_with_the_key_and_refreshes_it() {
    let (server, vault) = (server(), Counted::giving([Ok(OLD), Ok(NEW)]));
    let client = builder(&server).api_key_from(vault.clone()).build().unwrap();
    client.reload_key().await.unwrap();
    let in_child = client.after_fork().unwrap();
    assert!(in_child.authorization_for(&server.url).is_ok());
    get(&in_child).await.unwrap();
    assert_eq!(vault.readings(), 2);
    assert_ne!(client.authorization_for(&server.url).unwrap(), in_child.authorization_for(&server.url).unwrap());
    client.close();
    assert_eq!(get(&client.after_fork().unwrap()).await.unwrap_err().kind(), ErrorKind::Closed);
}

/// A provider with a credential that may always have changed.
struct Changing(Counted);

impl KeyProvider for Changing {
    fn source(&self) -> &str {
        self.0.source()
    }

    fn read(&self) -> CredentialFuture<'_> {
        self.0.read()
    }

    fn may_have_changed(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_source_that_may_have_changed_is_read_before_each_request() {
    let server = RawServer::with_handler(|_| json(200, "{}"));
    let vault = Counted::giving([Ok(OLD), Ok(NEW), Err("the vault is sealed")]);
    let client = builder(&server).api_key_from(Changing(vault.clone())).build().unwrap();
    for (key, readings) in [(OLD, 1), (NEW, 2), (NEW, 3)] {
        get(&client).await.unwrap();
        assert!(server.requests().pop().unwrap().contains(&header_of(key)));
        assert_eq!(vault.readings(), readings);
    }
}
