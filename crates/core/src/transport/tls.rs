//! The TLS configuration, with rustls, ring and the bundled roots. Each client has its own configuration, because two
//! bindings may share a process.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::{Error, ErrorKind};
use crate::text::{NotText, decode};
use crate::trusted_file::{OpenError, open_trusted};

const HINT: &str = "give the path of a PEM file with the certificate of the authority that signs for your proxy";

/// Returns a configuration that trusts the bundled roots and the certificates in a CA file. `ca_file` is the path of
/// the file, and the name of the setting for error messages.
pub(crate) fn config(ca_file: Option<(PathBuf, &str)>) -> Result<rustls::ClientConfig, Error> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some((path, place)) = ca_file {
        let unusable = |what: String| {
            Error::new(ErrorKind::InvalidInput, format!("{place} ({}) {what}", path.display())).with_hint(HINT)
        };
        let bytes = read(&path).map_err(|error| unusable(error.to_string()).with_hint(error.hint(HINT)))?;
        for certificate in certificates(&bytes).map_err(unusable)? {
            roots
                .add(certificate)
                .map_err(|source| unusable(format!("holds a certificate that is not valid: {source}")))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| Error::new(ErrorKind::Internal, "TLS could not be set up").with_source(source))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Reads a CA file. Rejects a file that other users can change, because they could add a certificate and intercept
/// requests.
fn read(path: &Path) -> Result<Vec<u8>, OpenError> {
    let mut bytes = Vec::new();
    open_trusted(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
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
