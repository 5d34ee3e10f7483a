//! Errors of failed connections. A final error is not retried. If TLS fails, or if the proxy rejects the connection
//! with a status such as 403 or 407, the error is final. If a host name cannot be resolved, the error is not final.

use std::io;
use std::time::Duration;

use http::StatusCode;
use url::Url;

use super::proxy::Proxy;
use super::source::chain;
use super::tls::handshake_error;
use crate::error::{Error, ErrorKind};

/// The destination of a request: the server, and the proxy if the request uses a proxy.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) url: &'a Url,
    pub(super) origin: &'a str,
    pub(super) proxy: Option<&'a Proxy>,
    pub(super) connect_timeout: Duration,
}

/// Returns the error for a failed connection. Nothing was sent to Codat.
pub(super) async fn connect_error(source: reqwest::Error, target: Target<'_>) -> Error {
    let source = source.without_url();
    let error = match (tunnel(&source), target.proxy) {
        (Some(refused @ (Tunnel::Unauthorized | Tunnel::Refused)), Some(proxy)) => {
            refused_tunnel(refused, proxy, target).await
        }
        (Some(Tunnel::Broken), Some(proxy)) => {
            let what = format!("the proxy {} closed the connection without a response", proxy.origin());
            Error::new(ErrorKind::Connect, what).with_hint(PROXY_HINT)
        }
        (Some(Tunnel::Unreached), Some(proxy)) => not_connected(&source, &format!("the proxy {}", proxy.origin())),
        // An `http` request is sent to the proxy without a tunnel.
        (None, Some(proxy)) if target.url.scheme() == "http" => {
            not_connected(&source, &format!("the proxy {}", proxy.origin()))
        }
        _ => not_connected(&source, target.origin),
    };
    error.with_source(source)
}

const PROXY_HINT: &str = "check the URL of the proxy";

/// The reason why the proxy did not open a tunnel to the server.
enum Tunnel {
    /// No connection to the proxy was made.
    Unreached,
    /// The proxy closed the connection without a complete response.
    Broken,
    /// The proxy responded with 407.
    Unauthorized,
    /// The proxy responded with a status other than 200 and 407.
    Refused,
}

/// Returns why the proxy did not open a tunnel, or `None` if the error has another cause. Identifies the reason by the
/// text of the error, because hyper-util does not export the type of the error.
fn tunnel(source: &reqwest::Error) -> Option<Tunnel> {
    let text = chain(source).map(|error| error.to_string()).find(|text| text.starts_with("tunnel error: "))?;
    Some(match text.as_str() {
        "tunnel error: failed to create underlying connection" => Tunnel::Unreached,
        "tunnel error: proxy authorization required" => Tunnel::Unauthorized,
        "tunnel error: unexpected end of file" | "tunnel error: io error establishing tunnel" => Tunnel::Broken,
        _ => Tunnel::Refused,
    })
}

async fn refused_tunnel(refused: Tunnel, proxy: &Proxy, Target { url, connect_timeout, .. }: Target<'_>) -> Error {
    let place = proxy.origin();
    let target = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    if matches!(refused, Tunnel::Unauthorized) {
        return refused_by_proxy(StatusCode::PROXY_AUTHENTICATION_REQUIRED, &place, &target);
    }
    let asked = tokio::time::timeout(connect_timeout, proxy.ask_for_tunnel(&target)).await;
    let Ok(Ok(line)) = asked else {
        let what = format!("the proxy {place} refused to connect to {target}");
        return Error::new(ErrorKind::Connect, what).with_hint(PROXY_HINT);
    };
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).map(str::parse);
    match status {
        Some(Ok(status)) => refused_by_proxy(status, &place, &target),
        _ => Error::new(ErrorKind::Connect, format!("the proxy {place} does not answer with HTTP"))
            .with_hint(PROXY_HINT)
            .into_final(),
    }
}

fn not_connected(source: &reqwest::Error, place: &str) -> Error {
    // hyper-util does not export the types of these errors, so their text is compared.
    let failed = |step: &str| chain(source).any(|error| error.to_string() == step);
    if failed("dns error") {
        let cause = chain(source).last().map(|cause| cause.to_string()).unwrap_or_default();
        let cause = cause.strip_prefix("failed to lookup address information: ").unwrap_or(&cause);
        return Error::new(ErrorKind::Connect, format!("the host name of {place} cannot be resolved: {cause}"));
    }
    if failed("invalid URL, scheme is not http") {
        let what = format!("no connection to {place} could be made: the given HTTP client has no TLS");
        return Error::new(ErrorKind::Connect, what).with_hint("enable a TLS feature of reqwest").into_final();
    }
    if let Some(error) = handshake_error(source, place) {
        return error;
    }
    match chain(source).filter_map(|error| error.downcast_ref::<io::Error>()).last() {
        Some(cause) if cause.kind() == io::ErrorKind::TimedOut => too_slow(place),
        Some(cause) if failed("tcp connect error") => {
            Error::new(ErrorKind::Connect, format!("no connection to {place} could be made: {}", words(cause)))
        }
        Some(cause) => {
            let what = format!("the TLS handshake with {place} did not end: {}", words(cause));
            Error::new(ErrorKind::Connect, what)
        }
        None if source.is_timeout() => too_slow(place),
        None => Error::new(ErrorKind::Connect, format!("no connection to {place} could be made")),
    }
}

fn too_slow(place: &str) -> Error {
    Error::new(ErrorKind::Timeout, format!("no connection to {place} was made in time"))
        .with_hint(ErrorKind::Connect.hint())
}

/// Returns the error for a proxy that rejects a `CONNECT` request with the status `status`. The error is retryable if
/// the status is 408, 429 or 5xx.
fn refused_by_proxy(status: StatusCode, place: &str, target: &str) -> Error {
    let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
    let what = format!("the proxy {place} answered {}{reason} when asked to connect to {target}", status.as_u16());
    let error = Error::new(ErrorKind::Connect, what);
    match status.as_u16() {
        407 => error
            .with_hint("give the user name and the password in the proxy's URL: http://USER:PASSWORD@HOST:PORT")
            .into_final(),
        408 | 429 | 500..=599 => error.with_hint("try again later, or ask the operator of the proxy"),
        _ => error.with_hint("ask the operator of the proxy to allow connections there").into_final(),
    }
}

/// Describes an I/O error. For common errors, the description is a short text without an error number.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there (connection refused)".into(),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => "the other side closed the connection".into(),
        io::ErrorKind::HostUnreachable => "the host is unreachable".into(),
        io::ErrorKind::NetworkUnreachable => "the network is unreachable".into(),
        io::ErrorKind::TimedOut => "it took too long".into(),
        _ => error.to_string(),
    }
}
