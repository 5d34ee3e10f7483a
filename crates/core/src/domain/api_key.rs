//! The type of an API key. Only [`ApiKey::expose_secret`] returns the text of the key.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::mistake::{check_characters, check_spaces};
use crate::error::Error;
use crate::lookalikes::MASK;
use crate::needles::Needles;

/// The maximum length of an API key in a response. Longer keys are ignored, because each listed key takes memory for
/// redaction. Codat's keys have 40 characters.
const MAX_LISTED_BYTES: usize = 200;

/// A Codat API key.
///
/// `Debug` redacts the key, and there is no `Display` and no serialization. Only [`ApiKey::expose_secret`] returns the
/// text of the key. Comparisons take constant time. Dropping the value wipes the key from memory, except for copies in
/// the operating system and the HTTP library.
///
/// ```
/// use codat_keys::ApiKey;
///
/// let key: ApiKey = "ExampleKeyForTheDocs0000000000000000000A".parse()?; // as `ApiKey::parse` and `ApiKey::try_from`
/// assert_eq!(format!("{key:?}"), "ApiKey(****000A)");
/// # Ok::<(), codat_keys::Error>(())
/// ```
#[derive(Clone)]
pub struct ApiKey(Zeroizing<Box<str>>);

impl ApiKey {
    /// Creates a key without the checks of [`ApiKey::parse`] for common mistakes. Use this function for a valid key
    /// that `parse` rejects.
    ///
    /// # Errors
    /// `InvalidCredential` for empty text, white space, surrounding quotes, control characters and non-ASCII
    /// characters.
    pub fn verbatim(text: &str) -> Result<Self, Error> {
        check_characters(text)
            .and_then(|()| check_spaces(text))
            .map(|()| Self::from_checked(text))
            .map_err(|mistake| mistake.in_place("the API key"))
    }

    /// Parses a key from a response. Returns `None` if the text cannot be a key, or is longer than 200 bytes.
    pub(crate) fn listed(text: &str) -> Option<Self> {
        Self::verbatim(text).ok().filter(|_| text.len() <= MAX_LISTED_BYTES)
    }

    /// Returns the text of the key. The caller must keep it secret.
    ///
    /// `ApiKey` implements no trait that returns the text, such as `AsRef` or `Display`. The following examples do not
    /// compile:
    ///
    /// ```compile_fail
    /// fn text(key: &codat_keys::ApiKey) -> &str {
    ///     key.as_ref()
    /// }
    /// ```
    ///
    /// ```compile_fail
    /// fn text(key: &codat_keys::ApiKey) -> String {
    ///     key.to_string()
    /// }
    /// ```
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    /// Returns four asterisks and the last four characters of the key, such as `****kGHd`. For a key of fewer than
    /// twelve characters, returns only the asterisks.
    pub fn masked(&self) -> String {
        let key = self.expose_secret();
        let shown = if key.len() < 12 { "" } else { &key[key.len() - 4..] };
        format!("{MASK}{shown}")
    }

    /// Creates a key without checks. The caller must first check the text with [`check_characters`] and
    /// [`check_spaces`].
    pub(crate) fn from_checked(text: &str) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Redacts this key from text, for a terminal or a log. Finds the key itself and its encodings in hexadecimal and
    /// Base64, including the Base64 encodings of `user:key` and `key:password`. Each of these forms is found even if
    /// its characters are escaped once or several times, as in URLs, JSON or HTML. White space and invisible characters
    /// within a form are ignored. Other encodings are not recognized.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_twelve_characters_shows_its_last_four() {
        let key = |text| ApiKey::parse(text).unwrap();
        for (text, masked) in [("MadeUpKey01", "****"), ("MadeUpKey012", "****y012"), ("MadeUpKey0123", "****0123")] {
            assert_eq!(key(text).masked(), masked);
            assert_eq!(format!("{:?}", key(text)), format!("ApiKey({masked})"));
            assert_eq!(key(text).expose_secret(), text);
        }
        assert!(key("MadeUpKey") == key("MadeUpKey") && key("MadeUpKey") != key("MadeUpKex"));
        assert_eq!(key("MadeUpKey").redact("no MadeUpKe%79"), "no ****");
    }

    #[test]
    fn a_listed_key_has_at_most_200_bytes() {
        let listed = |length| ApiKey::listed(&"k".repeat(length)).is_some();
        assert!(listed(1) && listed(200) && !listed(201) && !listed(0));
    }
}
