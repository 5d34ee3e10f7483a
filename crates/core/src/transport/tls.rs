//! TLS with rustls and the bundled root certificates. Each client has its own crypto provider. This crate does not set
//! the global crypto provider of rustls, because other libraries in the process may use that provider.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::CertificateError;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::source::find;
use crate::error::{Error, ErrorKind};
use crate::text::{NotText, decode};
use crate::trusted_file::read_trusted;

/// The maximum size of a CA file in MiB. The bundled root certificates need less than 1 MiB.
const MAX_MIB: u64 = 16;

const HINT: &str = "give the path of a PEM file with the certificate of the authority that signs for your proxy";

const CA_HINT: &str = "check the base URL; behind a proxy that opens TLS, name the certificate of its authority in CODAT_CA_FILE \
                       (or `ca_file`): the authority's, not the server's own";

/// The TLS configuration of a client.
#[derive(Clone)]
pub(crate) struct Tls(rustls::ClientConfig);

impl Tls {
    /// Returns a configuration that trusts the bundled root certificates and the certificates in a CA file. `ca_file`
    /// contains the path of the CA file, and the name of the setting that specifies this path. Error messages contain
    /// both.
    pub(crate) fn new(ca_file: Option<(PathBuf, &str)>, _is_needed: bool) -> Result<Self, Error> {
        let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some((path, place)) = ca_file {
            let unusable = |what: String| {
                Error::new(ErrorKind::InvalidInput, format!("{place} ({}) {what}", path.display())).with_hint(HINT)
            };
            // Other users must not be able to change the file: they could add a certificate and then read requests.
            let bytes = read_trusted(&path, MAX_MIB)
                .map_err(|error| unusable(error.to_string()).with_hint(error.hint(HINT)))?;
            for certificate in certificates(&bytes).map_err(unusable)? {
                roots
                    .add(certificate)
                    .map_err(|source| unusable(format!("holds a certificate that is not valid: {source}")))?;
            }
        }
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| Error::new(ErrorKind::Internal, "TLS could not be set up").with_source(source))?;
        Ok(Self(config.with_root_certificates(roots).with_no_client_auth()))
    }

    /// Returns a copy without TLS sessions, for use in the child process after a fork.
    pub(super) fn for_this_process(&self) -> Self {
        let mut own = self.clone();
        own.0.resumption = Resumption::default();
        own
    }

    pub(super) fn set(&self, client: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        client.tls_backend_preconfigured(self.0.clone())
    }
}

/// Returns the crypto provider: ring with the feature `ring`, otherwise aws-lc.
fn provider() -> CryptoProvider {
    #[cfg(feature = "ring")]
    return rustls::crypto::ring::default_provider();
    #[cfg(not(feature = "ring"))]
    rustls::crypto::aws_lc_rs::default_provider()
}

/// Returns the error for a failed TLS handshake, or `None` if `source` is another error.
pub(super) fn handshake_error(source: &(dyn std::error::Error + 'static), place: &str) -> Option<Error> {
    let error = |what: String| Error::new(ErrorKind::Connect, what).into_final();
    Some(match find(source)? {
        rustls::Error::InvalidCertificate(reason) => {
            error(format!("the certificate of {place} {}", certificate(reason))).with_hint(CA_HINT)
        }
        rustls::Error::InvalidMessage(_) => error(format!("{place} does not answer with TLS"))
            .with_hint("check the scheme and the port: an unencrypted port needs http://"),
        rustls::Error::AlertReceived(alert) => {
            error(format!("{place} ended the TLS handshake with the alert {alert:?}")).with_hint(CA_HINT)
        }
        _ => error(format!("no TLS connection to {place} could be made")),
    })
}

fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = match decode(bytes) {
        Err(NotText::Utf16) => return Err(format!("{}: {}", NotText::Utf16, NotText::HINT)),
        decoded => decoded.map_err(|_| "is not PEM")?,
    };
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err("holds no certificate".into()),
        Ok(certificates) => Ok(certificates),
        Err(_) => Err("is not PEM".into()),
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
        other if other.to_string().contains("CaUsedAsEndEntity") => "is that of an authority, not of a server".into(),
        _ => "is not valid".into(),
    }
}
