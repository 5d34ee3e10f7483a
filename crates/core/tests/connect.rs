//! Failed connections: their errors and the number of attempts.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use codat_keys::{ApiKey, Client, ClientBuilder, Error, ErrorKind, StatusCode};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;

use crate::raw_server::{RawServer, Reply, json};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";
const PASSWORD: &str = "MadeUpPassword";
const TARGET: &str = "https://codat.example";

fn builder(url: &str) -> ClientBuilder {
    Client::builder().base_url(url).api_key(ApiKey::parse(KEY).unwrap())
}

/// Starts a proxy that responds to all requests with `status`. Returns the proxy and its URL with a password.
fn proxy(status: u16) -> (RawServer, String) {
    let server = RawServer::with_replies(vec![json(status, "")]);
    let url = server.url.replace("http://", &format!("http://user:{PASSWORD}@"));
    (server, url)
}

async fn through(proxy: &str) -> Error {
    builder(TARGET).proxy(proxy).build().unwrap().keys().list().await.unwrap_err()
}

#[tokio::test]
async fn a_rejection_by_a_proxy_is_not_retried_and_a_failure_is() {
    // For any other status than 407, the client sends a second `CONNECT` request to learn the status.
    for (status, words, connects) in [
        (407, "407 Proxy Authentication Required", 1),
        (403, "403 Forbidden", 2),
        (405, "405 Method Not Allowed", 2),
        (404, "404 Not Found", 2),
        (302, "302 Found", 2),
        (502, "502 Bad Gateway", 8),
        (503, "503 Service Unavailable", 8),
        (504, "504 Gateway Timeout", 8),
        (429, "429 Too Many Requests", 8),
    ] {
        let (server, url) = proxy(status);
        let error = through(&url).await;
        let said = format!("the proxy {} answered {words} when asked to connect to codat.example:443", server.url);
        assert_eq!((error.kind(), message(&error)), (ErrorKind::Connect, said));
        assert_eq!((error.status(), error.is_retryable()), (None, connects == 8));
        assert_eq!(server.requests().len(), connects, "{status}");
        for connect in server.requests() {
            let connect = connect.to_lowercase();
            let head = "connect codat.example:443 http/1.1\r\nhost: codat.example:443\r\n";
            assert!(connect.starts_with(head), "{connect}");
            // From Python: base64.b64encode(b"user:MadeUpPassword").lower()
            assert!(connect.contains("proxy-authorization: basic dxnlcjpnywrlvxbqyxnzd29yza==\r\n"), "{connect}");
            assert!(!connect.contains("\r\nauthorization") && !format!("{error:?}").contains(PASSWORD), "{error:?}");
        }
    }
}

#[tokio::test]
async fn the_error_names_a_proxy_that_does_not_respond_with_http() {
    let ssh = RawServer::with_replies(vec![Reply::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec())]);
    let error = through(&ssh.url).await;
    assert_eq!(error.to_string(), format!("the proxy {} does not answer with HTTP", ssh.url));
    assert_eq!((error.kind(), ssh.requests().len()), (ErrorKind::Connect, 2));
    let lost = RawServer::with_replies(vec![Reply::Disconnect]);
    let error = through(&lost.url).await;
    assert_eq!(message(&error), format!("the proxy {} closed the connection without a response", lost.url));
    assert_eq!(lost.requests().len(), 4);
    let closed_port = closed_port();
    let error = through(&closed_port).await;
    let said =
        format!("no connection to the proxy {closed_port} could be made: nothing listens there (connection refused)");
    assert_eq!(message(&error), said);
}

