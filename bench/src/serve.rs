//! A small server with one thread, HTTP and HTTPS, and fixed responses. It delays some responses, which nginx cannot do.
//! On machines without nginx, it sends all responses.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::iter::repeat_n;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::StreamBody;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::responses::{
    self, BODY_BYTES, BODY_PATH, DISTANT_PATH, KEYS, KEYS_PATH, LATENCY, PAGES_PATH, THREE_PAGES_PATH,
};
use crate::server::{CERTIFICATE, PRIVATE_KEY};

/// The bodies of the responses by path. A body consists of a number of equal chunks.
type Responses = HashMap<&'static str, (Bytes, usize)>;

/// The size of a chunk of the largest body.
const CHUNK_BYTES: usize = 1_000_000;

/// Serves until the process is killed. `folder` contains the certificate, its private key and the responses.
pub(crate) fn run(http: u16, https: u16, folder: &Path) -> Result<()> {
    let chunk = Bytes::from(vec![0; CHUNK_BYTES]);
    let mut responses =
        HashMap::from([(KEYS_PATH, (Bytes::from(KEYS), 1)), (BODY_PATH, (chunk, BODY_BYTES / CHUNK_BYTES))]);
    for path in [PAGES_PATH, THREE_PAGES_PATH, DISTANT_PATH] {
        responses.insert(path, (fs::read(responses::file(folder, path))?.into(), 1));
    }
    let responses: Arc<Responses> = Arc::new(responses);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, http)).await?;
        let encrypted = TcpListener::bind((Ipv4Addr::LOCALHOST, https)).await?;
        let tls = acceptor(folder)?;
        let shared = Arc::clone(&responses);
        let encrypted = tokio::spawn(async move {
            loop {
                let (stream, tls, responses) = (accept(&encrypted).await?, tls.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    // A client that does not trust the certificate closes the connection.
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, responses).await;
                    }
                });
            }
        });
        while !encrypted.is_finished() {
            tokio::spawn(serve(accept(&plain).await?, Arc::clone(&responses)));
        }
        encrypted.await?
    })
}

/// Accepts a connection and sets `TCP_NODELAY`. Otherwise the second part of a response would wait until the client
/// acknowledges the first part.
async fn accept(listener: &TcpListener) -> Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn acceptor(folder: &Path) -> Result<TlsAcceptor> {
    let certificate = CertificateDer::from_pem_file(folder.join(CERTIFICATE))?;
    let key = PrivateKeyDer::from_pem_file(folder.join(PRIVATE_KEY))?;
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, responses: Arc<Responses>) {
    let service =
        service_fn(async |request: Request<Incoming>| Ok::<_, Infallible>(respond(&request, &responses).await));
    // The client reports a lost connection.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: &Request<Incoming>,
    responses: &Responses,
) -> Response<impl Body<Data = Bytes, Error = Infallible> + use<>> {
    let path = request.uri().path();
    if path == DISTANT_PATH {
        tokio::time::sleep(LATENCY).await;
    }
    let (chunk, count) = responses.get(path).cloned().unwrap_or_default();
    let length = chunk.len() * count;
    let chunks = stream::iter(repeat_n(chunk, count)).map(|chunk| Ok(Frame::data(chunk)));
    let mut response = Response::new(StreamBody::new(chunks));
    if length == 0 {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
