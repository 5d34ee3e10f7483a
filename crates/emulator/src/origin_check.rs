//! Rejection of requests from web pages. Without this check, any page that is open in a browser could send requests to
//! the emulator.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;

use crate::wire::{ApiError, JSON, is_control_path};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

#[derive(Clone)]
pub(crate) struct OriginCheck {
    /// The host names that are accepted in the `Host` header, in addition to the loopback names.
    hosts: Arc<[String]>,
}

impl OriginCheck {
    /// Creates the check for an emulator that listens on `address`. `names` are additional host names to accept.
    pub(crate) fn new(address: IpAddr, names: &[String]) -> io::Result<OriginCheck> {
        let bound = Authority::try_from(SocketAddr::new(address, 0).to_string()).map_err(io::Error::other)?;
        let names = names.iter().map(|name| host_name(name)).collect::<io::Result<Vec<_>>>()?;
        Ok(OriginCheck { hosts: names.into_iter().chain([bound.host().to_owned()]).collect() })
    }

    pub(crate) fn check(&self, head: &Parts, body: &Result<Bytes, ApiError>) -> Result<(), ApiError> {
        let Some(host) = self.accepted_host(head) else {
            let error = "The emulator accepts only a loopback Host, its own address, and the names of --allow-host.";
            return Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, error));
        };
        if is_cross_origin(&head.headers, &host) {
            let error = "The emulator rejects requests from web pages of another origin.";
            return Err(ApiError::new(StatusCode::FORBIDDEN, error));
        }
        // Rejects a body of any media type other than JSON, because a web page can send such a body without a CORS
        // preflight request.
        let has_body = body.as_ref().map_or(true, |body| !body.is_empty());
        if is_control_path(head.uri.path()) && has_body && !is_json(&head.headers) {
            let error = "A control accepts a body only with `Content-Type: application/json`.";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
        }
        Ok(())
    }

    /// Returns the `Host` header of a request if the emulator accepts the host in this header. If the request target
    /// also contains a host, the emulator must accept both hosts. Returns `None` in all other cases. A web page cannot
    /// forge the `Host` header. In a DNS rebinding attack, `Host` contains the attacker's host name, so the request is
    /// rejected.
    fn accepted_host(&self, head: &Parts) -> Option<Authority> {
        let host = Authority::try_from(single(&head.headers, &HOST)?.as_bytes()).ok()?;
        let is_accepted = self.accepts(&host) && head.uri.authority().is_none_or(|target| self.accepts(target));
        is_accepted.then_some(host)
    }

    fn accepts(&self, authority: &Authority) -> bool {
        let host = authority.host();
        let mut accepted = LOOPBACK.into_iter().chain(self.hosts.iter().map(String::as_str));
        accepted.any(|name| host.eq_ignore_ascii_case(name)) && !authority.as_str().contains('@')
    }
}

/// Checks and returns a host name. Returns an error if the name contains a scheme, a user, a port or a wildcard.
fn host_name(name: &str) -> io::Result<String> {
    let is_name = Authority::try_from(name).is_ok_and(|authority| authority.host() == name) && !name.contains('*');
    is_name.then(|| name.to_owned()).ok_or_else(|| {
        let error = format!("the allowed host `{name}` is not a host name without scheme and port");
        io::Error::new(io::ErrorKind::InvalidInput, error)
    })
}

/// Returns true if the request comes from a web page of another origin. Returns false if the request has neither
/// `Origin` nor `Sec-Fetch-Site`, because only browsers send these headers.
fn is_cross_origin(headers: &HeaderMap, host: &Authority) -> bool {
    let own = format!("http://{host}");
    let is_own = |origin: &HeaderValue| origin.as_bytes().eq_ignore_ascii_case(own.as_bytes());
    let is_same_site = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
    !headers.get_all(ORIGIN).iter().all(is_own) || !headers.get_all(SEC_FETCH_SITE).iter().all(is_same_site)
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = single(headers, &CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(JSON)
}

/// Returns the value of a header. Returns `None` if the header is missing or occurs more than once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}
