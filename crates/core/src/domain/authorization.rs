//! The type of the `Authorization` header for Codat.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

use super::api_key::ApiKey;

const SCHEME: &str = "Basic ";

/// The value of the `Authorization` header for Codat: `Basic`, a space, and the API key **alone** in padded standard
/// Base64. The basic-auth functions of HTTP libraries add a colon to the key, and Codat rejects that header.
///
/// The value is as secret as the API key, and `Debug` redacts it. Only [`AuthorizationHeader::expose_secret`] and
/// [`AuthorizationHeader::to_header_value`] return it.
///
/// ```
/// use codat_keys::{ApiKey, AuthorizationHeader};
///
/// let header = AuthorizationHeader::from(&ApiKey::parse("example")?);
/// assert_eq!(header.expose_secret(), "Basic ZXhhbXBsZQ==");
/// # Ok::<(), codat_keys::Error>(())
/// ```
#[derive(Clone)]
pub struct AuthorizationHeader {
    value: Zeroizing<Box<str>>,
    key: ApiKey,
}

impl AuthorizationHeader {
    /// Returns the value of the header, `Basic …`. The caller must keep it secret.
    ///
    /// `AuthorizationHeader` implements no trait that returns the value, such as `AsRef`. The following example does
    /// not compile:
    ///
    /// ```compile_fail
    /// fn text(header: &codat_keys::AuthorizationHeader) -> &str {
    ///     header.as_ref()
    /// }
    /// ```
    pub fn expose_secret(&self) -> &str {
        &self.value
    }

    /// Returns the API key in this header.
    pub fn api_key(&self) -> &ApiKey {
        &self.key
    }

    /// Returns the value of the header as a type of the `http` crate. The value is marked as sensitive, so that HTTP
    /// libraries do not log it.
    pub fn to_header_value(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(self.expose_secret()).expect("`Basic` and Base64 are visible ASCII");
        value.set_sensitive(true);
        value
    }
}

impl From<&ApiKey> for AuthorizationHeader {
    fn from(key: &ApiKey) -> Self {
        let encoded = Zeroizing::new(STANDARD.encode(key.expose_secret()));
        Self { value: Zeroizing::new([SCHEME, &encoded].concat().into()), key: key.clone() }
    }
}

impl PartialEq for AuthorizationHeader {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for AuthorizationHeader {}

impl fmt::Debug for AuthorizationHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorizationHeader({})", self.key.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_shown_masked_and_compared_by_its_key() {
        let header = |key| AuthorizationHeader::from(&ApiKey::parse(key).unwrap());
        assert_eq!(format!("{:?}", header("MadeUpKey0123")), "AuthorizationHeader(****0123)");
        assert!(header("MadeUpKey") == header("MadeUpKey") && header("MadeUpKey") != header("Other"));
        assert_eq!(header("MadeUpKey").api_key().expose_secret(), "MadeUpKey");
    }
}
