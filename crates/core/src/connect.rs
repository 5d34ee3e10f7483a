//! Opens connections: a name look-up, TCP, the tunnel of a proxy, TLS. Every failure is an [`Error`] that says so in words of
//! this library; none of them has sent anything to Codat.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{Request, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::rt::ReadBufCursor;
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiResolver, Name};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::connect_error::{self as failed, Unresolved};
use crate::error::Error;
use crate::proxy::Proxy;

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How to reach a server. Clones share their TLS sessions.
#[derive(Clone)]
pub(crate) struct Connector {
    tcp: HttpConnector<Resolver>,
    tls: TlsConnector,
    proxy: Option<Proxy>,
    timeout: Duration,
}

/// An open connection, encrypted or not.
pub(crate) struct Opened {
    stream: TokioIo<Box<dyn Stream>>,
    /// An unencrypted request through a proxy names its whole URL.
    is_proxied: bool,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Connector {
    pub(crate) fn new(tls: Arc<rustls::ClientConfig>, proxy: Option<Proxy>, timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_keepalive_interval(Some(KEEP_ALIVE));
        tcp.set_keepalive_retries(Some(3));
        tcp.set_connect_timeout(Some(timeout));
        Self { tcp, tls: tls.into(), proxy, timeout }
    }

    async fn open(mut self, target: Uri) -> Result<Opened, Error> {
        let is_encrypted = target.scheme_str() == Some("https");
        let proxy = self.proxy.as_ref().and_then(|proxy| proxy.intercept(&target));
        let is_proxied = proxy.is_some() && !is_encrypted;
        let stream = match proxy {
            None => self.tcp(&target, "").await?,
            Some(proxy) => {
                let mut stream = self.tcp(proxy.uri(), "the proxy ").await?;
                if proxy.uri().scheme_str() == Some("https") {
                    stream = self.tls(stream, proxy.uri(), "the proxy ").await?;
                }
                if is_encrypted { tunnel(stream, &proxy, &target).await? } else { stream }
            }
        };
        let stream = if is_encrypted { self.tls(stream, &target, "").await? } else { stream };
        Ok(Opened { stream: TokioIo::new(stream), is_proxied })
    }

    /// `role` stands before the URL in an error.
    async fn tcp(&mut self, to: &Uri, role: &str) -> Result<Box<dyn Stream>, Error> {
        let connected = self.tcp.call(to.clone()).await;
        let stream = connected.map_err(|source| failed::tcp(source, &format!("{role}{}", shown(to))))?;
        Ok(Box::new(stream.into_inner()))
    }

    async fn tls(&self, stream: Box<dyn Stream>, to: &Uri, role: &str) -> Result<Box<dyn Stream>, Error> {
        let place = format!("{role}{}", shown(to));
        // A literal IPv6 address stands in brackets.
        let host = to.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|source| failed::tls(io::Error::other(source), &place))?;
        let encrypted = self.tls.connect(name, stream).await;
        Ok(Box::new(encrypted.map_err(|source| failed::tls(source, &place))?))
    }
}

/// Asks the proxy for a tunnel to the target.
async fn tunnel(stream: Box<dyn Stream>, proxy: &Intercept, target: &Uri) -> Result<Box<dyn Stream>, Error> {
    let (host, port) = (target.host().unwrap_or_default(), target.port_u16().unwrap_or(443));
    let authority = format!("{host}:{port}");
    let mut request = Request::connect(&authority).header(HOST, &authority);
    if let Some(authorization) = proxy.basic_auth() {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|_| failed::unreachable(&shown(target)))?;

    let place = shown(proxy.uri());
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|source| failed::tunnel(source, &place))?;
    // Ends with the tunnel, or with `sender` if there is none.
    tokio::spawn(connection.with_upgrades());
    let response = sender.send_request(request).await.map_err(|source| failed::tunnel(source, &place))?;
    if !response.status().is_success() {
        return Err(failed::refused_by_proxy(response.status(), &place, &authority));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(|source| failed::tunnel(source, &place))?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

/// The origin of a URL: no user name or password.
pub(crate) fn shown(url: &Uri) -> String {
    let (scheme, host) = (url.scheme_str().unwrap_or_default(), url.host().unwrap_or_default());
    let port = url.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{scheme}://{host}{port}")
}

type Pending<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl Service<Uri> for Connector {
    type Response = Opened;
    type Error = Error;
    type Future = Pending<Opened, Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let (connector, place) = (self.clone(), shown(&target));
        let opened = tokio::time::timeout(self.timeout, connector.open(target));
        Box::pin(async move { opened.await.unwrap_or_else(|_| Err(failed::too_slow(&place))) })
    }
}

/// The system's resolver, whose errors can be told from those of TCP.
#[derive(Clone)]
struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = Unresolved;
    type Future = Pending<GaiAddrs, Unresolved>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        self.0.poll_ready(context).map_err(Unresolved)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let addresses = self.0.call(name);
        Box::pin(async move { addresses.await.map_err(Unresolved) })
    }
}

impl Connection for Opened {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.is_proxied)
    }
}

impl hyper::rt::Read for Opened {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl hyper::rt::Write for Opened {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}
