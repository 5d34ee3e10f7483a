//! The `Authorization` header for requests of other HTTP libraries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use codat_keys::{
    ApiKey, AuthorizationHeader, Client, ClientBuilder, Credential, CredentialFuture, ErrorKind, KeyProvider,
};

use crate::credential_refresh::replace;
use crate::providers::{NEW, OLD};

const OWN: &str = "https://api.example/companies";

/// A provider that first returns the old key, then the new key, and counts its reads.
#[derive(Clone, Default)]
struct Vault(Arc<AtomicUsize>);

impl KeyProvider for Vault {
    fn source(&self) -> &str {
        "the vault"
    }

    fn read(&self) -> CredentialFuture<'_> {
        Box::pin(async {
            // The concurrent calls of `authorize` begin during this wait.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let key = if self.0.fetch_add(1, Ordering::SeqCst) == 0 { OLD } else { NEW };
            Ok(Credential::parse(key)?)
        })
    }
}

fn builder() -> ClientBuilder {
    Client::builder().base_url("https://api.example")
}

fn header(key: &str) -> AuthorizationHeader {
    AuthorizationHeader::from(&ApiKey::parse(key).unwrap())
}

#[tokio::test]
async fn concurrent_authorize_calls_read_the_source_once() {
    let vault = Vault::default();
    let client = builder().api_key_from(vault.clone()).build().unwrap();
    assert_eq!(client.cached_authorization(OWN).unwrap(), None);
    let unread = client.authorization_for(OWN).unwrap_err();
    assert_eq!(unread.kind(), ErrorKind::NoCredential);
    assert!(unread.hint().contains("`authorize`"), "{}", unread.hint());
    let calls = (0..64).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.authorize(OWN).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), header(OLD));
    }
    assert_eq!(vault.0.load(Ordering::SeqCst), 1);
    assert_eq!(client.authorization_for(OWN).unwrap(), header(OLD));
}

