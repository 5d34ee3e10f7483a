//! Why no connection was made, in words for people. An error is final where a repeat cannot help: a proxy that refuses, TLS
//! that fails. A name that cannot be resolved is not: the system tells one that does not exist from a resolver that is out of
//! order on some platforms alone.

use std::io;

use http::StatusCode;
use rustls::CertificateError;

use crate::error::{Error, ErrorKind};

const CA_HINT: &str = "check the base URL; behind a proxy that opens TLS, name the certificate of its authority in CODAT_CA_FILE \
                       (or `ca_file`): the authority's, not the server's own";

/// The system's resolver has no address for a name.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Unresolved(pub(crate) io::Error);

type Cause = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn too_slow(place: &str) -> Error {
    Error::new(ErrorKind::Timeout, format!("no connection to {place} was made in time"))
        .hint_is(ErrorKind::Connect.hint())
}

pub(crate) fn unreachable(place: &str) -> Error {
    Error::new(ErrorKind::Connect, format!("no connection to {place} could be made"))
}

pub(crate) fn tcp(source: impl Into<Cause>, place: &str) -> Error {
    let source = source.into();
    let error = match find::<Unresolved>(&*source) {
        Some(Unresolved(cause)) => {
            let cause = cause.to_string();
            let cause = cause.strip_prefix("failed to lookup address information: ").unwrap_or(&cause);
            Error::new(ErrorKind::Connect, format!("the host name of {place} cannot be resolved: {cause}"))
        }
        None => match find::<io::Error>(&*source) {
            Some(cause) if cause.kind() == io::ErrorKind::TimedOut => too_slow(place),
            Some(cause) => {
                Error::new(ErrorKind::Connect, format!("no connection to {place} could be made: {}", words(cause)))
            }
            None => unreachable(place),
        },
    };
    error.caused_by(source)
}

pub(crate) fn tls(source: io::Error, place: &str) -> Error {
    let error = match source.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            Error::new(ErrorKind::Connect, format!("the certificate of {place} {}", certificate(reason)))
                .hint_is(CA_HINT)
                .made_final()
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            Error::new(ErrorKind::Connect, format!("{place} does not answer with TLS"))
                .hint_is("check the scheme and the port: an unencrypted port is reached by http:// alone")
                .made_final()
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            let what = format!("{place} ended the TLS handshake with the alert {alert:?}");
            Error::new(ErrorKind::Connect, what).hint_is(CA_HINT).made_final()
        }
        Some(_) => Error::new(ErrorKind::Connect, format!("no TLS connection to {place} could be made")).made_final(),
        None => {
            let what = format!("the TLS handshake with {place} did not end: {}", words(&source));
            Error::new(ErrorKind::Connect, what)
        }
    };
    error.caused_by(source)
}

/// The proxy did not answer as HTTP says, or not at all.
pub(crate) fn tunnel(source: hyper::Error, place: &str) -> Error {
    let error = if source.is_parse() {
        Error::new(ErrorKind::Connect, format!("the proxy {place} does not answer with HTTP")).made_final()
    } else {
        Error::new(ErrorKind::Connect, format!("the proxy {place} closed the connection without an answer"))
    };
    error.hint_is("check the URL of the proxy").caused_by(source)
}

/// A proxy that may be able to reach the target later says so by its status.
pub(crate) fn refused_by_proxy(status: StatusCode, place: &str, target: &str) -> Error {
    let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
    let what = format!("the proxy {place} answered {}{reason} when asked to connect to {target}", status.as_u16());
    let error = Error::new(ErrorKind::Connect, what);
    match status.as_u16() {
        407 => error
            .hint_is("give the user name and the password in the proxy's URL: http://USER:PASSWORD@HOST:PORT")
            .made_final(),
        408 | 429 | 500..=599 => error.hint_is("try again later, or ask whoever runs the proxy"),
        _ => error.hint_is("ask whoever runs the proxy to let it connect there").made_final(),
    }
}

/// What the system says, without its number.
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

fn certificate(reason: &CertificateError) -> String {
    match reason {
        CertificateError::UnknownIssuer => "is signed by an authority that is not trusted".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired, or the clock of this machine is wrong".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet, or the clock of this machine is wrong".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another host name".into()
        }
        CertificateError::Revoked => "was revoked".into(),
        other => format!("is not valid: {other}"),
    }
}

/// The first error of that type in the chain of causes.
pub(crate) fn find<'a, E: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a E> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error hides the error that it wraps from `source`.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map(|wrapped| wrapped as _).or(error.source());
    }
    None
}