/// Without TLS, a request is sent to the proxy without a tunnel. The request contains the password for the proxy.
#[tokio::test]
async fn an_unencrypted_request_to_a_proxy_has_an_absolute_url() {
    let (server, url) = proxy(407);
    let error = builder("http://127.0.0.1:9")
        .proxy(url)
        .allow_insecure_http(true)
        .build()
        .unwrap()
        .keys()
        .list()
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::BadResponse, Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED))
    );
    let request = server.requests().remove(0);
    assert!(request.starts_with("GET http://127.0.0.1:9/apiKeys HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("proxy-authorization: Basic dXNlcjpNYWRlVXBQYXNzd29yZA==\r\n"), "{request}");
}

#[tokio::test]
async fn the_error_names_a_closed_port_and_an_unknown_host() {
    let closed_port = closed_port();
    let error = builder(&closed_port).build().unwrap().keys().list().await.unwrap_err();
    let said = format!("no connection to {closed_port} could be made: nothing listens there (connection refused)");
    assert_eq!((error.kind(), message(&error)), (ErrorKind::Connect, said));
    // The resolver rejects a label of more than 63 characters without a DNS query.
    let nowhere = format!("http://{}a.example", "a-".repeat(32));
    let error = builder(&nowhere).allow_insecure_http(true).build().unwrap().keys().list().await.unwrap_err();
    let said = format!("the host name of {nowhere} cannot be resolved: ");
    assert!(error.to_string().starts_with(&said) && !error.to_string().contains("lookup"), "{error}");
    assert!(error.is_retryable(), "the resolver may be out of order for a while");
}

#[tokio::test]
async fn a_tls_handshake_with_an_unencrypted_port_is_not_retried() {
    let (url, connections) = listener(|mut connection| {
        let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = connection.read_to_end(&mut Vec::new());
    });
    let error = builder(&url).build().unwrap().keys().list().await.unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Connect, format!("{url} does not answer with TLS")));
    assert_eq!((connections.load(Ordering::SeqCst), error.is_retryable()), (1, false));
    // The server closes the connection during the TLS handshake. The client retries.
    let (url, connections) = listener(drop);
    let error = builder(&url).build().unwrap().keys().list().await.unwrap_err();
    let said = format!("the TLS handshake with {url} did not end: the other side closed the connection");
    assert_eq!((error.kind(), message(&error)), (ErrorKind::Connect, said));
    assert_eq!(connections.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn an_invalid_certificate_is_not_retried() {
    type Change = fn(&mut rcgen::CertificateParams);
    let cases: [(&str, Change, bool, &str); 4] = [
        ("127.0.0.1", |_| {}, false, "is signed by an authority that is not trusted"),
        (
            "127.0.0.1",
            |it| it.not_after = rcgen::date_time_ymd(2001, 1, 1),
            true,
            "has expired, or the clock of this machine is wrong",
        ),
        (
            "127.0.0.1",
            |it| it.not_before = rcgen::date_time_ymd(2999, 1, 1),
            true,
            "is not valid yet, or the clock of this machine is wrong",
        ),
        ("other.example", |_| {}, true, "is for another host name"),
    ];
    for (name, change, is_trusted, what) in cases {
        let server = Tls::start(name, change);
        let builder = builder(&server.url);
        let builder = if is_trusted { builder.ca_file(server.authority()) } else { builder };
        let error = builder.build().unwrap().keys().list().await.unwrap_err();
        let said = format!("the certificate of {} {what}", server.url);
        assert_eq!((error.kind(), message(&error)), (ErrorKind::Connect, said));
        assert!(error.hint().contains("CODAT_CA_FILE"), "{error:?}");
        assert_eq!((server.connections.load(Ordering::SeqCst), error.is_retryable()), (1, false));
    }
}

#[tokio::test]
async fn a_tunnel_hides_the_key_from_the_proxy() {
    let server = Tls::start("127.0.0.1", |_| {});
    let direct = builder(&server.url).ca_file(server.authority()).build().unwrap();
    assert_eq!(direct.keys().list().await.unwrap().len(), 0);
    let target = server.url.replace("https://", "");
    let (proxy, connections) = listener(move |connection| relay(connection, &target));
    let client =
        builder(&server.url).ca_file(server.authority()).proxy(proxy.replace("https", "http")).build().unwrap();
    for _ in 0..3 {
        assert_eq!(client.keys().list().await.unwrap().len(), 0);
    }
    assert!(connections.load(Ordering::SeqCst) >= 1);
}

/// Another test could listen on a port that was closed a moment ago.
fn closed_port() -> String {
    "http://127.0.0.1:1".into()
}

/// Starts a server that calls `serve` for each connection. Returns its `https` URL and its number of connections.
fn listener(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let (count, serve) = (Arc::clone(&connections), Arc::new(serve));
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(connection));
        }
    });
    (url, connections)
}

/// Acts as a proxy that opens a tunnel to `target`: forwards all data between the client and the target.
fn relay(mut client: TcpStream, target: &str) {
    let head = read_head(&mut client);
    assert!(head.starts_with(&format!("CONNECT {target} ")), "{head}");
    let server = TcpStream::connect(target).unwrap();
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
    let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || drop(std::io::copy(&mut up, &mut down)));
    let _ = std::io::copy(&mut &server, &mut client);
}

/// Reads the head of a message up to and including the blank line.
fn read_head(stream: &mut impl Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

/// An HTTPS server with a certificate of its own authority. It answers with an empty list.
struct Tls {
    url: String,
    connections: Arc<AtomicUsize>,
    folder: TempDir,
}

impl Tls {
    fn start(name: &str, change: impl Fn(&mut rcgen::CertificateParams)) -> Self {
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = rcgen::CertifiedIssuer::self_signed(authority, rcgen::KeyPair::generate().unwrap()).unwrap();
        let mut certificate = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut certificate);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = certificate.signed_by(&key, &authority).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("authority.pem"), authority.pem()).unwrap();

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap());
        let (url, connections) = listener(move |connection| {
            let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(tls, connection);
            while !read_head(&mut stream).is_empty() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"results\":[]}");
            }
        });
        Self { url, connections, folder }
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }
}

/// Returns the text of the error without the number of attempts and the elapsed time.
fn message(error: &Error) -> String {
    let text = error.to_string();
    text.split_once(", after ").map_or(text.clone(), |(message, _)| message.to_owned())
}