#[tokio::test]
async fn concurrent_reauthorize_calls_read_the_source_once() {
    let vault = Vault::default();
    let client = builder().api_key_from(vault.clone()).build().unwrap();
    let rejected = client.authorize(OWN).await.unwrap();
    let calls = (0..64).map(|_| {
        let (client, rejected) = (client.clone(), rejected.clone());
        tokio::spawn(async move { client.reauthorize(OWN, &rejected).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), Some(header(NEW)));
    }
    assert_eq!(vault.0.load(Ordering::SeqCst), 2);
    assert_eq!(client.reauthorize(OWN, &header(NEW)).await.unwrap(), None, "the source has no other key");
    assert_eq!(vault.0.load(Ordering::SeqCst), 3);
    assert_eq!(client.reauthorize(OWN, &header(OLD)).await.unwrap(), Some(header(NEW)), "it was replaced already");
    assert_eq!(vault.0.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_fixed_key_has_no_replacement() {
    let client = builder().api_key(ApiKey::parse(OLD).unwrap()).build().unwrap();
    assert_eq!(client.authorize(OWN).await.unwrap(), header(OLD));
    assert_eq!(client.reauthorize(OWN, &header(OLD)).await.unwrap(), None);
}

#[tokio::test]
async fn another_origin_gets_no_header() {
    let vault = Vault::default();
    let client = builder().api_key_from(vault.clone()).build().unwrap();
    for other in ["https://other.example/companies", "http://api.example/", "/companies"] {
        let refused = [
            client.authorize(other).await.unwrap_err(),
            client.reauthorize(other, &header(OLD)).await.unwrap_err(),
            client.cached_authorization(other).unwrap_err(),
            client.authorization_for(other).unwrap_err(),
        ];
        assert!(refused.iter().all(|error| error.kind() == ErrorKind::InvalidInput), "{other}: {refused:?}");
    }
    assert_eq!(vault.0.load(Ordering::SeqCst), 0, "nothing is read for it");
    client.close();
    assert_eq!(client.authorize(OWN).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(client.reauthorize(OWN, &header(OLD)).await.unwrap_err().kind(), ErrorKind::Closed);
}

/// A base URL and the URLs of other libraries have one rule.
#[tokio::test]
async fn a_base_url_in_another_than_the_normal_form_is_rejected() {
    let client = builder().api_key_from(Vault::default()).build().unwrap();
    for url in ["https://api%2eexample", "https://api\u{3002}example", "https://api.example\0", "https:api.example"] {
        let variable = |name: &str| (name == "CODAT_BASE_URL").then(|| url.into());
        let key = || Client::builder().api_key(ApiKey::parse(NEW).unwrap());
        for (place, error) in [
            ("the base URL", key().base_url(url).build().unwrap_err()),
            ("CODAT_BASE_URL", key().build_in(&variable).unwrap_err()),
        ] {
            let text = format!("{place} is not written in the normal form of the URL standard");
            assert_eq!((error.kind(), error.to_string()), (ErrorKind::InvalidInput, text), "{url}");
            assert_eq!(error.hint(), "write it as https://api.example", "{url}");
        }
        assert_eq!(client.authorization_for(url).unwrap_err().kind(), ErrorKind::InvalidInput, "{url}");
    }
    for url in ["https://API.example", "HTTPS://api.EXAMPLE:443/"] {
        let client = Client::builder().base_url(url).api_key(ApiKey::parse(NEW).unwrap()).build().unwrap();
        assert_eq!(client.base_url(), "https://api.example");
        assert!(client.authorization_for(url).is_ok(), "{url}");
    }
}

#[tokio::test]
async fn a_replaced_file_is_read_without_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    replace(&file, OLD);
    let client = builder().api_key_file(&file).build().unwrap();
    let blocking = builder().api_key_file(&file).build_blocking().unwrap();
    assert_eq!(client.authorization_for(OWN).unwrap(), header(OLD));
    assert_eq!(blocking.authorization_for(OWN).unwrap(), header(OLD));
    replace(&file, NEW);
    let is_new = |given: Result<AuthorizationHeader, _>| given.unwrap() == header(NEW);
    let seen = async {
        while !is_new(client.authorization_for(OWN)) || !is_new(blocking.authorization_for(OWN)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), seen).await.expect("the new key is never used");
}

#[test]
fn a_blocking_client_reads_any_source() {
    let vault = Vault::default();
    let client = builder().api_key_from(vault.clone()).build_blocking().unwrap();
    assert_eq!(client.cached_authorization(OWN).unwrap(), None);
    assert_eq!(client.authorization_for(OWN).unwrap(), header(OLD));
    assert_eq!(client.authorization_for(OWN).unwrap(), header(OLD));
    assert_eq!(client.reauthorize(OWN, &header(OLD)).unwrap(), Some(header(NEW)));
    assert_eq!(vault.0.load(Ordering::SeqCst), 2);
    assert_eq!(client.authorization_for("https://other.example/").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_proxy_as_next_hop_is_rejected() {
    let base = "http://127.0.0.1:4010";
    let client = Client::builder().base_url(base).api_key(ApiKey::parse(OLD).unwrap()).build().unwrap();
    assert!(client.check_next_hop("http://127.0.0.1:4010").is_ok());
    for (proxy, shown) in [
        ("http://user:MadeUpPassword@127.0.0.1:8080", "the proxy http://127.0.0.1:8080"),
        ("https://proxy.example", "the proxy https://proxy.example"),
        ("socks5h://[::1]:1080", "the proxy socks5h://[::1]:1080"),
        ("http://127.0.0.1:4011/", "the proxy http://127.0.0.1:4011"),
        ("127.0.0.1:8080", "the proxy"),
    ] {
        let error = client.check_next_hop(proxy).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), format!("{shown} would see the key unencrypted"));
    }
}

#[test]
fn a_client_can_be_built_with_a_header() {
    let client = builder().auth_header(header(OLD)).build().unwrap();
    assert_eq!(client.authorization_for(OWN).unwrap(), header(OLD));
}
