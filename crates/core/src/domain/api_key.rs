//! The API key: kept apart, shown only on request.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::credential::{self, Credential};
use super::mistake::Mistake;
use crate::error::Error;
use crate::needles::Needles;

pub(crate) const MASK: &str = "****";

/// Codat's keys have 40. The search for keys in texts holds each of them many times.
const MAX_LISTED_BYTES: usize = 200;

/// A Codat API key: a secret.
///
/// It is redacted in `Debug`, has no `Display` and no serialisation, compares in constant time and is wiped from
/// memory when dropped (best effort: copies made by the operating system or the HTTP stack are out of reach).
/// [`ApiKey::expose_secret`] is the only way to its value.
///
/// ```
/// use codat_keys::ApiKey;
///
/// let key = ApiKey::parse("ExampleKeyForTheDocs0000000000000000000A")?;
/// assert_eq!(format!("{key:?}"), "ApiKey(****000A)");
/// # Ok::<(), codat_keys::Error>(())
/// ```
#[derive(Clone)]
pub struct ApiKey(Zeroizing<Box<str>>);

impl ApiKey {
    /// Reads a raw key, as an application stores it.
    ///
    /// # Errors
    /// `InvalidCredential`, with the mistake and its repair, where the text is not a raw key: empty, white space,
    /// quotes, control or non-ASCII characters, a whole header, a `Bearer` token, an already encoded key, a key with a
    /// colon behind it. Source of the rules: Codat's authentication page, and the errors that HTTP helpers make.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text).map_err(|mistake| mistake.in_place("the API key"))
    }

    /// Takes a key as it stands, for a form that this library does not foresee.
    ///
    /// # Errors
    /// `InvalidCredential` for what cannot be sent in a header: an empty text, white space, quotes around it, control
    /// or non-ASCII characters. Nothing else is checked.
    pub fn verbatim(text: &str) -> Result<Self, Error> {
        credential::check_characters(text)
            .and_then(|()| credential::check_spaces(text))
            .map(|()| Self::from_checked(text))
            .map_err(|mistake| mistake.in_place("the API key"))
    }

    /// Takes the key of a response. `None` if it cannot be a key.
    pub(crate) fn listed(text: &str) -> Option<Self> {
        Self::verbatim(text).ok().filter(|_| text.len() <= MAX_LISTED_BYTES)
    }

    /// The value itself. Whoever calls this is responsible for where it goes.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    /// The last four characters after four asterisks, `****kGHd`, for people to tell keys apart; only the asterisks for a
    /// key shorter than twelve characters.
    pub fn masked(&self) -> String {
        let key = self.expose_secret();
        let shown = if key.len() < 12 { "" } else { &key[key.len() - 4..] };
        format!("{MASK}{shown}")
    }

    pub(crate) fn read(text: &str) -> Result<Self, Mistake> {
        match Credential::read(text)? {
            Credential::ApiKey(key) => Ok(key),
            Credential::Header(_) => Err(Mistake::HeaderForKey),
        }
    }

    /// For text that [`credential`] has found to be printable ASCII without spaces.
    pub(crate) fn from_checked(text: &str) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Replaces this key by asterisks in a text that somebody else wrote, for a terminal or a log: the key itself; the
    /// Base64 of it, also together with a user name or a password; its hexadecimal digits. Each may be escaped for a URL,
    /// JSON or HTML, in part or repeatedly, and may be split by white space and invisible characters. Other encodings are
    /// not recognized.
    ///
    /// ```
    /// use codat_keys::ApiKey;
    ///
    /// let key = ApiKey::parse("ExampleKeyForTheDocs")?;
    /// assert_eq!(key.redact("no key Example%4BeyForTheDocs"), "no key ****");
    /// # Ok::<(), codat_keys::Error>(())
    /// ```
    pub fn redact(&self, text: &str) -> String {
        Needles::of([self]).redact(text).into_owned()
    }
}

impl PartialEq for ApiKey {
    fn eq(&self, other: &Self) -> bool {
        self.expose_secret().as_bytes().ct_eq(other.expose_secret().as_bytes()).into()
    }
}

impl Eq for ApiKey {}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.masked())
    }
}
