//! The API key: kept apart, shown only on request.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::mistake::{check_characters, check_spaces};
use crate::error::Error;
use crate::lookalikes::MASK;
use crate::needles::Needles;

/// Codat's keys have 40 bytes. The automaton that finds keys in texts holds several forms of each key.
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
    /// Takes a key as it stands, for a form that this library does not foresee.
    ///
    /// # Errors
    /// `InvalidCredential` for what cannot be sent in a header: an empty text, white space, quotes around it, control
    /// or non-ASCII characters. Nothing else is checked.
    pub fn verbatim(text: &str) -> Result<Self, Error> {
        check_characters(text)
            .and_then(|()| check_spaces(text))
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

    /// For text that [`check_characters`] and [`check_spaces`] have accepted.
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
        Needles::of([self.expose_secret()]).redact(text).into_owned()
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
