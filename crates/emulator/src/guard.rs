//! Rejects requests of foreign web pages. Any page that is open in a browser can send requests to this machine.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;

use crate::controls;
use crate::wire::{JSON, Refusal};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

#[derive(Clone)]
pub(crate) struct Guard {
    /// The accepted names in `Host` beside those of loopback.
    hosts: Arc<[String]>,
}

impl Guard {
    /// Creates the guard of an emulator that listens on this address and accepts these names.
    pub(crate) fn new(address: IpAddr, names: &[String]) -> io::Result<Guard> {
        let bound = Authority::try_from(SocketAddr::new(address, 0).to_string()).map_err(io::Error::other)?;
        let names = names.iter().map(|name| host_name(name)).collect::<io::Result<Vec<_>>>()?;
        Ok(Guard { hosts: names.into_iter().chain([bound.host().to_owned()]).collect() })
    }

    pub(crate) fn check(&self, head: &Parts, body: &Result<Bytes, Refusal>) -> Result<(), Refusal> {
        let Some(host) = self.known_host(head) else {
            let error = "The emulator accepts only a loopback Host, its own address, and the names of --allow-host.";
            return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, error));
        };
        if is_cross_origin(&head.headers, &host) {
            let error = "The emulator rejects requests from web pages of another origin.";
            return Err(Refusal::new(StatusCode::FORBIDDEN, error));
        }
        // A page can send other media types than JSON without a CORS preflight request.
        let has_body = body.as_ref().map_or(true, |body| !body.is_empty());
        if controls::own(head.uri.path()) && has_body && !is_json(&head.headers) {
            let error = "A control accepts a body only with `Content-Type: application/json`.";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
        }
        Ok(())
    }

    /// Returns the `Host` of a request if it is known. A page cannot forge this header, so an attacker's name that resolves
    /// to this machine (DNS rebinding) is rejected.
    fn known_host(&self, head: &Parts) -> Option<Authority> {
        let host = Authority::try_from(only(&head.headers, &HOST)?.as_bytes()).ok()?;
        let is_known = self.knows(&host) && head.uri.authority().is_none_or(|target| self.knows(target));
        is_known.then_some(host)
    }

    fn knows(&self, authority: &Authority) -> bool {
        let host = authority.host();
        let mut known = LOOPBACK.into_iter().chain(self.hosts.iter().map(String::as_str));
        known.any(|known| host.eq_ignore_ascii_case(known)) && !authority.as_str().contains('@')
    }
}

/// Checks that a name has no scheme, user, port or wildcard.
fn host_name(name: &str) -> io::Result<String> {
    let is_name = Authority::try_from(name).is_ok_and(|authority| authority.host() == name) && !name.contains('*');
    is_name.then(|| name.to_owned()).ok_or_else(|| {
        let error = format!("the allowed host `{name}` is not a host name without scheme and port");
        io::Error::new(io::ErrorKind::InvalidInput, error)
    })
}

/// Whether a browser sends the request for a page of another origin. Other clients send neither header.
fn is_cross_origin(headers: &HeaderMap, host: &Authority) -> bool {
    let own = format!("http://{host}");
    let is_own = |origin: &HeaderValue| origin.as_bytes().eq_ignore_ascii_case(own.as_bytes());
    let is_sent_from_here = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
    !headers.get_all(ORIGIN).iter().all(is_own) || !headers.get_all(SEC_FETCH_SITE).iter().all(is_sent_from_here)
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = only(headers, &CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(JSON)
}

/// The value of a header that occurs exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}
