//! The `Authorization` header: how a key is sent.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

use super::api_key::ApiKey;

const SCHEME: &str = "Basic ";

/// The value of the `Authorization` header that Codat expects: `Basic`, a space, and the standard padded Base64 of the
/// API key's bytes **alone**. (The "basic auth" helpers of HTTP libraries add a colon, which is a different header.)
///
/// It is as secret as the key: redacted in `Debug`, and handed out by [`AuthorizationHeader::expose_secret`] or, marked
/// sensitive, by [`AuthorizationHeader::to_header_value`].
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
    /// The header's value, `Basic …`. Whoever calls this is responsible for where it goes.
    pub fn expose_secret(&self) -> &str {
        &self.value
    }

    /// The key that this header carries.
    pub fn api_key(&self) -> &ApiKey {
        &self.key
    }

    /// The value for an HTTP library that uses the `http` crate's types, marked sensitive, so that it is kept out of
    /// logs and of compression tables.
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
